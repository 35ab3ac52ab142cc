"""The files a report leaves in its run: report.md, report.html and metrics.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rast_eval.metrics import RunMetrics, write_metrics
from rast_eval.report import layout, tables
from rast_eval.report.html import Block, Text, to_html


def write_report(metrics: RunMetrics, run: Path, extra: Sequence[layout.Table] = ()) -> None:
    """Write all three, with further tables at the end of the pages."""
    write_metrics(metrics, run)
    markdown = tables.to_markdown(metrics)
    for table in extra:
        markdown += f"\n## {table.title}\n\n{tables.markdown_table(table)}"
    (run / "report.md").write_text(markdown, encoding="utf-8")
    sentence = layout.headline(metrics)
    blocks: list[Block] = [Text(sentence)] if sentence else []
    blocks += [tables.main_table(metrics), *layout.detail_tables(metrics), *extra]
    blocks += [Text(f"Warning: {warning}") for warning in metrics.warnings]
    (run / "report.html").write_text(to_html(layout.title(metrics), blocks), encoding="utf-8")
