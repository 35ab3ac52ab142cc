"""Reports drawn for people and for programs: terminal, markdown, LaTeX, CSV, JSON.

render_terminal(metrics, Console())     # what `rast-eval run` ends with
write_report(metrics, run)             # what it leaves in the run
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rast_eval.files import replace_file
from rast_eval.report import run_tables
from rast_eval.report.page import Block, Text, to_html
from rast_eval.report.table import DASH, Table, fits, latex, markdown_table, rate, render_table, score
from rast_eval.results.metrics import RunMetrics, to_jsonable, write_metrics

if TYPE_CHECKING:
    from rich.console import Console

CSV_HEADER = (
    *("run", "benchmark", "arm", "system", "prompt", "decoding", "max_tokens", "scorer", "problems", "samples"),
    *("metric", "k", "value", "low", "high", "se", "seeds_se", "note"),
)


def render_terminal(metrics: RunMetrics, console: Console, details: bool = True) -> None:
    """Print the report in the widest of its forms that the console holds.

    Args:
        details: also pass@k by k and the shares beside the scores.
    """
    from rich.text import Text as Line

    main = main_table(metrics)
    render_table(main if fits(main, console) else run_tables.list_table(metrics), console)
    if sentence := run_tables.headline(metrics):
        console.print(Line(f"\n{sentence}", style="bold"))
    if details:
        extras = run_tables.detail_tables(metrics)
        if not all(fits(extra, console) for extra in extras):
            extras = run_tables.detail_tables(metrics, intervals=False)
        for extra in extras:
            console.print()
            render_table(extra, console)
    for warning in metrics.warnings:
        console.print(Line(f"! {warning}", style="yellow"))


def to_markdown(metrics: RunMetrics, extra: Sequence[Table] = ()) -> str:
    """The report as GitHub-flavoured markdown, what `report.md` holds, with further tables at its end."""
    main = main_table(metrics)
    sentence = run_tables.headline(metrics)
    parts = [f"# {main.title}", "", *([f"**{sentence}**", ""] if sentence else [])]
    parts.append(markdown_table(main))
    for detail in run_tables.detail_tables(metrics):
        parts += [f"## {detail.title}", "", markdown_table(detail)]
    if metrics.warnings:
        parts += ["## Warnings", "", *(f"- {warning}" for warning in metrics.warnings), ""]
    for table in extra:
        parts += [f"## {table.title}", "", markdown_table(table)]
    return "\n".join(parts)


def to_latex(metrics: RunMetrics) -> str:
    """The paper's main table for booktabs and multirow-free documents: Avg. and RR. columns a benchmark."""
    names = metrics.benchmarks
    groups = " & ".join(rf"\multicolumn{{2}}{{c}}{{{latex(name)}}}" for name in names)
    rules = "".join(rf"\cmidrule(lr){{{2 * i + 2}-{2 * i + 3}}}" for i in range(len(names)))
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'rl' * len(names)}}}",
        r"\toprule",
        rf" & {groups} \\",
        rules,
        "Arm" + r" & Avg. & RR." * len(names) + r" \\",
        r"\midrule",
    ]
    for arm in metrics.arms:
        cells = [metrics.cell(arm, name) for name in names]
        system = next(c.system for c in metrics.cells if c.arm == arm)
        values = [DASH if c is None else score(c.accuracy) for c in cells]
        rates = [DASH if c is None else rate(c.recovery) for c in cells]
        body = " & ".join(latex(x) for pair in zip(values, rates, strict=True) for x in pair)
        lines.append(rf"{latex(arm.label)} ({latex(system)}) & {body} \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [f"% {line}" for line in (run_tables.SCORE_NOTE, run_tables.RECOVERY_NOTE)]
    return "\n".join(lines) + "\n"


def to_csv(metrics: RunMetrics) -> str:
    """One line a figure (tidy form), fractions, empty fields for what is undefined."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in _csv_rows(metrics):
        writer.writerow(["" if isinstance(x, float) and math.isnan(x) else x for x in row])
    return stream.getvalue()


def to_json(metrics: RunMetrics) -> str:
    """The content of metrics.json: fractions, undefined values as null."""
    return json.dumps(to_jsonable(metrics), indent=1) + "\n"


def _csv_rows(metrics: RunMetrics) -> Iterator[tuple[object, ...]]:
    for c in metrics.cells:
        labels = (metrics.run, c.benchmark, c.arm, c.system, c.prompt, c.decoding)
        head = (*labels, c.max_tokens, c.scorer, c.problems, c.samples)
        a = c.accuracy
        yield (*head, "accuracy", "", a.value, a.low, a.high, a.se, a.seeds_se, a.method)
        for name, values in (("pass", c.pass_at), ("majority", c.majority_at)):
            for k, e in values.items():
                yield (*head, name, k, e.value, e.low, e.high, e.se, "", e.method)
        if c.recovery is not None:
            r = c.recovery
            yield (*head, "recovery", "", r.value, r.low, r.high, "", "", r.note)
        for name in ("extracted", "truncated", "stopped_by_string", "timed_out", "errors"):
            yield (*head, name, "", getattr(c.shares, name), "", "", "", "", "")
        yield (*head, "mean_tokens", "", c.mean_tokens, "", "", "", "", "")


def write_report(metrics: RunMetrics, run: Path) -> None:
    """Write a run's own figures into it: metrics.json, report.md, report.html."""
    write_metrics(metrics, run)
    write_pages(metrics, run)


def write_pages(metrics: RunMetrics, folder: Path, extra: Sequence[Table] = ()) -> None:
    """Write report.md and report.html, with further tables at their end."""
    replace_file(folder / "report.md", to_markdown(metrics, extra))
    sentence = run_tables.headline(metrics)
    blocks: list[Block] = [Text(sentence)] if sentence else []
    blocks += [main_table(metrics), *run_tables.detail_tables(metrics), *extra]
    blocks += [Text(f"Warning: {warning}") for warning in metrics.warnings]
    replace_file(folder / "report.html", to_html(run_tables.title(metrics), blocks))


def main_table(metrics: RunMetrics) -> Table:
    """Scores and recovery in the paper's form: arms by benchmarks, or all figures of a single benchmark."""
    return run_tables.single_table(metrics) if len(metrics.benchmarks) == 1 else run_tables.matrix_table(metrics)
