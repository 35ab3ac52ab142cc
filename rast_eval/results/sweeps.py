"""From the runs of a sweep to its numbers: every point with its interval and its gain, and what choosing costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rast_eval import statistics
from rast_eval.results.reader import GradeMatrix, load_grades, load_run
from rast_eval.statistics import Accuracy, Choice, Gain
from rast_eval.types import Arm

DEFAULT_WEIGHT = 1.0
"""The λ that the others are compared with."""


class Setting(NamedTuple):
    """What varies in a sweep; None leaves a value as the run has it."""

    weight: float | None
    temperature: float | None
    rule: str | None = None
    expert: str | None = None


@dataclass(frozen=True)
class SweptPoint:
    """Accuracy of one setting on one benchmark.

    Attributes:
        accuracy: fractions, with the interval over problems.
        deviation: standard deviation over the n runs, run j holding sample j of every problem (the paper's
            Figure 6); NaN for a single run.
        gain: over λ = 1 at the same temperature, rule and expert, paired by problem; None where the sweep lacks λ = 1.
    """

    benchmark: str
    arm: Arm
    weight: float | None
    temperature: float | None
    rule: str | None
    expert: str | None
    accuracy: Accuracy
    deviation: float
    gain: Gain | None = None


@dataclass(frozen=True)
class SweptChoice:
    """The best setting of a sweep on one benchmark, and what choosing it there is worth elsewhere."""

    benchmark: str
    weight: float | None
    temperature: float | None
    rule: str | None
    expert: str | None
    choice: Choice


@dataclass(frozen=True)
class Sweep:
    """All figures of a sweep.

    Attributes:
        choices: a row a benchmark, where several settings were tried on two problems at least.
    """

    points: tuple[SweptPoint, ...]
    choices: tuple[SweptChoice, ...]


def evaluate_sweep(runs: Mapping[Setting, Path]) -> Sweep:
    """What the runs of a sweep measured.

    Args:
        runs: the folder of each setting.

    Raises:
        StoreError, UsageError: a run that is not there or not graded.
    """
    by_benchmark: dict[tuple[str, Arm], dict[Setting, GradeMatrix]] = {}
    for setting, folder in runs.items():
        run = load_run(folder)
        for cell in run.cells:
            by_benchmark.setdefault((cell.benchmark, cell.arm), {})[setting] = load_grades(run, cell)
    points: list[SweptPoint] = []
    choices: list[SweptChoice] = []
    for (benchmark, arm), held in by_benchmark.items():
        gains = _gains(held)
        for setting, grades in held.items():
            columns = grades.correct.mean(axis=0)
            deviation = float(columns.std(ddof=1)) if columns.size > 1 else math.nan
            accuracy = statistics.accuracy(grades.correct)
            points.append(SweptPoint(benchmark, arm, *setting, accuracy, deviation, gains.get(setting)))
        aligned = _aligned(list(held.values()))
        if len(aligned) > 1 and len(aligned[0]) > 1:
            choice = statistics.choose_best([correct.mean(axis=1) for correct in aligned])
            choices.append(SweptChoice(benchmark, *list(held)[choice.index], choice))
    return Sweep(tuple(points), tuple(choices))


def _gains(held: Mapping[Setting, GradeMatrix]) -> dict[Setting, Gain]:
    """Each λ minus λ = 1 at the same temperature and rule, p adjusted over the λ of those."""
    found: dict[Setting, Gain] = {}
    for rest in dict.fromkeys(setting[1:] for setting in held):
        same = [setting for setting in held if setting[1:] == rest]
        reference = Setting(DEFAULT_WEIGHT, *rest)
        if reference in same and len(same) > 1:
            aligned = _aligned([held[setting] for setting in same])
            if len(aligned[0]):
                found |= dict(zip(same, statistics.gains_over(aligned, same.index(reference)), strict=True))
    return found


def _aligned(matrices: Sequence[GradeMatrix]) -> list[NDArray[np.bool_]]:
    """Grades over the problems that all matrices hold, row i the same problem in all."""
    places = [{problem: i for i, problem in enumerate(m.problem_ids)} for m in matrices]
    shared = [p for p in matrices[0].problem_ids if all(p in place for place in places)]
    return [m.correct[[place[p] for p in shared]] for m, place in zip(matrices, places, strict=True)]
