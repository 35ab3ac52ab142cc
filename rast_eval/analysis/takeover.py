"""How many tokens carry a gain: at the most divergent places another model chooses the token (arXiv 2603.22446).

The base writes, and where the total variation between it and the RL model reaches a threshold, the RL model does; then
the other way round. That is the rule `gated` with the one as expert and the other as antiexpert and base, so each
threshold is a run like any other, kept under the run's `takeover/` and continued where it stopped. For RAST the places
are those where expert and antiexpert disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rast_eval import statistics
from rast_eval.config import LimitFrom, RunConfig
from rast_eval.errors import UsageError
from rast_eval.report import figures
from rast_eval.report.table import Table, rate, score
from rast_eval.results.provenance import acted
from rast_eval.results.reader import Run, load_grades, load_run
from rast_eval.runs import plan, sweep
from rast_eval.statistics import Accuracy, Recovery
from rast_eval.types import Arm, Cell, Delta, FusionRule, Models

NOTE = (
    "At places where the total variation reaches the threshold the second model chooses the token; taken = such tokens "
    "of an output, on average, and as a share of all. gain = (Avg. − base alone) / (RL or RAST alone − base alone), "
    "alone as in this table, paired by problem."
)


@dataclass(frozen=True)
class Takeover:
    """One threshold.

    Attributes:
        writer, chooser: arms: who writes, and who takes over.
        taken: tokens an output that the chooser chose, on average.
        share: the same of all tokens.
        gain: the share of the chooser's or, where the base takes over, of the writer's gain that is there.
    """

    benchmark: str
    writer: Arm
    chooser: Arm
    threshold: float
    taken: float
    share: float
    accuracy: Accuracy
    gain: Recovery


def measure(run: Run, chooser: str, config: RunConfig, thresholds: Sequence[float]) -> list[Takeover]:
    """Generate and grade every threshold in both directions, on each benchmark of the run that has the arms.

    Args:
        chooser: `rl`, or `rast`, which takes over from the base only.
        config: engine and folders; its limit and n cut those of the run's cells.
        thresholds: of total variation: 1 leaves the writer alone, 0 the other model.

    Raises:
        UsageError: the run has no such pair of arms, or its thresholds lack 0 or 1.
        RastEvalError: as a run does.
    """
    if not {0.0, 1.0} <= set(thresholds):
        raise UsageError("The thresholds lack 0 or 1, where one model is alone.", "Type for instance 0,0.5,1.")
    pairs = [(cell, run.cell(chooser, cell.benchmark)) for cell in run.cells if cell.arm == "base"]
    found: list[Takeover] = []
    for base, other in pairs:
        if other is not None and chooser in ("rl", "rast") and not other.member_prompts:
            for writer, second, models in _directions(base, other):
                found += _measure(run, writer, second, models, config, sorted(thresholds, reverse=True), other)
    if not found:
        raise UsageError(f"{run.path} has no benchmark with base and {chooser}.", "Type --by rl or --by rast.")
    return found


def _directions(base: Cell, other: Cell) -> Iterator[tuple[Arm, Arm, Models]]:
    first, second = base.system.base, other.system.base
    forth = Models(first, other.system.deltas or (Delta(second, first),), None, other.prompt, (other.benchmark,))
    yield base.arm, other.arm, forth
    if not other.system.deltas:
        yield other.arm, base.arm, replace(forth, base=second, deltas=(Delta(first, second),))


def _measure(
    run: Run, writer: Arm, chooser: Arm, models: Models, given: RunConfig, thresholds: Sequence[float], cell: Cell
) -> Iterator[Takeover]:
    sampling = cell.sampling
    config = replace(
        given, models=models, arms=("rast",), benchmarks=(cell.benchmark,), n=min(given.n or cell.n, cell.n),
        limit=min(given.limit or cell.problem_count, cell.problem_count), temperature=sampling.temperature,
        top_p=sampling.top_p, max_tokens=sampling.max_tokens, seed=cell.seed, prompt=cell.prompt, scorer=cell.scorer,
        limit_from=LimitFrom.head if cell.draw is None else LimitFrom.random,
    )  # fmt: skip
    rules = [str(FusionRule("gated", (("disagreement", value),))) for value in thresholds]
    root = run.path / "takeover" / f"{chooser}-in-{writer}" / cell.benchmark
    grid = sweep.points((), (), rules)
    sweep.run({point: plan.build(sweep.configure(config, point)) for point in grid}, root)
    rows = []
    for point in grid:
        made = load_run(root / point.name)
        grades = load_grades(made, made.cells[0])
        rows.append((grades, acted(made, made.cells[0], grades)))
    ends = [rows[0][0].correct.mean(axis=1), rows[-1][0].correct.mean(axis=1)]
    low, high = ends if writer == "base" else reversed(ends)
    for threshold, (grades, (taken, positions)) in zip(thresholds, rows, strict=True):
        own = grades.correct.mean(axis=1)
        gain = statistics.recovery(low, own, high)
        share = taken / positions if positions else np.nan
        accuracy = statistics.accuracy(grades.correct)
        yield Takeover(cell.benchmark, writer, chooser, threshold, taken / grades.correct.size, share, accuracy, gain)


def takeover_table(title: str, found: Sequence[Takeover]) -> Table:
    """A row a threshold."""
    rows = [
        (row.benchmark, f"{row.chooser.look.title} in {row.writer.look.title}", f"{row.threshold:g}",
         f"{row.taken:.1f}", f"{100 * row.share:.1f}", score(row.accuracy), rate(row.gain))
        for row in found
    ]  # fmt: skip
    header = ("benchmark", "takes over", "TV ≥", "taken", "% of tokens", "Avg.", "gain, %")
    return Table(title, header, tuple(rows), NOTE, keys=3)


def draw(found: Sequence[Takeover], stem: Path) -> Path:
    """Write `<stem>.png` and `<stem>.pdf`: accuracy over the tokens taken, a line a direction."""
    panels = []
    for benchmark in dict.fromkeys(row.benchmark for row in found):
        series = []
        for writer, chooser in dict.fromkeys((row.writer, row.chooser) for row in found):
            rows = [r for r in found if (r.benchmark, r.writer, r.chooser) == (benchmark, writer, chooser)]
            points = [(row.taken, row.accuracy) for row in rows]
            series.append(figures.estimated(f"{chooser.look.title} takes over", chooser, points))
        panels.append(figures.Panel(benchmark, series))
    return figures.save(figures.line_panels(panels, "tokens taken over, an output", "Avg. in %", counts=True), stem)[0]
