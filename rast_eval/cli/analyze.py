"""`rast-eval analyze`: what the paper looks at beyond accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rast_eval.cli import options
from rast_eval.config import EngineConfig
from rast_eval.types import System

if TYPE_CHECKING:
    from rast_eval.analysis.drawing import DrawnPrompts
    from rast_eval.report.table import Table
    from rast_eval.types import Models

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="What the paper looks at beyond accuracy.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    """How an analysis is printed."""

    table = "table"
    markdown = "markdown"
    json = "json"


Run = Annotated[Path, typer.Argument(help="Folder that `rast-eval run` wrote.", show_default=False)]
Shape = Annotated[Format, typer.Option("--format", "-f", help="How to print it.")]
Benchmark = Annotated[str | None, typer.Option("--benchmark", "-b", help="Where the problems come from.")]
Limit = Annotated[int, typer.Option("--limit", "-L", help="Problems, drawn by --seed.")]
Seed = Annotated[int, typer.Option(help="Seed of the draw.")]
MaxTokens = Annotated[int | None, typer.Option(help="Longest path.", show_default="the benchmark's")]
PromptName = Annotated[str | None, typer.Option("--prompt", help="Prompt template.", show_default="the delta's")]
Dtype = Annotated[str, typer.Option(help="dtype of the engine that generates the paths.")]
Tensor = Annotated[int, typer.Option("--tensor-parallel-size", min=1, help="GPUs a model is split over (vllm).")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="JSON file with every value.")]


@app.command()
def behaviours(run: Run, format: Shape = Format.table, output: Output = None) -> None:
    """Branching, backtracking and self-verification words by arm (Figures 9 and 10)."""
    from rast_eval.analysis.behaviours import behaviour_table, count_behaviours
    from rast_eval.results.reader import load_run

    record = load_run(run)
    rows = count_behaviours(record)
    _show(behaviour_table(f"{record.name}: reasoning behaviours", rows), rows, format, output)


@app.command()
def length(run: Run, format: Shape = Format.table, output: Output = None) -> None:
    """Response length in tokens by arm (Table 6)."""
    from rast_eval.analysis.length import length_table, measure_lengths
    from rast_eval.results.reader import load_run

    record = load_run(run)
    rows = measure_lengths(record)
    _show(length_table(f"{record.name}: response length", rows), rows, format, output)


@app.command()
def memory(
    pairs: Annotated[
        list[str] | None, typer.Argument(help="BASE+DELTA by size, e.g. 32b+14b.", show_default="Table 4's")
    ] = None,
    tp: Annotated[int | None, typer.Option(help="Tensor parallelism of training.", show_default="by size")] = None,
    format: Shape = Format.table,
    output: Output = None,
) -> None:
    """GPU memory of RAST against RL training by Appendix D's formulas (Table 4)."""
    from rast_eval.errors import UsageError
    from rast_eval.paper.memory import memory_table, rast_memory

    wanted = pairs or ["32b+14b", "32b+7b", "14b+7b"]
    if bad := [pair for pair in wanted if pair.count("+") != 1]:
        raise UsageError(f"{bad[0]} is no pair of sizes.", "Type for instance `32b+14b`.")
    sizes = [pair.partition("+") for pair in wanted]
    rows = [rast_memory(base, delta, tp) for base, _, delta in sizes]
    _show(memory_table(rows), rows, format, output)


@app.command("path-coverage")
def path_coverage(
    base: options.Base = None,
    delta: options.Deltas = None,
    expert: options.Expert = None,
    antiexpert: options.Antiexpert = None,
    rl: options.Ceiling = None,
    lambda_: options.Lambda = "1.0",
    benchmark: Benchmark = None,
    limit: Limit = 50,
    seed: Seed = 0,
    prompt: PromptName = None,
    max_tokens: MaxTokens = None,
    backend: options.BackendName = None,
    dtype: Dtype = "auto",
    tensor_parallel_size: Tensor = 1,
    data_dir: options.DataDir = None,
    format: Shape = Format.table,
    output: Output = None,
) -> None:
    """Share of the RL model's greedy path that base and RAST take by themselves (Eq. 1-2, Figure 1)."""
    from rast_eval.analysis import forcing, path_coverage

    models = options.models(base, delta, expert, antiexpert, rl, lambda_, None)
    drawn = _draw(models, benchmark, prompt, limit, seed, data_dir)
    engine = _engine(models, backend, dtype, tensor_parallel_size)
    stops = (max_tokens or drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = forcing.greedy_paths(models.system("rl"), drawn.ids, engine, *stops)
    systems: dict[str, System] = {arm: models.system(arm) for arm in models.arms if arm != "rl"}
    if engine.backend == "vllm":
        found = {arm: path_coverage.measure_with_vllm(system, paths, engine) for arm, system in systems.items()}
    else:
        forcer = forcing.TeacherForcer(forcing.members_of(list(systems.values())))
        found = path_coverage.measure(forcer, systems, paths)
    title = f"Path coverage on {len(paths)} greedy paths of the RL ceiling, {drawn.benchmark}"
    _show(path_coverage.coverage_table(title, found), found, format, output)


@app.command()
def similarity(
    deltas: Annotated[
        str, typer.Option(help="Short names, largest first; the first one's RL model walks the paths.")
    ] = "tiny-l,tiny-m,tiny-s",
    benchmark: Benchmark = None,
    limit: Limit = 50,
    seed: Seed = 0,
    prompt: PromptName = None,
    max_tokens: MaxTokens = None,
    backend: options.BackendName = None,
    dtype: Dtype = "auto",
    tensor_parallel_size: Tensor = 1,
    data_dir: options.DataDir = None,
    format: Shape = Format.table,
    output: Output = None,
) -> None:
    """Cosine similarity of the deltas of several model sizes along RL trajectories (Eq. 6, Figure 4)."""
    from rast_eval.analysis import forcing, similarity
    from rast_eval.errors import UsageError
    from rast_eval.inputs.models import resolve_models

    names = options.split_names([deltas])
    if len(names) < 2:
        raise UsageError("One delta alone has no similarity.", "Type for instance --deltas 32b,14b,7b.")
    resolved = {name: resolve_models(name, [name]) for name in names}
    pairs = {name: (found.deltas[0].expert, found.deltas[0].antiexpert) for name, found in resolved.items()}
    walker = resolved[names[0]]
    drawn = _draw(walker, benchmark, prompt, limit, seed, data_dir)
    engine = _engine(walker, backend, dtype, tensor_parallel_size)
    stops = (max_tokens or drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = forcing.greedy_paths(System(pairs[names[0]][0]), drawn.ids, engine, *stops)
    forcer = forcing.TeacherForcer(list(dict.fromkeys(ref for pair in pairs.values() for ref in pair)))
    found = similarity.measure(forcer, pairs, paths)
    title = f"Similarity of deltas on {len(paths)} greedy paths of {pairs[names[0]][0].label}, {drawn.benchmark}"
    _show(similarity.similarity_table(title, found), found, format, output)


@app.command()
def divergence(
    base: options.Base = None,
    delta: options.Deltas = None,
    expert: options.Expert = None,
    antiexpert: options.Antiexpert = None,
    lambda_: options.Lambda = "1.0",
    benchmark: Benchmark = None,
    limit: Limit = 50,
    seed: Seed = 0,
    prompt: PromptName = None,
    max_tokens: MaxTokens = None,
    backend: options.BackendName = None,
    dtype: Dtype = "auto",
    tensor_parallel_size: Tensor = 1,
    data_dir: options.DataDir = None,
    format: Shape = Format.table,
    output: Output = None,
) -> None:
    """KL(base, RAST) at every token of RAST's greedy outputs (§4.2, Figure 5)."""
    from rast_eval.analysis import divergence, forcing
    from rast_eval.decoding.loading import load_tokenizer

    models = options.models(base, delta, expert, antiexpert, None, lambda_, None)
    rast = models.system("rast")
    drawn = _draw(models, benchmark, prompt, limit, seed, data_dir)
    engine = _engine(models, backend, dtype, tensor_parallel_size)
    stops = (max_tokens or drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = forcing.greedy_paths(rast, drawn.ids, engine, *stops)
    found = divergence.measure(forcing.TeacherForcer(forcing.members_of([rast])), rast, paths)
    title = f"Divergence of RAST from its base on {len(paths)} outputs, {drawn.benchmark}"
    _show(divergence.divergence_table(title, found, load_tokenizer(models.base)), found, format, output)


def _engine(models: Models, backend: str | None, dtype: str, gpus: int) -> EngineConfig:
    chosen = options.resolve_backend(backend, models)
    return EngineConfig(backend=chosen, dtype=options.resolve_dtype(dtype), tensor_parallel_size=gpus)


def _draw(
    models: Models, benchmark: str | None, prompt: str | None, limit: int, seed: int, data_dir: Path | None
) -> DrawnPrompts:
    from rast_eval.analysis.drawing import draw_prompts

    name = benchmark or models.benchmarks[0]
    return draw_prompts(models.base, name, prompt or models.prompt, limit, seed, data_dir)


def _show(table: Table, values: Sequence[Any] | dict[str, Any], format: Format, output: Path | None) -> None:
    import json

    from rich.console import Console

    from rast_eval.files import replace_file
    from rast_eval.report.table import markdown_table, render_table
    from rast_eval.results.metrics import to_jsonable

    text = json.dumps(to_jsonable(values), indent=1)
    if output is not None:
        replace_file(output, f"{text}\n")
    if format is Format.json:
        typer.echo(text)
    elif format is Format.markdown:
        typer.echo(f"# {table.title}\n\n{markdown_table(table)}")
    else:
        render_table(table, Console())
