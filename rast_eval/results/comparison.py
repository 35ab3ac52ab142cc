"""Two runs on the same problems: what differs, and whether it could be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.results.provenance import require_same_problems
from rast_eval.results.reader import Run, load_grades
from rast_eval.statistics import Difference


@dataclass(frozen=True)
class Comparison:
    """One arm on one benchmark in both runs.

    Attributes:
        holm: p-value adjusted over the benchmarks of the arm.
    """

    arm: str
    benchmark: str
    accuracy_a: float
    accuracy_b: float
    difference: Difference
    holm: float = math.nan


def compare_runs(a: Run, b: Run, scorer: str | None = None) -> list[Comparison]:
    """Every arm and benchmark that both runs hold.

    Raises:
        UsageError: no cell in common, or a cell whose problems differ.
        StoreError: a problem whose question or gold differs under one id.
    """
    shared = [(cell, other) for cell in a.cells if (other := b.cell(cell.arm, cell.benchmark)) is not None]
    if not shared:
        raise UsageError(
            f"{a.name} and {b.name} have no arm and benchmark in common.",
            "Compare runs of the same benchmarks; `rast-eval report RUN` shows what a run holds.",
        )
    rows: list[Comparison] = []
    for cell, other in shared:
        left, right = load_grades(a, cell, scorer), load_grades(b, other, scorer)
        only_a, only_b = set(left.problem_ids) - set(right.problem_ids), set(right.problem_ids) - set(left.problem_ids)
        if only_a or only_b or not left.problem_ids:
            raise UsageError(
                f"{cell.arm} on {cell.benchmark}: the runs cover different problems ({len(left.problem_ids)} in "
                f"{a.name}, {len(right.problem_ids)} in {b.name}, {len(only_a) + len(only_b)} in one only).",
                "Run both with the same --limit, to the end, and compare again.",
            )
        require_same_problems(cell.benchmark, {f"A's {cell.arm}": left, f"B's {cell.arm}": right})
        position = {problem: i for i, problem in enumerate(right.problem_ids)}
        aligned = right.correct[[position[problem] for problem in left.problem_ids]]
        difference = statistics.paired_difference(left.correct, aligned)
        accuracies = (float(left.correct.mean()), float(aligned.mean()))
        rows.append(Comparison(cell.arm, cell.benchmark, *accuracies, difference))
    return _with_holm(rows)


def _with_holm(rows: list[Comparison]) -> list[Comparison]:
    adjusted: dict[tuple[str, str], float] = {}
    for arm in dict.fromkeys(row.arm for row in rows):
        family = [row for row in rows if row.arm == arm]
        values = statistics.holm([row.difference.p_value for row in family])
        adjusted.update({(arm, row.benchmark): p for row, p in zip(family, values, strict=True)})
    return [replace(row, holm=adjusted[row.arm, row.benchmark]) for row in rows]
