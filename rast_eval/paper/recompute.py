"""Recovery rates from accuracies as printed: a number and what rounding allows."""

from __future__ import annotations

import itertools
import math

from rast_eval.paper import prose, published
from rast_eval.paper.published import BENCHMARKS, Printed

PROBLEMS = {"math500": 500, "aime24": 30, "amc23": 40, "minerva": 272, "olympiadbench": 675, "gsm8k": 1319}
RUNS = prose.RUNS
SLACK = 1e-6
"""Of binary fractions, in points."""

Bounds = tuple[float, float, float]
"""Recomputed, low, high; percent."""


def recovery_bounds(rast: Printed, base: Printed, rl: Printed) -> Bounds:
    """Recovery rate in percent from printed accuracies.

    The rate is monotone in each accuracy while the gap keeps its sign, so its extremes lie at the corners of
    the rounding box. A gap that rounding may close gives (NaN or the rate, −inf, inf).
    """
    gap = rl.value - base.value
    recomputed = 100 * (rast.value - base.value) / gap if gap else math.nan
    if abs(gap) <= rl.half + base.half + SLACK:
        return recomputed, -math.inf, math.inf
    corners = itertools.product(*((x.low, x.high) for x in (rast, base, rl)))
    rates = [100 * (r - b) / (c - b) for r, b, c in corners]
    return recomputed, min(rates), max(rates)


def recovery_of(base: str, delta: str, benchmark: str) -> Bounds:
    """Recovery rate of one cell of Table 1, from the table's accuracies."""
    keys = (("rast", base, benchmark, delta), ("base", base, benchmark, ""), ("rl", base, benchmark, ""))
    cells = [published.score(*key) for key in keys]
    rast, low, high = (cell.average for cell in cells if cell is not None)
    return recovery_bounds(rast, low, high)


def mean_rate(base: str, delta: str) -> Bounds:
    """Mean of the printed rates of a row of Table 1."""
    cells = [published.score("rast", base, benchmark, delta) for benchmark in BENCHMARKS]
    rates = [cell.recovery for cell in cells if cell is not None and cell.recovery is not None]
    low, value, high = (
        math.fsum(getattr(rate, key) for rate in rates) / len(rates) for key in ("low", "value", "high")
    )
    return value, low, high
