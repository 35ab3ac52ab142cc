"""`rast-eval paper show | audit | compare`: the published numbers and how a run stands beside them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, output
from rast_eval.cli.flags import new_app
from rast_eval.cli.output import Format, FormatFlag
from rast_eval.cli.terminal import echo

app = new_app("The published numbers of arXiv 2506.15710: shown, recomputed, and set beside a run.")


class Shown(StrEnum):
    """What `paper show` can print."""

    table1 = "table1"
    table4 = "table4"
    figure3 = "figure3"
    figure4 = "figure4"
    figure6 = "figure6"
    released = "released"


@app.command()
def show(
    what: Annotated[Shown, typer.Argument(help="What to print.")] = Shown.table1,
    format: FormatFlag = Format.table,
) -> None:
    """Print published numbers."""
    from rast_eval.paper import show as tables

    output.show(getattr(tables, what.value)(), format)


@app.command()
def audit(
    json_: Annotated[bool, typer.Option("--json", help="One JSON object: errata, checked, unchecked.")] = False,
) -> None:
    """Recompute every printed recovery rate and average from the printed accuracies."""
    from rast_eval.paper.audit import run_audit
    from rast_eval.paper.show import errata_table

    found = run_audit()
    if json_:
        echo(output.as_json(found), nl=False)
        return
    output.show(errata_table(found))
    released = [fact.sentence for fact in found.released]
    sections = {"Stated twice, differently": found.contradictions, "In the released code": released}
    for title, lines in {**sections, "Not checked": found.unchecked}.items():
        echo(f"\n{title}")
        for line in lines:
            echo(f"- {line}")


@app.command()
def compare(
    run: options.RunFolder,
    scorer: options.GradesOf = None,
    format: FormatFlag = Format.table,
) -> None:
    """Set a run beside the row of Table 1 that it repeats."""
    from rast_eval.paper.beside import beside_paper, beside_table
    from rast_eval.results.metrics import evaluate_run
    from rast_eval.results.reader import load_run

    loaded, metrics = load_run(run), evaluate_run(run, scorer)
    rows = beside_paper(loaded, metrics)
    output.show(beside_table(f"{loaded.name} beside Table 1 of arXiv 2506.15710", rows), format)
    for warning in metrics.warnings:
        echo(f"! {warning}", err=True)


@app.command()
def make(
    targets: Annotated[list[str], typer.Argument(help="table1 … table6, figure1 …, appendix-e; paper = all.")],
    scale: Annotated[str, typer.Option(help="tiny (the embedded family, minutes) or paper (its models).")] = "tiny",
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder.", show_default="results/reproduction-SCALE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="GPU hours, memory and disk; nothing is loaded.")] = False,
    card_gb: Annotated[float, typer.Option(min=1, help="Memory of a card in GB.")] = 80.0,
    tensor_parallel_size: Annotated[
        int | None, typer.Option(min=1, help="Cards of every engine.", show_default="as many as hold its models")
    ] = None,
    data_dir: options.DataDir = None,
) -> None:
    """Reproduce tables and figures; interrupted work continues."""
    from dataclasses import replace

    from rast_eval.paper.scale import get
    from rast_eval.paper.targets import make as make_targets
    from rast_eval.paper.targets import needed_runs, select

    chosen = get(scale)
    chosen = replace(chosen, cards=replace(chosen.cards, gb=card_gb, tensor_parallel=tensor_parallel_size))
    root = output_dir or Path("results") / f"reproduction-{chosen.name}"
    if dry_run:
        from rast_eval.inputs import hub
        from rast_eval.paper.cost import cost_table
        from rast_eval.paper.passes import passes_table
        from rast_eval.paper.runs import sweep_arguments

        hub.set_offline()
        wanted = select(targets)
        needed = needed_runs(wanted, chosen)
        output.show(cost_table(needed, chosen.cards))
        if passes := passes_table(chosen, {target.name for target in wanted}):
            echo("")
            output.show(passes)
        points = [named for named in needed if named.name.startswith("sweep/")]
        for named in needed:
            if named not in points:
                echo(f"rast-eval {' '.join(named.command)} -o {root / 'runs' / named.name}")
        for arguments in sweep_arguments(chosen) if points else []:
            echo(f"rast-eval sweep {' '.join(arguments)} -o {root / 'runs' / 'sweep'}")
        return
    from rast_eval.paper.runs import Reproduction
    from rast_eval.report.table import Table

    for block in make_targets(targets, Reproduction(chosen, root, data_dir)):
        if isinstance(block, Table) and "paper" not in targets:
            output.show(block)
    echo(f"written: {root}", err=True)
