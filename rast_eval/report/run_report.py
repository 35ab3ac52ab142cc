"""A run's report: in the terminal, and as one page of blocks that is written as markdown and as HTML.

render_terminal(metrics, Console())     # what `rast-eval run` ends with
write_report(metrics, run)              # what it leaves in the run
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rast_eval.files import replace_file
from rast_eval.report import links, page, run_tables, wording
from rast_eval.report.page import Block, Heading, Picture, Text
from rast_eval.report.run_figures import subset_figures
from rast_eval.report.table import Table, fits, latex, latex_table, plain_cell, render_table, visible
from rast_eval.results.frames import frame
from rast_eval.results.metrics import RunMetrics, write_metrics

if TYPE_CHECKING:
    from rich.console import Console


LINKED = "Each number leads to its samples while `rast-eval view` shows this run on this machine."


def render_terminal(metrics: RunMetrics, console: Console, extra: Sequence[Table] = ()) -> None:
    """Print the report, its main table in the widest form that the console holds.

    Args:
        extra: further tables at the end.
    """
    from rich.text import Text as Line

    main = main_table(metrics)
    render_table(main if fits(main, console) else run_tables.list_table(metrics), console)
    if sentence := wording.headline(metrics):
        console.print(Line(f"\n{sentence}", style="bold"))
    for table in (*run_tables.detail_tables(metrics), *extra):
        console.print()
        render_table(table, console)
    for warning in metrics.warnings:
        console.print(Line(f"! {warning}", style="yellow"))


def blocks(metrics: RunMetrics, extra: Sequence[Table] = (), figures: Sequence[Picture] = ()) -> list[Block]:
    """The report as a page, whose title is its main table's."""
    sentence = wording.headline(metrics)
    return [
        *([Text(sentence)] if sentence else []),
        replace(main_table(metrics), title=""),
        *figures,
        *run_tables.detail_tables(metrics),
        *extra,
        *(Text(f"Warning: {warning}") for warning in metrics.warnings),
    ]


def to_markdown(metrics: RunMetrics, extra: Sequence[Table] = ()) -> str:
    """What `report.md` holds."""
    return page.to_markdown(wording.title(metrics), blocks(metrics, extra))


def to_latex(metrics: RunMetrics, extra: Sequence[Table] = ()) -> str:
    """Everything that the terminal shows: the main table in the paper's form, warnings as comments at the end."""
    main, *others = map(latex_table, (run_tables.paper_table(metrics), *run_tables.detail_tables(metrics), *extra))
    sentence = wording.headline(metrics)
    stated = [rf"\par\smallskip\noindent {latex(sentence)}\par" + "\n"] if sentence else []
    return "\n".join([main, *stated, *others, *(f"% Warning: {visible(text)}\n" for text in metrics.warnings)])


def to_csv(runs: Sequence[RunMetrics]) -> str:
    """One line a figure, fractions, empty fields for what is undefined."""
    import pandas as pd

    rows = pd.concat([frame(metrics) for metrics in runs]).map(
        lambda value: plain_cell(value) if isinstance(value, str) else value
    )
    return str(rows.to_csv(index=False, lineterminator="\n"))


def write_report(metrics: RunMetrics, run: Path) -> None:
    """Write a run's own figures into it: metrics.json, report.md, report.html."""
    write_metrics(metrics, run)
    write_pages(metrics, run)


def write_pages(metrics: RunMetrics, folder: Path, extra: Sequence[Table] = ()) -> None:
    """Write report.md and report.html, with further tables at their end, and the figures of the latter."""
    replace_file(folder / "report.md", to_markdown(metrics, extra))
    shown = [*blocks(metrics, extra, subset_figures(metrics, folder / "figures")), Text(LINKED)]

    def link(table: Table, row: Sequence[str], column: int) -> str | None:
        found = links.counted(metrics, table, row, column)
        return links.address(found) if found else None

    replace_file(folder / "report.html", page.to_html(wording.title(metrics), shown, link))


def write_runs(runs: Mapping[str, RunMetrics], folder: Path) -> None:
    """Write several runs as one report.md and report.html: their one table, then each run's own report."""
    parts: list[Block] = [run_tables.runs_table(runs)]
    for number, (name, metrics) in enumerate(runs.items()):
        parts += [Heading(name, f"run{number}"), *blocks(metrics)]
    title = ", ".join(runs)
    replace_file(folder / "report.md", page.to_markdown(title, parts))
    replace_file(folder / "report.html", page.to_html(title, parts))


def main_table(metrics: RunMetrics) -> Table:
    """Scores and recovery in the paper's form: arms by benchmarks, or all figures of a single benchmark."""
    return run_tables.single_table(metrics) if len(metrics.benchmarks) == 1 else run_tables.matrix_table(metrics)
