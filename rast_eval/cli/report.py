"""`rast-eval report RUN [RUN2 …]`: the tables of finished or growing runs."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rast_eval.cli.output import Format, FormatFlag, as_json, show
from rast_eval.cli.terminal import console

if TYPE_CHECKING:
    from rast_eval.results.metrics import RunMetrics


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
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders that `rast-eval run` wrote; several make one table.")
    ],
    format: FormatFlag = Format.table,
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
    disputed: Annotated[
        bool,
        typer.Option("--disputed", help="Only the outputs that decide: right by one reading and wrong by another."),
    ] = False,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder for report.md and report.html.")
    ] = None,
) -> None:
    """Print scores, recovery rate and pass@k with intervals, of several runs in one table; runs are only read."""
    from rast_eval.errors import UsageError
    from rast_eval.report import run_report, run_tables
    from rast_eval.results import readings
    from rast_eval.results.cell_metrics import Estimator
    from rast_eval.results.metrics import evaluate_run, require_scored
    from rast_eval.results.reader import load_run

    run, *others = runs
    both = scorer is ScorerChoice.both
    if others and (disputed or both):
        flag = "--disputed" if disputed else "--scorer both"
        raise UsageError(f"{flag} reads one run, not {len(runs)}.", "Type one RUN with it.")
    if disputed:
        loaded = load_run(run)
        found = readings.disputed(loaded)
        show(run_tables.disputed_table(loaded.name, found), format, found)
        return
    name = scorer.value if scorer is not None and not both else None
    ks = _parse_ks(k)
    kinds: dict[EstimatorChoice, Estimator] = {EstimatorChoice.unbiased: "unbiased", EstimatorChoice.paper: "paper"}
    kind = kinds[estimator] if estimator else None
    every = [evaluate_run(one, "simplerl" if both else name, kind, ks) for one in runs]
    if others:
        _show_several(runs, every, format, output_dir)
        return
    (metrics,) = every
    second = evaluate_run(run, "strict", kind, ks) if both else None
    extra = [run_tables.scorers_table(metrics, second)] if second is not None else []
    if output_dir is not None:
        run_report.write_pages(metrics, output_dir, extra)
    if format is Format.table:
        run_report.render_terminal(metrics, console(), extra)
    else:
        drawn = {
            Format.markdown: lambda: run_report.to_markdown(metrics, extra),
            Format.latex: lambda: run_report.to_latex(metrics, extra),
            Format.csv: lambda: run_report.to_csv([metrics]),
            Format.json: lambda: as_json(metrics),
        }[format]()
        typer.echo(drawn, nl=not drawn.endswith("\n"))
        for warning in metrics.warnings:
            typer.echo(f"! {warning}", err=True)
    require_scored(metrics)


def _show_several(runs: list[Path], every: list[RunMetrics], format: Format, output_dir: Path | None) -> None:
    from rast_eval.report import run_report, run_tables

    names = [metrics.run for metrics in every]
    if len(set(names)) < len(names):
        names = [str(run) for run in runs]
    by_name = {name: replace(metrics, run=name) for name, metrics in zip(names, every, strict=True)}
    if output_dir is not None:
        run_report.write_runs(by_name, output_dir)
    if format is Format.csv:
        typer.echo(run_report.to_csv(list(by_name.values())), nl=False)
    else:
        show(run_tables.runs_table(by_name), format, list(by_name.values()))
    for name, metrics in by_name.items():
        for warning in metrics.warnings:
            typer.echo(f"! {name}: {warning}", err=True)


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
