"""`rast-eval report RUN`: the tables of a finished or growing run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ReportFormat(StrEnum):
    """How a report is drawn."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


class ScorerChoice(StrEnum):
    """Which verdicts of the math benchmarks are read."""

    simplerl = "simplerl"
    strict = "strict"
    both = "both"


class EstimatorChoice(StrEnum):
    """How pass@k, majority@k and the averaged recovery are estimated."""

    unbiased = "unbiased"
    paper = "paper"


def report(
    run: Annotated[Path, typer.Argument(help="Folder that `rast-eval run` wrote.", show_default=False)],
    format: Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print it.")] = ReportFormat.table,
    scorer: Annotated[
        ScorerChoice | None,
        typer.Option(help="Math verdicts to read; `both` sets them side by side.", show_default="the run's own"),
    ] = None,
    estimator: Annotated[
        EstimatorChoice | None,
        typer.Option(help="`paper`: 10 draws of k runs, votes by equal strings.", show_default="the run's preset"),
    ] = None,
    k: Annotated[
        str, typer.Option("--k", "-k", help="k of pass@k and majority@k, e.g. 1,4,16.", show_default="powers of two")
    ] = "",
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder for report.md and report.html.")
    ] = None,
) -> None:
    """Print a run's scores, recovery rate and pass@k, with intervals; the run itself is only read."""
    from rich.console import Console

    from rast_eval.report import run_report, run_tables
    from rast_eval.report.run_report import write_pages
    from rast_eval.report.table import render_table
    from rast_eval.results.metrics import Estimator, evaluate_run, require_scored

    both = scorer is ScorerChoice.both
    name = scorer.value if scorer is not None and not both else None
    ks = _parse_ks(k)
    kinds: dict[EstimatorChoice, Estimator] = {EstimatorChoice.unbiased: "unbiased", EstimatorChoice.paper: "paper"}
    kind = kinds[estimator] if estimator else None
    metrics = evaluate_run(run, "simplerl" if both else name, kind, ks)
    second = evaluate_run(run, "strict", kind, ks) if both else None
    side_by_side = run_tables.scorers_table(metrics, second) if second is not None else None
    extra = [side_by_side] if side_by_side is not None else []
    if output_dir is not None:
        write_pages(metrics, output_dir, extra)
    if format is ReportFormat.table:
        console = Console()
        run_report.render_terminal(metrics, console)
        if side_by_side is not None:
            console.print()
            render_table(side_by_side, console)
    else:
        drawn = {
            ReportFormat.markdown: lambda: run_report.to_markdown(metrics, extra),
            ReportFormat.latex: lambda: run_report.to_latex(metrics),
            ReportFormat.csv: lambda: run_report.to_csv(metrics),
            ReportFormat.json: lambda: run_report.to_json(metrics),
        }[format]()
        typer.echo(drawn, nl=not drawn.endswith("\n"))
        for warning in metrics.warnings:
            typer.echo(f"! {warning}", err=True)
    require_scored(metrics)


def _parse_ks(text: str) -> list[int] | None:
    from rast_eval.errors import UsageError

    if not text:
        return None
    try:
        ks = [int(part) for part in text.split(",")]
    except ValueError:
        ks = [0]
    if min(ks) < 1:
        raise UsageError(f"-k {text} is not a list of positive numbers.", "Type for instance `-k 1,4,16`.")
    return ks
