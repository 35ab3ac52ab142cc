"""What each arm closes of the gap between base and ceiling, problem by problem (spec: statistics)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rast_eval import statistics
from rast_eval.results.cell_metrics import CellMetrics, Estimator
from rast_eval.results.reader import GradeMatrix
from rast_eval.statistics import Recovery
from rast_eval.statistics.recovery import NEGATIVE
from rast_eval.types import Arm, Cell

Grades = Mapping[tuple[Arm, str], GradeMatrix]
"""Of every cell that has some, by arm and benchmark."""

Triple = tuple[list[float], list[float], list[float]]


def _aligned(grades: Grades, arm: Arm, benchmark: str) -> tuple[Triple, list[str]] | None:
    """Shares of right samples of (base, arm, rl) on their common problems, and what was left out."""
    base = next((name for name in map(Arm, ("base", "base@sampled")) if (name, benchmark) in grades), None)
    ceiling = Arm("rl")
    if base is None or (ceiling, benchmark) not in grades or (arm, benchmark) not in grades:
        return None
    low, own, high = (grades[name, benchmark].by_problem for name in (base, arm, ceiling))
    common = [p for p in own if p in low and p in high]
    if not common:
        return None
    note = f"Recovery of {arm} on {benchmark}: over the {len(common)} problems that base, {arm} and rl share."
    triple = ([low[p] for p in common], [own[p] for p in common], [high[p] for p in common])
    return triple, [note] if len(common) < max(len(low), len(own), len(high)) else []


def cell_recovery(grades: Grades, cell: Cell) -> tuple[Recovery | None, list[str]]:
    """What a cell's arm closes of the gap, and sentences on it; None for arms that define the gap, or without them."""
    arms = _aligned(grades, cell.arm, cell.benchmark) if cell.arm.closes_gap else None
    if arms is None:
        return None, []
    found, notes = statistics.recovery(*arms[0]), arms[1]
    if found.note == NEGATIVE:
        notes = [
            *notes,
            f"{cell.benchmark}: the RL ceiling is {-100 * found.gap:.1f} points below the base, so {cell.arm} has no "
            "recovery rate there.",
        ]
    return found, notes


def average_recoveries(grades: Grades, cells: Sequence[CellMetrics], estimator: Estimator) -> dict[str, Recovery]:
    """By arm over the benchmarks that have all three arms; arms with one benchmark are left out."""
    result: dict[str, Recovery] = {}
    for arm in dict.fromkeys(c.arm for c in cells if c.arm.closes_gap):
        rows = [_aligned(grades, arm, c.benchmark) for c in cells if c.arm == arm]
        triples = [row[0] for row in rows if row is not None]
        if not triples or len(rows) < 2:
            continue
        average = statistics.average_recovery(triples)
        if estimator == "paper":
            rates = [c.recovery.value for c in cells if c.arm == arm and c.recovery is not None]
            rates = [rate for rate in rates if not math.isnan(rate)]
            mean = statistics.mean_of_ratios(rates)
            kind, note = "mean of ratios", "paper's estimator"
            average = Recovery(mean, math.nan, math.nan, average.gap, kind, note, len(rates))
        result[arm] = average
    return result
