"""`rast-eval sweep`: one models at many λ and temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rast_eval.cli import options
from rast_eval.config import EngineConfig

if TYPE_CHECKING:
    from rast_eval.run.sweep import Result


def sweep(
    base: options.Base = None,
    delta: options.Deltas = None,
    expert: options.Expert = None,
    antiexpert: options.Antiexpert = None,
    weights: Annotated[
        str | None, typer.Option("--lambda", help="first:last:step with both ends, or a list: 0.1:1.5:0.1 or 0.5,1.")
    ] = None,
    temperatures: Annotated[str | None, typer.Option("--temperature", help="The same for the temperature.")] = None,
    arm: Annotated[str, typer.Option(help="Which arm: rast, base, rl or expert.")] = "rast",
    rl: options.Ceiling = None,
    benchmarks: options.Names = None,
    n: Annotated[int | None, typer.Option(help="Samples a problem [default: the benchmark's].")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-L", help="Only the first L problems.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus mass.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Generated tokens at most.")] = None,
    seed: Annotated[int, typer.Option(help="Seeds every sample through SHA-256.")] = 0,
    prompt: Annotated[str | None, typer.Option(help="Prompt template [default: the delta's].")] = None,
    scorer: Annotated[str | None, typer.Option(help="[default: the benchmark's]")] = None,
    backend: options.BackendName = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16, for every member.")] = "auto",
    tensor_parallel_size: Annotated[int, typer.Option(min=1, help="GPUs a model is split over (vllm).")] = 1,
    data_parallel_size: Annotated[int, typer.Option(min=1, help="Engines side by side (vllm).")] = 1,
    gpu_memory_utilization: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the GPU (vllm).")] = 0.9,
    max_model_len: Annotated[int | None, typer.Option(min=1, help="Context window in tokens.")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(min=1, help="Sequences decoded together.")] = None,
    enforce_eager: Annotated[bool, typer.Option("--enforce-eager", help="No CUDA graphs, no compilation.")] = False,
    revision: options.Revision = None,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="Folder of the sweep.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace samples of these points.")] = False,
    workers: options.Workers = None,
    data_dir: options.DataDir = None,
    include_path: options.IncludePath = None,
    offline: options.Offline = False,
) -> None:
    """Measure accuracy over λ and temperature; each point is a run directory, and the same command continues.

    The models are loaded once; λ changes in place.
    """
    from rast_eval.config import RunConfig
    from rast_eval.errors import UsageError
    from rast_eval.inputs import hub
    from rast_eval.run import folders, plan
    from rast_eval.run import sweep as sweeps

    if weights is None and temperatures is None:
        raise UsageError("Nothing varies in this sweep.", "Type --lambda 0.1:1.5:0.1, --temperature 0.5,1, or both.")
    if weights is not None and arm != "rast":
        raise UsageError(f"λ does not enter the arm {arm}.", "Leave out --lambda, or type --arm rast.")
    grid = sweeps.points(
        sweeps.parse_values(weights, "--lambda") if weights else (),
        sweeps.parse_values(temperatures, "--temperature") if temperatures else (),
    )
    if offline:
        hub.set_offline()
    models = options.pinned(options.models(base, delta, expert, antiexpert, rl, "1.0", revision))
    config = RunConfig(
        models=models,
        arms=(arm,),
        benchmarks=options.split_names(benchmarks),
        n=n,
        limit=limit,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=seed,
        prompt=prompt,
        scorer=scorer,
        engine=EngineConfig(
            backend=options.resolve_backend(backend, models),
            dtype=options.resolve_dtype(dtype),
            tensor_parallel_size=tensor_parallel_size,
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
    )
    name = f"sweep-{models.base.label.replace('/', '--')}"
    root = output_dir or folders.default_root(
        name, {point.name: plan.build(sweeps.configure(config, point)) for point in grid}
    )
    results = sweeps.run(config, grid, root, overwrite=overwrite, workers=workers)
    typer.echo(table(results))
    typer.echo(f"\nplot: {root / 'sweep.png'}    one point again: rast-eval report {root / grid[0].name}", err=True)


def table(results: Sequence[Result]) -> str:
    """The results as aligned text."""
    lines = [f"{'λ':>6} {'T':>6}  {'benchmark':<16} {'accuracy':>8} {'± sd':>6} {'problems':>9} {'n':>3}"]
    for row in results:
        weight, heat = ("" if value is None else f"{value:g}" for value in (row.weight, row.temperature))
        deviation = "" if row.deviation is None else f"{row.deviation:.1f}"
        numbers = f"{row.accuracy:>8.1f} {deviation:>6} {row.problems:>9} {row.n:>3}"
        lines.append(f"{weight:>6} {heat:>6}  {row.benchmark:<16} {numbers}")
    return "\n".join(lines)
