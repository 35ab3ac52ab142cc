"""How many problems and samples a question needs: from a pilot run, or from stated assumptions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.results.reader import GradeMatrix, Run, load_grades
from rast_eval.statistics import Spread

SAMPLES = (1, 4, 8, 16, 32, 64)
"""Samples a problem that a plan is shown for, before one with no end of them."""

GAIN, GAP = "RAST − base", "RL ceiling − base"


@dataclass(frozen=True)
class Effort:
    """What so many samples of each arm can do.

    Attributes:
        samples: a problem; `math.inf` for what no number of samples can better.
        power: probability that the difference is found on the benchmark's problems.
        smallest: the smallest true difference that the benchmark's problems find.
        problems: problems of this kind that the difference needs; None where ten million do not do.
    """

    samples: float
    power: float
    smallest: float
    problems: int | None


@dataclass(frozen=True)
class Question:
    """Can a difference of two arms be found on a benchmark?

    Attributes:
        asks: `RAST − base`, or `RL ceiling − base`: a recovery rate is bounded where that gap is found.
        difference: a fraction.
        problems: of the benchmark.
        source: where the spread comes from.
        samples_needed: of each arm on the benchmark's problems; None where no number does.
    """

    benchmark: str
    asks: str
    difference: float
    problems: int
    source: str
    target: float
    samples_needed: int | None
    efforts: tuple[Effort, ...]


def ask(benchmark: str, asks: str, difference: float, problems: int, spread: Spread, target: float) -> Question:
    """Answer a question for every number of `SAMPLES` and for no end of them.

    Args:
        difference: a fraction.
        target: probability with which it shall be found.
    """
    efforts = []
    for samples in (*SAMPLES, math.inf):
        power = statistics.detection_power(difference, spread, problems, samples)
        smallest = statistics.smallest_difference(spread, problems, samples, target)
        # Noise that no end of samples leaves behind is that of the problems alone.
        of_problems = Spread(spread.between, 0.0, 0.0, spread.source) if math.isinf(samples) else spread
        needed = statistics.problems_needed(difference, of_problems, 1 if math.isinf(samples) else int(samples), target)
        efforts.append(Effort(samples, power, smallest, needed))
    needed_samples = statistics.samples_needed(difference, spread, problems, target)
    return Question(benchmark, asks, difference, problems, spread.source, target, needed_samples, tuple(efforts))


def ask_pilot(run: Run, benchmark: str, detect: float, problems: int, target: float) -> list[Question]:
    """What a pilot run says of RAST − base, and of the gap that a bounded recovery rate needs.

    Args:
        detect: fraction of RAST − base to be found; the gap is the one that the pilot shows.

    Raises:
        UsageError: the pilot lacks RAST or base on the benchmark, or they share less than two problems.
    """
    base = _grades(run, benchmark, ("base@sampled", "base"))
    rast, rl = (_grades(run, benchmark, (arm,)) for arm in ("rast", "rl"))
    if base is None or rast is None:
        raise UsageError(
            f"{run.name} holds no graded arms base and rast on {benchmark}.",
            f"Type -b with a benchmark of {run.path}, or leave --from out and state --accuracy.",
        )
    found = [ask(benchmark, GAIN, detect, problems, _spread(run, rast, base), target)]
    if rl is not None:
        gap = float(rl.correct.mean() - base.correct.mean())
        found += [ask(benchmark, GAP, gap, problems, _spread(run, rl, base), target)] if gap > 0 else []
    return found


def ask_assumed(
    benchmark: str,
    detect: float,
    gap: float | None,
    problems: int,
    target: float,
    accuracy: float,
    dispersion: float,
    correlation: float,
) -> list[Question]:
    """What stated assumptions say; see `statistics.spread_of_assumptions`.

    Args:
        gap: RL − base as a fraction; None leaves the recovery rate out.
        accuracy: of the base.

    Raises:
        UsageError: an accuracy outside (0, 1), a dispersion outside [0, 1], a correlation outside [−1, 1].
    """
    asked = {GAIN: detect, **({} if gap is None else {GAP: gap})}
    found = []
    for asks, difference in asked.items():
        try:
            spread = statistics.spread_of_assumptions(accuracy + difference, accuracy, dispersion, correlation)
        except ValueError as error:
            raise UsageError(
                f"These assumptions do not go together: {error}.",
                "Type --accuracy so that it and the other arm's lie between 0 and 100.",
            ) from error
        found.append(ask(benchmark, asks, difference, problems, spread, target))
    return found


def _grades(run: Run, benchmark: str, arms: Sequence[str]) -> GradeMatrix | None:
    cells = (run.cell(arm, benchmark) for arm in arms)
    cell = next((cell for cell in cells if cell is not None), None)
    return None if cell is None else load_grades(run, cell)


def _spread(run: Run, a: GradeMatrix, b: GradeMatrix) -> Spread:
    places = [{problem: i for i, problem in enumerate(m.problem_ids)} for m in (a, b)]
    shared = [problem for problem in places[0] if problem in places[1]]
    if len(shared) < 2:
        raise UsageError(
            f"{run.name} has less than two problems that both arms finished.", "Run more problems, then ask again."
        )
    rows = ([place[problem] for problem in shared] for place in places)
    left, right = (m.correct[chosen] for m, chosen in zip((a, b), rows, strict=True))
    return statistics.spread_of_pilot(left, right)
