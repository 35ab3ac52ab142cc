"""What a score would be under other readings of the same outputs, and which outputs decide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rast_eval.errors import UsageError
from rast_eval.names import quoted
from rast_eval.results.reader import GradeMatrix, Run, grades_file, iter_samples, load_grades
from rast_eval.types import Arm, Cell

Bools = NDArray[np.bool_]

MATH_SCORERS = ("simplerl", "strict")
"""By whom an output is read."""

SHOWN_CHARACTERS = 160
"""Of an output's end: where its answer stands."""


@dataclass(frozen=True)
class Readings:
    """Scores of one cell, fractions, on the problems that both scorers judged.

    Attributes:
        simplerl, strict: by either scorer.
        boxed: by simplerl, an output without a box counting as wrong; as simplerl where boxes are not known.
        pessimistic, optimistic: only outputs that all three call right, and all that one of them does.
        disputed: outputs on which the three disagree, of `outputs`.
    """

    simplerl: float
    strict: float
    boxed: float
    pessimistic: float
    optimistic: float
    disputed: int
    outputs: int


@dataclass(frozen=True)
class Disputed:
    """An output that decides: right by one reading and wrong by another.

    Attributes:
        prediction_simplerl, prediction_strict: what either scorer took for the answer.
        ending: the last characters of the output.
    """

    benchmark: str
    arm: Arm
    problem_id: str
    sample: int
    simplerl: bool
    strict: bool
    boxed: bool
    prediction_simplerl: str
    prediction_strict: str
    ending: str


def read_both(
    run: Run, cell: Cell, loaded: Mapping[str, GradeMatrix | None] = MappingProxyType({})
) -> tuple[GradeMatrix, GradeMatrix] | None:
    """Grades by simplerl and by strict; None where the cell lacks one of them.

    Args:
        loaded: grades of the cell that are at hand, by scorer.
    """
    if not all(cell.scorer in MATH_SCORERS and grades_file(run, cell, name).is_file() for name in MATH_SCORERS):
        return None
    simplerl, strict = (loaded.get(name) or load_grades(run, cell, name) for name in MATH_SCORERS)
    return simplerl, strict


def readings(simplerl: GradeMatrix, strict: GradeMatrix) -> Readings:
    """The cell's score under each reading."""
    _, table = _readings(simplerl, strict)
    agreed, any_of = table.all(axis=0), table.any(axis=0)
    simple, exact, boxed, least, most = (float(x.mean()) if x.size else math.nan for x in (*table, agreed, any_of))
    return Readings(simple, exact, boxed, least, most, int((agreed != any_of).sum()), agreed.size)


def disputed(run: Run) -> list[Disputed]:
    """Every output of the run on which the three readings disagree.

    Raises:
        UsageError: no cell was graded by both scorers.
    """
    both = {cell: pair for cell in run.cells if (pair := read_both(run, cell)) is not None}
    if not both:
        raise UsageError(
            f"No cell of {run.name} was graded by both simplerl and strict.",
            f"Type `rast-eval score {quoted(run.path)} --scorer strict` (or simplerl) first.",
        )
    return [found for cell, (simplerl, strict) in both.items() for found in _of_cell(run, cell, simplerl, strict)]


def _readings(simplerl: GradeMatrix, strict: GradeMatrix) -> tuple[tuple[str, ...], Bools]:
    """Problems that both hold, and bool [3, N, n]: simplerl, strict, boxed-only."""
    place = {problem: i for i, problem in enumerate(strict.problem_ids)}
    kept = [i for i, problem in enumerate(simplerl.problem_ids) if problem in place]
    shared = tuple(simplerl.problem_ids[i] for i in kept)
    first, second = simplerl.correct[kept], strict.correct[[place[problem] for problem in shared]]
    boxes = np.ones_like(first) if simplerl.boxed is None else simplerl.boxed[kept]
    return shared, np.stack([first, second, first & boxes])


def _of_cell(run: Run, cell: Cell, simplerl: GradeMatrix, strict: GradeMatrix) -> Iterator[Disputed]:
    shared, table = _readings(simplerl, strict)
    differs = table.all(axis=0) != table.any(axis=0)
    wanted = {(shared[i], int(j)): (i, j) for i, j in zip(*differs.nonzero(), strict=True)}
    rows = [{p: i for i, p in enumerate(found.problem_ids)} for found in (simplerl, strict)]
    for sample in iter_samples(run, cell):
        key = (str(sample["problem_id"]), int(sample["sample"]))
        if key not in wanted:
            continue
        i, j = wanted[key]
        first, second, boxed = (bool(x) for x in table[:, i, j])
        answers = [found.predictions[row[key[0]]][j] for found, row in zip((simplerl, strict), rows, strict=True)]
        ending = str(sample["output"])[-SHOWN_CHARACTERS:]
        yield Disputed(cell.benchmark, cell.arm, *key, first, second, boxed, answers[0], answers[1], ending)
