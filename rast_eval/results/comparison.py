"""Differences on the same problems: of two arms inside a run, and of one arm in two runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.names import quoted
from rast_eval.results.provenance import require_same_problems, session_settings, shown
from rast_eval.results.reader import GradeMatrix, Run, load_grades, scorer_of
from rast_eval.statistics import Difference
from rast_eval.types import Arm, Cell

Floats = NDArray[np.float64]

AVERAGE = "Avg."
"""Mean pass@1, as a measure."""

DASH = "–"
"""A setting that one of two runs does not have."""

OURS, OTHERS = "rast", ("base", "expert", "merge", "rl")
"""Roles whose arms a run's own differences are taken between: RAST minus each of the others."""


@dataclass(frozen=True)
class Comparison:
    """The difference a − b of one measure on one benchmark, paired by problem.

    Attributes:
        arm, other: the arms compared; the same one where two runs are.
        measure: `Avg.`, `pass@8`, `majority@8`.
        value_a, value_b: fractions on the problems that both hold.
        samples_a, samples_b: samples a problem.
        holm: p-value adjusted over the differences of the same measure that are shown together.
    """

    benchmark: str
    arm: Arm
    other: Arm
    scorer: str
    measure: str
    value_a: float
    value_b: float
    samples_a: int
    samples_b: int
    difference: Difference
    holm: float = math.nan


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side.

    Attributes:
        settings: every setting that differs, as (in A, in B), by its name.
    """

    a: str
    b: str
    rows: tuple[Comparison, ...]
    settings: Mapping[str, tuple[str, str]]


def compare_arms(grades: Mapping[tuple[Arm, str], GradeMatrix], scorers: Mapping[str, str]) -> tuple[Comparison, ...]:
    """RAST minus every other arm, on the problems that both hold; the measures are those of `compare_runs`.

    Args:
        grades: by arm and benchmark.
        scorers: by benchmark.
    """
    rows: list[Comparison] = []
    for arm, benchmark in grades:
        others = [o for o, held in grades if held == benchmark and o.role in OTHERS] if arm.role == OURS else []
        for other in sorted(others, key=lambda o: o.order):
            left, right = grades[arm, benchmark], grades[other, benchmark]
            if set(left.problem_ids) & set(right.problem_ids):
                rows += _compared(left, right, arm, other, benchmark, scorers[benchmark])
    return _with_holm(rows)


def compare_runs(a: Run, b: Run, scorer: str | None = None) -> RunComparison:
    """Every arm and benchmark that both runs hold: mean pass@1, pass@k and majority@k of the largest common k.

    Raises:
        UsageError: one run twice, no cell in common, or a cell whose problems or scorers differ.
        StoreError: a problem whose question or gold differs under one id.
    """
    if a.path.resolve() == b.path.resolve():
        raise UsageError(f"{a.path} and {b.path} are one run.", "Type two different runs.")
    shared = [(cell, other) for cell in a.cells if (other := b.cell(cell.arm, cell.benchmark)) is not None]
    if not shared:
        raise UsageError(
            f"{a.name} and {b.name} have no arm and benchmark in common.",
            "Compare runs of the same benchmarks; `rast-eval report RUN` shows what a run holds.",
        )
    rows: list[Comparison] = []
    settings = {}
    for cell, other in shared:
        judges = scorer_of(cell, scorer), scorer_of(other, scorer)
        if judges[0] != judges[1]:
            raise UsageError(
                f"{cell.arm} on {cell.benchmark} was graded by {judges[0]} in {a.name} and by {judges[1]} in {b.name}.",
                f"Type --scorer {judges[0]}, after `rast-eval score {quoted(b.path)} --scorer {judges[0]}`.",
            )
        left, right = load_grades(a, cell, scorer), load_grades(b, other, scorer)
        only = set(left.problem_ids) ^ set(right.problem_ids)
        if only or not left.problem_ids:
            raise UsageError(
                f"{cell.arm} on {cell.benchmark}: the runs cover different problems ({len(left.problem_ids)} in "
                f"{a.name}, {len(right.problem_ids)} in {b.name}, {len(only)} in one only).",
                "Run both with the same --limit, to the end, and compare again.",
            )
        require_same_problems(cell.benchmark, {f"A's {cell.arm}": left, f"B's {cell.arm}": right})
        rows += _compared(left, right, cell.arm, cell.arm, cell.benchmark, judges[0])
        settings[f"{cell.arm} on {cell.benchmark}"] = _settings(a, cell, left), _settings(b, other, right)
    return RunComparison(a.name, b.name, _with_holm(rows), differing_settings(settings))


def differing_settings(by_cell: Mapping[str, tuple[dict[str, str], dict[str, str]]]) -> dict[str, tuple[str, str]]:
    """What was set differently, by name; with the cell's name before it where cells differ in how they differ.

    Args:
        by_cell: every setting in A and in B, by the cell's name.
    """
    differ = {
        where: {key: (a.get(key, DASH), b.get(key, DASH)) for key in {**a, **b} if a.get(key) != b.get(key)}
        for where, (a, b) in by_cell.items()
    }
    first, *rest = differ.values()
    if all(found == first for found in rest):
        return first
    return {f"{where}: {key}": pair for where, found in differ.items() for key, pair in found.items()}


def settings_between(a: Run, cell: Cell, b: Run, other: Cell) -> dict[str, tuple[str, str]]:
    """What was set differently for a cell of two runs, by name."""
    found = (_settings(run, own, load_grades(run, own)) for run, own in ((a, cell), (b, other)))
    return differing_settings({cell.name: (next(found), next(found))})


def _settings(run: Run, cell: Cell, grades: GradeMatrix) -> dict[str, str]:
    """Everything that can move a number, as text: what was planned, and how the last of its sessions carried it out."""
    taken = ("arm", "benchmark", "system", "sampling", "scorer", "fingerprint", "problem_count")
    planned = {key: value for key, value in asdict(cell).items() if key not in taken}
    refs = enumerate(cell.system.members, 1)
    checkpoints = {f"checkpoint {i}": "@".join(filter(None, (ref.path, ref.revision))) for i, ref in refs}
    sessions = [s for s in run.manifest.get("sessions", ()) if s["id"] in grades.sessions]
    carried_out = session_settings(sessions[-1], cell) if sessions else {}
    preset = {"preset": run.manifest.get("preset")}
    sampling = asdict(cell.sampling) | (
        {} if cell.sampling.max_tokens else {"max_tokens": math.nan}
    )  # a log's, not told
    found = {"models": cell.system.label, **checkpoints, **sampling, **planned, **preset, **carried_out}
    return {key.replace("_", " "): shown(value) for key, value in found.items()}


def _compared(
    left: GradeMatrix, right: GradeMatrix, arm: Arm, other: Arm, benchmark: str, scorer: str
) -> Iterator[Comparison]:
    """A row a measure, over the problems that both matrices hold, row i the same problem in both."""
    position = {problem: i for i, problem in enumerate(right.problem_ids)}
    both = [i for i, problem in enumerate(left.problem_ids) if problem in position]
    there = [position[left.problem_ids[i]] for i in both]
    grades = left.correct[both], right.correct[there]
    votes = left.votes[both], right.votes[there]
    samples = left.correct.shape[1], right.correct.shape[1]
    k = 1 << (min(samples).bit_length() - 1)
    measures: dict[str, tuple[Callable[[int], Floats], int]] = {AVERAGE: (lambda i: grades[i].mean(axis=1), 1)}
    if k > 1:
        measures[f"pass@{k}"] = (lambda i: statistics.pass_at_k(grades[i], k), k)
        if all((vote >= 0).any() for vote in votes):
            measures[f"majority@{k}"] = (lambda i: statistics.majority_at_k(grades[i], votes[i], k), k)
    for measure, (values, size) in measures.items():
        a, b = values(0), values(1)
        found = statistics.paired_values(a, b, samples[0] / size, samples[1] / size)
        yield Comparison(benchmark, arm, other, scorer, measure, float(a.mean()), float(b.mean()), *samples, found)


def _with_holm(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    adjusted: dict[int, float] = {}
    for measure in dict.fromkeys(row.measure for row in rows):
        family = [i for i, row in enumerate(rows) if row.measure == measure]
        p_values = statistics.holm([rows[i].difference.p_value for i in family])
        adjusted |= dict(zip(family, p_values, strict=True))
    return tuple(replace(row, holm=adjusted[i]) for i, row in enumerate(rows))
