"""`rast-eval analyze`: what the paper looks at beyond accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.flags import grouped, new_app
from rast_eval.cli.output import Format, FormatFlag, OutputFlag, keep, show
from rast_eval.config import EngineConfig
from rast_eval.types import Models, System

if TYPE_CHECKING:
    from rast_eval.analysis.forcing import Trajectory
    from rast_eval.report.table import Table
    from rast_eval.results.reader import Run

Rows = TypeVar("Rows")

app = new_app("What the paper looks at beyond accuracy.")

FirstProblems = Annotated[int, typer.Option("--limit", "-L", min=1, help="The first L problems of each benchmark.")]
FirstSamples = Annotated[int, typer.Option("--n", min=1, help="The first n samples of each.")]


@dataclass(frozen=True)
class Printing:
    """What becomes of an analysis."""

    format: FormatFlag = Format.table
    output: OutputFlag = None

    def emit(self, table: Table, values: Any) -> None:
        """Print it, and keep every value where --output says."""
        if self.output is not None:
            keep(values, self.output)
        show(table, self.format, values)


@dataclass(frozen=True)
class Drawing:
    """Which problems are walked through, and how far."""

    benchmark: options.BenchmarkName = None
    limit: Annotated[int, typer.Option("--limit", "-L", min=1, help="Problems, drawn by --seed.")] = 50
    seed: options.Seed = 0
    prompt: options.PromptName = None
    max_tokens: options.MaxTokens = None


@dataclass(frozen=True)
class Walking:
    """What an analysis along greedy outputs is asked with."""

    drawing: Drawing
    engine: options.EngineFlags
    sources: options.SourceFlags
    printing: Printing


class Walks(NamedTuple):
    """Greedy outputs of one system, and where they come from."""

    paths: list[Trajectory]
    benchmark: str
    engine: EngineConfig


@app.command()
@grouped
def behaviours(*, run: options.RunFolder, printing: Printing) -> None:
    """Branching, backtracking and self-verification words by arm (Figures 9 and 10)."""
    from rast_eval.analysis.behaviours import behaviour_table, count_behaviours

    _read(run, "reasoning behaviours", printing, count_behaviours, behaviour_table)


@app.command()
@grouped
def length(*, run: options.RunFolder, printing: Printing) -> None:
    """Response length in tokens by arm (Table 6)."""
    from rast_eval.analysis.length import length_table, measure_lengths

    _read(run, "response length", printing, measure_lengths, length_table)


def _read(
    folder: Path,
    title: str,
    printing: Printing,
    measure: Callable[[Run], Rows],
    table: Callable[[str, Rows], Table],
) -> None:
    """Measure a run's samples and print the table; the run is only read."""
    from rast_eval.results.reader import load_run

    run = load_run(folder)
    rows = measure(run)
    printing.emit(table(f"{run.name}: {title}", rows), rows)


@app.command()
@grouped
def tokens(
    *,
    run: options.RunFolder,
    arms: Annotated[
        str | None, typer.Option(help="Whose outputs are read, e.g. base,rast.", show_default="the arms with a delta")
    ] = None,
    limit: FirstProblems = 20,
    n: FirstSamples = 1,
    sources: options.SourceFlags,
    printing: Printing,
) -> None:
    """What base, expert, antiexpert and RAST would say at each token of stored outputs; `rast-eval view` shows it.

    Written into the run, tokens/<arm>/<benchmark>.jsonl: top 5, KL, entropy, size of the delta, flipped tokens.
    """
    from rast_eval.analysis import forcing, tokens
    from rast_eval.errors import UnknownName
    from rast_eval.runs.verify import Verification

    read = Verification(run, data_dir=sources.data_dir, include_path=sources.include_path)
    named, known = parsing.split_names([arms] if arms else None), {str(cell.arm) for cell in read.run.cells}
    for arm in set(named) - known:
        raise UnknownName("arm in this run", arm, known)
    cells = [cell for cell in read.run.cells if (cell.arm in named if named else cell.system.deltas)]
    forcer = forcing.TeacherForcer()
    found = tokens.write_tokens(read, cells, limit, n, forcer, lambda text: typer.echo(text, err=True))
    printing.emit(tokens.tokens_table(f"{read.run.name}: the delta, token by token", found), found)


@app.command()
@grouped
def takeover(
    *,
    run: options.RunFolder,
    by: Annotated[str, typer.Option(help="Who takes over: rl, or rast.")] = "rl",
    thresholds: Annotated[
        str, typer.Option(help="Total variations from which on it does; 0 and 1 are the two models alone.")
    ] = "1,0.9,0.7,0.5,0.3,0.1,0",
    limit: FirstProblems = 50,
    n: FirstSamples = 1,
    engine: options.EngineFlags,
    sources: options.SourceFlags,
    printing: Printing,
) -> None:
    """At how many of the most divergent places the RL model must choose the token for its gain, and the reverse.

    Every threshold is a run under RUN/takeover, with its figure in takeover.png; the same command continues.
    """
    from rast_eval.analysis.takeover import draw, measure, takeover_table
    from rast_eval.config import RunConfig
    from rast_eval.results.reader import load_run
    from rast_eval.runs.sweep import parse_values
    from rast_eval.types import Models

    read = load_run(run)
    models = Models(read.cells[0].system.base, (), None, "", ())
    given = RunConfig(
        models, n=n, limit=limit, engine=engine.config(models, offline=sources.offline), data_dir=sources.data_dir,
        include_path=sources.include_path,
    )  # fmt: skip
    found = measure(read, by, given, parse_values(thresholds, "--thresholds"))
    printing.emit(takeover_table(f"{read.name}: how many tokens carry the gain", found), found)
    typer.echo(f"\nplot: {draw(found, read.path / 'takeover' / by)}", err=True)


@app.command()
@grouped
def memory(
    *,
    pairs: Annotated[
        list[str] | None, typer.Argument(help="BASE+DELTA by size, e.g. 32b+14b.", show_default="Table 4's")
    ] = None,
    tp: Annotated[int | None, typer.Option(help="Tensor parallelism of training.", show_default="by size")] = None,
    printing: Printing,
) -> None:
    """GPU memory of RAST against RL training by Appendix D's formulas (Table 4)."""
    from rast_eval.errors import UsageError
    from rast_eval.paper.memory import memory_table, rast_memory

    wanted = pairs or ["32b+14b", "32b+7b", "14b+7b"]
    if bad := [pair for pair in wanted if pair.count("+") != 1]:
        raise UsageError(f"{bad[0]} is no pair of sizes.", "Type for instance `32b+14b`.")
    sizes = [pair.partition("+") for pair in wanted]
    rows = [rast_memory(base, delta, tp) for base, _, delta in sizes]
    printing.emit(memory_table(rows), rows)


@app.command("path-coverage")
@grouped
def path_coverage(
    *,
    names: options.ModelFlags,
    rl: options.Ceiling = None,
    weight: options.Lambda = "1.0",
    walking: Walking,
) -> None:
    """Share of the RL model's greedy path that base and RAST take by themselves (Eq. 1-2, Figure 1)."""
    from rast_eval.analysis import forcing, path_coverage

    models = names.models(weight, rl)
    walks = _walk(models.system("rl"), models, walking)
    systems: dict[str, System] = {arm: models.system(arm) for arm in models.arms if arm != "rl"}
    if walks.engine.backend == "vllm":
        found = {
            arm: path_coverage.measure_with_vllm(system, walks.paths, walks.engine) for arm, system in systems.items()
        }
    else:
        forcer = forcing.TeacherForcer()
        found = path_coverage.measure(forcer, systems, walks.paths)
    title = f"Path coverage on {len(walks.paths)} greedy paths of the RL ceiling, {walks.benchmark}"
    walking.printing.emit(path_coverage.coverage_table(title, found), found)


@app.command()
@grouped
def similarity(
    *,
    deltas: Annotated[
        str, typer.Option(help="Short names, largest first; the first one's RL model walks the paths.")
    ] = "tiny-l,tiny-m,tiny-s",
    walking: Walking,
) -> None:
    """Cosine similarity of the deltas of several model sizes along RL trajectories (Eq. 6, Figure 4)."""
    from rast_eval.analysis import forcing, similarity
    from rast_eval.errors import UsageError
    from rast_eval.inputs.models import resolve_models

    names = parsing.split_names([deltas])
    if len(names) < 2:
        raise UsageError("One delta alone has no similarity.", "Type for instance --deltas 32b,14b,7b.")
    resolved = {name: resolve_models(name, [name]) for name in names}
    pairs = {name: (found.deltas[0].expert, found.deltas[0].antiexpert) for name, found in resolved.items()}
    walker = pairs[names[0]][0]
    walks = _walk(System(walker), resolved[names[0]], walking)
    forcer = forcing.TeacherForcer()
    found = similarity.measure(forcer, pairs, walks.paths)
    title = f"Similarity of deltas on {len(walks.paths)} greedy paths of {walker.label}, {walks.benchmark}"
    walking.printing.emit(similarity.similarity_table(title, found), found)


@app.command()
@grouped
def divergence(
    *,
    names: options.ModelFlags,
    weight: options.Lambda = "1.0",
    walking: Walking,
) -> None:
    """KL(base, RAST) at every token of RAST's greedy outputs (§4.2, Figure 5)."""
    from rast_eval.analysis import divergence, forcing
    from rast_eval.decoding.loading import load_tokenizer

    models = names.models(weight)
    rast = models.system("rast")
    walks = _walk(rast, models, walking)
    found = divergence.measure(forcing.TeacherForcer(), rast, walks.paths)
    title = f"Divergence of RAST from its base on {len(walks.paths)} outputs, {walks.benchmark}"
    walking.printing.emit(divergence.divergence_table(title, found, load_tokenizer(models.base).decode), found)


def _walk(system: System, models: Models, walking: Walking) -> Walks:
    """Greedy outputs of `system` on problems drawn from a benchmark, under the prompt of `models`."""
    from rast_eval.analysis import forcing
    from rast_eval.analysis.drawing import draw_prompts

    asked, sources = walking.drawing, walking.sources
    config = walking.engine.config(models, offline=sources.offline)
    name, prompt = asked.benchmark or models.benchmarks[0], asked.prompt or models.prompt
    drawn = draw_prompts(models.base, name, prompt, asked.limit, asked.seed, sources.data_dir, sources.include_path)
    stops = (asked.max_tokens or drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    return Walks(forcing.greedy_paths(system, drawn.ids, config, *stops), drawn.benchmark, config)
