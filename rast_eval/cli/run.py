"""`rast-eval run`: generate, grade and report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.inputs import hub
from rast_eval.runs.plan import Plan


@grouped
def run(
    *,
    names: options.ModelFlags,
    rl: options.Ceiling = None,
    weight: options.Lambda = "1.0",
    arms: Annotated[
        str | None, typer.Option(help="Of base, rast, rl, expert; @sampled or @greedy overrides the benchmark's way.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.", show_default="the benchmark's")] = None,
    flags: options.RunFlags,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="The run directory itself.")] = None,
    overwrite: options.Overwrite = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; load and download nothing.")] = False,
    shard: Annotated[str | None, typer.Option(help="i/m: this process takes every m-th problem from i.")] = None,
    engine: options.EngineFlags,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Run arms on benchmarks, grade and report them; the same command again continues where it stopped.

    With nothing typed: the embedded tiny family, arms base, rast and rl, on its benchmark.
    """
    from rast_eval.runs import plan

    if dry_run:
        hub.set_offline()
    models = names.models(weight, rl)
    chosen = options.split_names([arms] if arms else None)
    part = options.parse_shard(shard)
    config = flags.config(models if dry_run else options.pinned(models), chosen, temperature, engine, sources, part)
    built = plan.build(config, allow_missing_data=dry_run)
    root = output_dir or default_root(built)
    if dry_run:
        from rast_eval.report import plan_view

        plan_view.show(built, root)
        return
    from rast_eval.runs import runner

    runner.run(built, root, overwrite=overwrite, workers=grading.workers, code=grading.code)
    show_report(root)


def show_report(root: Path) -> None:
    """Write metrics.json, report.md and report.html, and print the table.

    Raises:
        NothingScored: no answer at all could be extracted; the files are written first.
    """
    from rich.console import Console

    from rast_eval.report.run_report import render_terminal, write_report
    from rast_eval.results.metrics import evaluate_run, require_scored

    found = evaluate_run(root)
    write_report(found, root)
    render_terminal(found, Console())
    typer.echo(f"\nreport: {root / 'report.md'}    again: rast-eval report {root}", err=True)
    require_scored(found)


def default_root(built: Plan) -> Path:
    """results/<date>-<name>, with -2, -3 … where that holds a run of other settings."""
    from rast_eval.errors import StoreError
    from rast_eval.results.store import Store

    models = built.config.models
    parts = [models.base, *(delta.expert for delta in models.deltas)]
    name = "+".join(ref.label.removesuffix("-rl").replace("/", "--") for ref in parts)
    stem = f"{date.today():%Y-%m-%d}-{name}"
    wanted: dict[tuple[str, str], str] = {(cell.arm, cell.benchmark): cell.fingerprint for cell in built.cells}
    number = 1
    while True:
        root = Path("results") / (stem if number == 1 else f"{stem}-{number}")
        try:
            held = {(c["arm"], c["benchmark"]): c["fingerprint"] for c in Store(root).manifest()["cells"]}
        except StoreError:
            return root
        if all(held.get(key, value) == value for key, value in wanted.items()):
            return root
        number += 1
