"""`rast-eval run`: generate, grade and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.flags import grouped
from rast_eval.cli.terminal import console
from rast_eval.inputs import hub
from rast_eval.names import quoted


@grouped
def run(
    *,
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", help="Repeat what this run did, in a new folder; other flags win.")
    ] = None,
    names: options.ModelFlags,
    rl: options.Ceiling = None,
    weight: options.Lambda = "1.0",
    arms: Annotated[
        str | None, typer.Option(help="Of base, rast, rl, expert, merge; @sampled or @greedy override the benchmark.")
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
    from rast_eval.runs import folders, plan

    if source is not None:
        repeat(context, source)
        return
    if dry_run:
        hub.set_offline()
    models = names.models(weight, rl)
    chosen = parsing.split_names([arms] if arms else None)
    part = parsing.parse_shard(shard)
    config = flags.config(options.pinned(models), chosen, temperature, engine, sources, grading, part)
    built = plan.build(config, allow_missing_data=dry_run)
    root = output_dir or folders.default_root(folders.run_name(models), {"": built})
    if dry_run:
        from rast_eval.errors import BackendError, ModelError
        from rast_eval.paper.cost import gpu_hours
        from rast_eval.report import plan_view
        from rast_eval.runs import preflight

        try:
            preflight.rehearse(built, root, overwrite=overwrite)
        except (BackendError, ModelError):  # what this machine lacks: the plan may be for another one
            plan_view.show(built, root, console(), gpu_hours(built))
            raise
        plan_view.show(built, root, console(), gpu_hours(built))
        print("Nothing was loaded or fetched. Leave out --dry-run to start.")
        return
    from rast_eval.runs import runner

    runner.run(built, root, overwrite=overwrite, workers=grading.workers)
    show_report(root)


DELTAS = ("delta", "expert", "antiexpert")
"""Flags that together say which deltas there are: one of them typed replaces all of a stored run's."""


def repeat(context: typer.Context, source: Path) -> None:
    """Every command that made the run `source` once more, in a folder of its own.

    Flags typed beside `--from` win over the stored ones.

    Raises:
        StoreError: its checkpoints or its rows are others by now.
    """
    from rast_eval.inputs.models import include, resolve_models
    from rast_eval.results.reader import load_run
    from rast_eval.runs import folders
    from rast_eval.runs.repeat import check_unchanged, commands

    run_there = load_run(source)
    sources = {name: context.get_parameter_source(name) for name in context.params}
    typed = {name: context.params[name] for name, where in sources.items() if where and where.name == "COMMANDLINE"}
    typed |= {"output_dir": typed.get("output_dir") or folders.fresh_root(source), "source": None}
    planned, used = [], set()
    for flags in commands(run_there):
        stored = context.command.make_context("rast-eval run", list(flags)).params
        if typed.keys() & set(DELTAS):
            stored |= dict.fromkeys(DELTAS)
        merged = {**stored, **typed}
        include(merged["include_path"])
        names = [merged[name] for name in ("base", "delta", "expert", "antiexpert", "rl")]
        paths = {ref.path for ref in resolve_models(names[0], names[1] or (), *names[2:]).checkpoints}
        if "revision" not in typed:
            merged["revision"] = [pin for pin in merged["revision"] or () if pin.rpartition("=")[0] in paths]
        planned.append(merged)
        used |= paths
    check_unchanged(run_there, used, rows=not {"data_dir", "include_path", "benchmarks"} & typed.keys())
    for merged in planned:
        context.command.callback(**merged)  # type: ignore[misc]


def show_report(root: Path) -> None:
    """Write metrics.json, report.md and report.html, and print the table.

    Raises:
        NothingScored: no answer at all could be extracted; the files are written first.
    """
    from rast_eval.report.run_report import render_terminal, write_report
    from rast_eval.results.metrics import evaluate_run, require_scored

    found = evaluate_run(root)
    write_report(found, root)
    render_terminal(found, console())
    typer.echo(f"\nreport: {quoted(root / 'report.html')}    every sample: rast-eval view {quoted(root)}", err=True)
    require_scored(found)
