"""`rast-eval run`: generate, grade and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.config import CodeScoring, EngineConfig, RunConfig


def run(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", help="Repeat what this run did, in a new folder; other flags win.")
    ] = None,
    base: options.Base = None,
    delta: options.Deltas = None,
    expert: options.Expert = None,
    antiexpert: options.Antiexpert = None,
    rl: options.Ceiling = None,
    weight: options.Lambda = "1.0",
    arms: Annotated[
        str | None, typer.Option(help="Of base, rast, rl, expert; @sampled or @greedy overrides the benchmark's way.")
    ] = None,
    benchmarks: options.Names = None,
    n: Annotated[int | None, typer.Option(help="Samples a problem [default: the benchmark's].")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-L", help="Only the first L problems.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus mass.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Generated tokens at most.")] = None,
    seed: Annotated[int, typer.Option(help="Seeds every sample through SHA-256.")] = 0,
    prompt: Annotated[str | None, typer.Option(help="Template for all arms [default: the delta's].")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Protocol: paper, or released (its scripts); see docs/reproducing.md.")
    ] = None,
    scorer: Annotated[str | None, typer.Option(help="[default: the benchmark's]")] = None,
    backend: options.BackendName = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16, for every member.")] = "auto",
    tensor_parallel_size: Annotated[int, typer.Option(min=1, help="GPUs a model is split over (vllm).")] = 1,
    pipeline_parallel_size: Annotated[int, typer.Option(min=1, help="Pipeline stages (vllm).")] = 1,
    data_parallel_size: Annotated[int, typer.Option(min=1, help="Engines side by side (vllm).")] = 1,
    gpu_memory_utilization: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the GPU (vllm).")] = 0.9,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Context window in tokens.")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(min=1, help="Sequences decoded together.")] = None,
    enforce_eager: Annotated[bool, typer.Option("--enforce-eager", help="No CUDA graphs, no compilation.")] = False,
    revision: options.Revision = None,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="The run directory itself.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace samples of these cells.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; load and download nothing.")] = False,
    shard: Annotated[str | None, typer.Option(help="i/m: this process takes every m-th problem from i.")] = None,
    workers: options.Workers = None,
    evalplus_rules: options.EvalPlusRules = "master",
    lcb_io: options.LcbIo = "process",
    unsafe: options.Unsafe = False,
    data_dir: options.DataDir = None,
    include_path: options.IncludePath = None,
    offline: options.Offline = False,
) -> None:
    """Run arms on benchmarks, grade and report them; the same command again continues where it stopped.

    With nothing typed: the embedded tiny family, arms base, rast and rl, on its benchmark.
    """
    from rast_eval.inputs import hub
    from rast_eval.run import folders, plan

    if source is not None:
        repeat(context, source)
        return
    if offline or dry_run:
        hub.set_offline()
    models = options.models(base, delta, expert, antiexpert, rl, weight, revision)
    config = RunConfig(
        models=models if dry_run else options.pinned(models),
        arms=options.split_names([arms] if arms else None),
        benchmarks=options.split_names(benchmarks),
        n=n,
        limit=limit,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=seed,
        prompt=prompt,
        scorer=scorer,
        engine=EngineConfig(
            backend=options.resolve_backend(backend, models),
            dtype=options.resolve_dtype(dtype),
            tensor_parallel_size=tensor_parallel_size,
            pipeline_parallel_size=pipeline_parallel_size,
            data_parallel_size=data_parallel_size,
            gpu_memory_utilization=gpu_memory_utilization,
            max_model_len=max_model_len,
            max_num_seqs=max_num_seqs,
            enforce_eager=enforce_eager,
            seed=seed,
            offline=offline,
        ),
        data_dir=options.existing_folder(data_dir, "--data-dir"),
        include_path=options.existing_folder(include_path, "--include-path"),
        shard=options.parse_shard(shard),
        preset=preset,
        code=CodeScoring(evalplus_rules, lcb_io, unsafe),
    )
    built = plan.build(config, allow_missing_data=dry_run)
    root = output_dir or folders.default_root(folders.run_name(models), {"": built})
    if dry_run:
        from rast_eval.report.plan_view import show

        show(built, root)
        return
    from rast_eval.run import runner

    runner.run(built, root, overwrite=overwrite, workers=workers)
    show_report(root)


MODELS = ("delta", "expert", "antiexpert")
"""Flags that together say which deltas there are: one of them typed replaces all of a stored run's."""


def repeat(context: typer.Context, source: Path) -> None:
    """Every command that made the run `source` once more, in a folder of its own.

    Flags typed beside `--from` win over the stored ones.

    Raises:
        StoreError: its checkpoints or its rows are others by now.
    """
    from rast_eval.inputs.models import resolve_models
    from rast_eval.results.reader import load_run
    from rast_eval.run import folders
    from rast_eval.run.repeat import check_unchanged, commands

    run_there = load_run(source)
    sources = {name: context.get_parameter_source(name) for name in context.params}
    typed = {name: context.params[name] for name, where in sources.items() if where and where.name == "COMMANDLINE"}
    check_unchanged(run_there, rows=not {"data_dir", "include_path", "benchmarks"} & typed.keys())
    typed |= {"output_dir": typed.get("output_dir") or folders.fresh_root(source), "source": None}
    for flags in commands(run_there):
        stored = context.command.make_context("rast-eval run", list(flags)).params
        if typed.keys() & set(MODELS):
            stored |= dict.fromkeys(MODELS)
        merged = {**stored, **typed}
        if "revision" not in typed:
            names = [merged[name] for name in ("base", "delta", "expert", "antiexpert", "rl")]
            paths = {ref.path for ref in resolve_models(names[0], names[1] or (), *names[2:]).checkpoints}
            merged["revision"] = [pin for pin in merged["revision"] or () if pin.rpartition("=")[0] in paths]
        context.command.callback(**merged)  # type: ignore[misc]


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
