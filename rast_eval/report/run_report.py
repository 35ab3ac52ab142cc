"""A run's report: in the terminal, and as one page of blocks that is written as markdown and as HTML.

render_terminal(metrics, Console())     # what `rast-eval run` ends with
write_report(metrics, run)              # what it leaves in the run
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rast_eval.files import replace_file
from rast_eval.report import page, run_tables
from rast_eval.report.page import Block, Text
from rast_eval.report.table import Table, fits, plain_cell, render_table
from rast_eval.results.metrics import RunMetrics, frame, write_metrics

if TYPE_CHECKING:
    from rich.console import Console


def render_terminal(metrics: RunMetrics, console: Console, extra: Sequence[Table] = ()) -> None:
    """Print the report, its main table in the widest form that the console holds.

    Args:
        extra: further tables at the end.
    """
    from rich.text import Text as Line

    main = main_table(metrics)
    render_table(main if fits(main, console) else run_tables.list_table(metrics), console)
    if sentence := run_tables.headline(metrics):
        console.print(Line(f"\n{sentence}", style="bold"))
    for table in (*run_tables.detail_tables(metrics), *extra):
        console.print()
        render_table(table, console)
    for warning in metrics.warnings:
        console.print(Line(f"! {warning}", style="yellow"))


def blocks(metrics: RunMetrics, extra: Sequence[Table] = ()) -> list[Block]:
    """The report as a page."""
    sentence = run_tables.headline(metrics)
    return [
        *([Text(sentence)] if sentence else []),
        main_table(metrics),
        *run_tables.detail_tables(metrics),
        *extra,
        *(Text(f"Warning: {warning}") for warning in metrics.warnings),
    ]


def to_markdown(metrics: RunMetrics, extra: Sequence[Table] = ()) -> str:
    """What `report.md` holds."""
    return page.to_markdown(metrics.run, blocks(metrics, extra))


def to_csv(metrics: RunMetrics) -> str:
    """One line a figure, fractions, empty fields for what is undefined."""
    rows = frame(metrics).map(lambda value: plain_cell(value) if isinstance(value, str) else value)
    return str(rows.to_csv(index=False, lineterminator="\n"))


def write_report(metrics: RunMetrics, run: Path) -> None:
    """Write a run's own figures into it: metrics.json, report.md, report.html."""
    write_metrics(metrics, run)
    write_pages(metrics, run)


def write_pages(metrics: RunMetrics, folder: Path, extra: Sequence[Table] = ()) -> None:
    """Write report.md and report.html, with further tables at their end."""
    replace_file(folder / "report.md", to_markdown(metrics, extra))
    replace_file(folder / "report.html", page.to_html(metrics.run, blocks(metrics, extra)))


def main_table(metrics: RunMetrics) -> Table:
    """Scores and recovery in the paper's form: arms by benchmarks, or all figures of a single benchmark."""
    return run_tables.single_table(metrics) if len(metrics.benchmarks) == 1 else run_tables.matrix_table(metrics)
