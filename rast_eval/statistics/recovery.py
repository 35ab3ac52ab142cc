"""Recovery rate: the share of the base→RL gap that RAST closes, RR = (RAST − base)/(RL − base).

A ratio of two means over the same problems, so the interval is Fieller's, which knows their covariance
and says so when the gap cannot be told from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Float, mean_estimate, t_quantile

SMALLEST_GAP = 0.01
"""A base→RL gap below one point has no meaningful share."""

UNBOUNDED = "unbounded: the base→RL gap cannot be told from 0"
TOO_SMALL = "not computed: the base→RL gap is below one point"
FIXED = "reference error ignored"


@dataclass(frozen=True)
class Recovery:
    """A recovery rate; 1.0 is the whole gap. Never clipped: above 1 and below 0 are findings.

    Attributes:
        low, high: 95 % interval; NaN where it is unbounded or was not computed.
        gap: the denominator, RL − base.
        note: empty, or one clause that says what limits the number.
        bootstrap_low, bootstrap_high: percentile bootstrap over problems, as a cross-check.
    """

    value: float
    low: float
    high: float
    gap: float
    method: str
    note: str = ""
    bootstrap_low: float = math.nan
    bootstrap_high: float = math.nan


def fieller(u: ArrayLike, v: ArrayLike, level: float = 0.95) -> tuple[float, float] | None:
    """Fieller's interval of mean(u)/mean(v) for paired vectors; None where it is unbounded.

    (B ± sqrt(B² − AC))/A with A = v̄² − t²S_vv, B = ūv̄ − t²S_uv, C = ū² − t²S_uu and t of N−1 degrees
    of freedom (Fieller 1954).

    Args:
        u: float [N], RAST − base by problem.
        v: float [N], RL − base by problem.
    """
    x, y = np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"u {x.shape} and v {y.shape} must be vectors of one length")
    if x.size < 2:
        return None
    covariance = np.cov(x, y, ddof=1) / x.size
    t2 = t_quantile(x.size - 1, level) ** 2
    a = y.mean() ** 2 - t2 * covariance[1, 1]
    b = x.mean() * y.mean() - t2 * covariance[0, 1]
    c = x.mean() ** 2 - t2 * covariance[0, 0]
    if a <= 0:
        return None
    root = math.sqrt(max(float(b * b - a * c), 0.0))
    return float((b - root) / a), float((b + root) / a)


def bootstrap_recovery(
    pairs: Sequence[tuple[Float, Float]], draws: int = 10_000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap over problems of Σ_b ū_b / Σ_b v̄_b, drawn within each benchmark.

    Args:
        pairs: a (u, v) of float [N_b] each for every benchmark; one pair gives the unstratified interval.
    """
    rng = np.random.default_rng(seed)
    numerator, denominator = np.zeros(draws), np.zeros(draws)
    for u, v in pairs:
        for start in range(0, draws, 500):  # 500 × N indices at a time
            stop = min(start + 500, draws)
            rows = rng.integers(0, len(u), size=(stop - start, len(u)))
            numerator[start:stop] += u[rows].mean(axis=1)
            denominator[start:stop] += v[rows].mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numerator / denominator
    ratio = ratio[np.isfinite(ratio)]
    if ratio.size == 0:
        return math.nan, math.nan
    low, high = np.quantile(ratio, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def recovery(base: ArrayLike, rast: ArrayLike, rl: ArrayLike, level: float = 0.95, seed: int = 0) -> Recovery:
    """Recovery rate on one benchmark, all three arms on the same problems.

    Args:
        base, rast, rl: float [N], share of right samples by problem. The arms may have different n.
    """
    b, r, c = (np.asarray(x, dtype=np.float64) for x in (base, rast, rl))
    if not b.shape == r.shape == c.shape:
        raise ValueError(f"the arms cover different problems: {b.shape}, {r.shape}, {c.shape}")
    u, v = r - b, c - b
    gap = float(v.mean()) if v.size else math.nan
    if not abs(gap) >= SMALLEST_GAP:
        return Recovery(math.nan, math.nan, math.nan, gap, "fieller", TOO_SMALL)
    value, interval = float(u.mean()) / gap, fieller(u, v, level)
    low_high = bootstrap_recovery([(u, v)], seed=seed, level=level)
    if interval is None:
        return Recovery(value, math.nan, math.nan, gap, "fieller", UNBOUNDED, *low_high)
    return Recovery(value, *interval, gap, "fieller", "", *low_high)


def recovery_fixed(rast: ArrayLike, base: ArrayLike | float, rl: float, level: float = 0.95) -> Recovery:
    """Recovery rate against a published ceiling, whose own error is unknown.

    Args:
        rast: float [N].
        base: float [N] on the same problems, or one published number.
        rl: the published ceiling, a fraction.
    """
    r = np.asarray(rast, dtype=np.float64)
    b = np.broadcast_to(np.asarray(base, dtype=np.float64), r.shape)
    gap = rl - float(b.mean())
    if not abs(gap) >= SMALLEST_GAP:
        return Recovery(math.nan, math.nan, math.nan, gap, "fixed", TOO_SMALL)
    gain = mean_estimate(r - b, level=level)
    low, high = sorted((gain.low / gap, gain.high / gap))
    return Recovery(gain.value / gap, low, high, gap, "fixed", FIXED)


def average_recovery(
    benchmarks: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike]], level: float = 0.95, seed: int = 0
) -> Recovery:
    """Recovery over several benchmarks: Σ_b ū_b / Σ_b v̄_b with a stratified bootstrap.

    The mean of the ratios would let the benchmark with the smallest gap decide.

    Args:
        benchmarks: (base, rast, rl), float [N_b] each, for every benchmark.
    """
    pairs = []
    for arms in benchmarks:
        base, rast, rl = (np.asarray(x, dtype=np.float64) for x in arms)
        pairs.append((rast - base, rl - base))
    if not pairs:
        return Recovery(math.nan, math.nan, math.nan, math.nan, "bootstrap", "no benchmark has all three arms")
    gap = math.fsum(float(v.mean()) for _, v in pairs)
    if not abs(gap) / len(pairs) >= SMALLEST_GAP:
        return Recovery(math.nan, math.nan, math.nan, gap / len(pairs), "bootstrap", TOO_SMALL)
    value = math.fsum(float(u.mean()) for u, _ in pairs) / gap
    low, high = bootstrap_recovery(pairs, seed=seed, level=level)
    return Recovery(value, low, high, gap / len(pairs), "bootstrap", "", low, high)


def mean_of_ratios(rates: Sequence[float]) -> float:
    """The paper's averaged recovery rate (its Table 4): the mean of the benchmarks' own rates."""
    known = [rate for rate in rates if not math.isnan(rate)]
    return math.fsum(known) / len(known) if known else math.nan
