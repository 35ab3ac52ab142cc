"""`rast-eval paper show | audit | compare`: the published numbers and how a run stands beside them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="The published numbers of arXiv 2506.15710: shown, recomputed, and set beside a run.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Shown(StrEnum):
    """What `paper show` can print."""

    table1 = "table1"
    table4 = "table4"
    figure3 = "figure3"
    figure4 = "figure4"
    figure6 = "figure6"


class Format(StrEnum):
    """How it is printed."""

    table = "table"
    markdown = "markdown"


@app.command()
def show(
    what: Annotated[Shown, typer.Argument(help="What to print.")] = Shown.table1,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = Format.table,
) -> None:
    """Print published numbers."""
    from rast_eval.paper import show as tables

    _print(getattr(tables, what.value)(), format)


@app.command()
def audit(
    json_: Annotated[bool, typer.Option("--json", help="One JSON object: errata, checked, unchecked.")] = False,
) -> None:
    """Recompute every printed recovery rate and average from the printed accuracies."""
    import json
    from dataclasses import asdict

    from rast_eval.paper.audit import run_audit
    from rast_eval.paper.show import errata_table

    found = run_audit()
    if json_:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    _print(errata_table(found), Format.table)
    for title, lines in (("Stated twice, differently", found.contradictions), ("Not checked", found.unchecked)):
        typer.echo(f"\n{title}")
        for line in lines:
            typer.echo(f"- {line}")


@app.command()
def compare(
    run: Annotated[Path, typer.Argument(help="Folder that `rast-eval run` wrote.", show_default=False)],
    scorer: Annotated[
        str | None, typer.Option(help="Math verdicts to read: simplerl or strict.", show_default="the run's own")
    ] = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = Format.table,
) -> None:
    """Set a run beside the row of Table 1 that it repeats."""
    from rast_eval.paper.beside import beside_paper, beside_table
    from rast_eval.results.metrics import evaluate_run
    from rast_eval.results.reader import load_run

    record, metrics = load_run(run), evaluate_run(run, scorer)
    rows = beside_paper(record, metrics)
    _print(beside_table(f"{record.name} beside Table 1 of arXiv 2506.15710", rows), format)
    for warning in metrics.warnings:
        typer.echo(f"! {warning}", err=True)


@app.command()
def make(
    targets: Annotated[list[str], typer.Argument(help="table1 … table6, figure1 …, appendix-e; paper = all.")],
    scale: Annotated[str, typer.Option(help="tiny (the embedded family, minutes) or paper (its models).")] = "tiny",
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder.", show_default="results/reproduction-SCALE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="GPU hours, memory and disk; nothing is loaded.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of local benchmark files.")] = None,
) -> None:
    """Reproduce tables and figures; interrupted work continues."""
    from rast_eval.paper.scale import get
    from rast_eval.paper.targets import make as make_targets
    from rast_eval.paper.targets import needed_runs, select

    chosen = get(scale)
    root = output_dir or Path("results") / f"reproduction-{chosen.name}"
    if dry_run:
        from rast_eval.inputs import hub
        from rast_eval.paper.cost import cost_table
        from rast_eval.paper.runs import sweep_arguments

        hub.set_offline()
        needed = needed_runs(select(targets), chosen)
        _print(cost_table(needed), Format.table)
        points = [named for named in needed if named.name.startswith("sweep/")]
        for named in needed:
            if named not in points:
                typer.echo(f"rast-eval {' '.join(named.command)} -o {root / 'runs' / named.name}")
        for arguments in sweep_arguments(chosen) if points else []:
            typer.echo(f"rast-eval sweep {' '.join(arguments)} -o {root / 'runs' / 'sweep'}")
        return
    from rast_eval.paper.runs import Reproduction
    from rast_eval.report.table import Table

    for block in make_targets(targets, Reproduction(chosen, root, data_dir)):
        if isinstance(block, Table) and "paper" not in targets:
            _print(block, Format.table)
    typer.echo(f"written: {root}", err=True)


def _print(table: object, format: Format) -> None:
    from rich.console import Console

    from rast_eval.report.table import Table, markdown_table, render_table

    assert isinstance(table, Table)
    if format is Format.markdown:
        typer.echo(f"# {table.title}\n\n{markdown_table(table)}")
    else:
        render_table(table, Console())
