"""Recovery rate: the share of the base→RL gap that RAST closes, RR = (RAST − base)/(RL − base).

A ratio of two means over the same problems, so the interval is Fieller's, which knows their covariance
and says so when the gap cannot be told from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Float, mean_estimate, t_quantile

SMALLEST_GAP = 0.01
"""A base→RL gap below one point has no meaningful share."""

UNBOUNDED = "unbounded: the base→RL gap cannot be told from 0"
TOO_SMALL = "not computed: the base→RL gap is below one point"
NEGATIVE = "not computed: the ceiling is below the base"
UNDEFINED = "interval undefined: the problems do not differ enough to show an error"
NO_CEILING = "not computed: no benchmark has all three arms"
FIXED = "reference error ignored"


@dataclass(frozen=True)
class Recovery:
    """A recovery rate; 1.0 is the whole gap. Never clipped: above 1 and below 0 are findings.

    Attributes:
        low, high: 95 % interval; NaN where it is unbounded, undefined or was not computed.
        gap: the denominator, RL − base; of an average, its mean over the benchmarks.
        note: empty, or one clause that says what limits the number: one of this module's constants.
        benchmarks: how many the rate is taken over.
    """

    value: float
    low: float
    high: float
    gap: float
    method: str
    note: str = ""
    benchmarks: int = 1


def fieller(pairs: Sequence[tuple[Float, Float]], level: float = 0.95) -> tuple[tuple[float, float] | None, float]:
    """Fieller's interval of Σ_b ū_b / Σ_b v̄_b for paired vectors, and its degrees of freedom.

    (B ± sqrt(B² − AC))/A with A = v̄² − t²S_vv, B = ūv̄ − t²S_uv, C = ū² − t²S_uu (Fieller 1954). Sums, variances
    and covariances add over the benchmarks; t has Welch's degrees of freedom of Σ_b (ū_b − R v̄_b) at the
    ratio R itself, N − 1 for one benchmark (Satterthwaite 1946, Welch 1947).

    Args:
        pairs: (u, v) of float [N_b] each for every benchmark: u = RAST − base, v = RL − base by problem.

    Returns:
        None in place of the interval where A ≤ 0: it is unbounded. Degrees of freedom 0 and no interval where a
        benchmark shows no error at all: u_i − R v_i is the same on each of its problems, or it has one problem.
    """
    if any(x.shape != y.shape or x.ndim != 1 for x, y in pairs):
        raise ValueError("u and v of a benchmark must be vectors of one length")
    u, v = math.fsum(float(x.mean()) for x, _ in pairs), math.fsum(float(y.mean()) for _, y in pairs)
    if v == 0:
        return None, math.inf
    s_uu = s_vv = s_uv = squares = 0.0
    variances = []
    for x, y in pairs:
        residual = x - u / v * y
        if x.size < 2 or float(np.ptp(residual)) < 1e-9:
            return None, 0.0
        covariance = np.cov(x, y, ddof=1) / x.size
        s_uu, s_vv, s_uv = s_uu + covariance[0, 0], s_vv + covariance[1, 1], s_uv + covariance[0, 1]
        variances.append(float(residual.var(ddof=1)) / x.size)
        squares += variances[-1] ** 2 / (x.size - 1)
    df = math.fsum(variances) ** 2 / squares
    t2 = t_quantile(df, level) ** 2
    a, b, c = v * v - t2 * s_vv, u * v - t2 * s_uv, u * u - t2 * s_uu
    if a <= 0:
        return None, df
    root = math.sqrt(max(float(b * b - a * c), 0.0))
    return (float((b - root) / a), float((b + root) / a)), df


def recovery(base: ArrayLike, rast: ArrayLike, rl: ArrayLike, level: float = 0.95) -> Recovery:
    """Recovery rate on one benchmark, all three arms on the same problems.

    Args:
        base, rast, rl: float [N], share of right samples by problem. The arms may have different n.
    """
    return average_recovery([(base, rast, rl)], level)


def average_recovery(benchmarks: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike]], level: float = 0.95) -> Recovery:
    """Recovery over several benchmarks: Σ_b ū_b / Σ_b v̄_b with Fieller's interval of the stratified sums.

    The mean of the ratios would let the benchmark with the smallest gap decide.

    Args:
        benchmarks: (base, rast, rl), float [N_b] each, for every benchmark that has all three arms.
    """
    pairs = []
    for arms in benchmarks:
        base, rast, rl = (np.asarray(x, dtype=np.float64) for x in arms)
        if not base.shape == rast.shape == rl.shape:
            raise ValueError(f"the arms cover different problems: {base.shape}, {rast.shape}, {rl.shape}")
        if base.size:
            pairs.append((rast - base, rl - base))
    if not pairs:
        return Recovery(math.nan, math.nan, math.nan, math.nan, "fieller", NO_CEILING, 0)
    gap = math.fsum(float(v.mean()) for _, v in pairs) / len(pairs)
    found = _without_rate(gap, "fieller", len(pairs))
    if found.note:
        return found
    value = math.fsum(float(u.mean()) for u, _ in pairs) / len(pairs) / gap
    interval, df = fieller(pairs, level)
    if interval is None:
        return replace(found, value=value, note=UNBOUNDED if df else UNDEFINED)
    return replace(found, value=value, low=interval[0], high=interval[1])


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
    found = _without_rate(gap, "fixed")
    if found.note:
        return found
    gain = mean_estimate(r - b, level=level)
    if gain.method == "undefined" or float(np.ptp(r - b)) < 1e-9:
        return replace(found, value=gain.value / gap, note=UNDEFINED)
    return replace(found, value=gain.value / gap, low=gain.low / gap, high=gain.high / gap, note=FIXED)


def mean_of_ratios(rates: Sequence[float]) -> float:
    """The paper's averaged recovery rate (its Table 4): the mean of the benchmarks' own rates."""
    known = [rate for rate in rates if not math.isnan(rate)]
    return math.fsum(known) / len(known) if known else math.nan


def _without_rate(gap: float, method: str, benchmarks: int = 1) -> Recovery:
    """A rate not yet computed; its note says why it cannot be, if so."""
    note = "" if gap >= SMALLEST_GAP else NEGATIVE if gap <= -SMALLEST_GAP else TOO_SMALL
    return Recovery(math.nan, math.nan, math.nan, gap, method, note, benchmarks)
