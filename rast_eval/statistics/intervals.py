"""Intervals for means over problems.

The problem is the unit: its samples stay together, so the spread between problems already holds the noise
of sampling (Miller 2024, arXiv 2411.00640; Hochlehnert et al. 2025, arXiv 2504.07086).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A point value with its interval.

    Attributes:
        se: standard error; NaN where the method has none or it is undefined.
        method: `t`, `wilson`, `bootstrap`, … — how low and high were made.
    """

    value: float
    low: float
    high: float
    se: float
    method: str

    @property
    def half_width(self) -> float:
        """Half of high − low, the number behind a printed ±."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Accuracy(Estimate):
    """Averaged pass@1 of one cell.

    Attributes:
        se: total standard error: other problems and other seeds.
        seeds_se: the same problems under other seeds only; NaN when n = 1.
        seeds_half_width: half of the 95 % interval that belongs to `seeds_se`.
    """

    seeds_se: float
    seeds_half_width: float
    problems: int
    samples: int


def t_quantile(df: float, level: float = 0.95) -> float:
    """Two-sided quantile of Student's t: 12.706 for df = 1 and level = 0.95."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2))


def wilson(successes: float, total: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval of a proportion (Wilson 1927).

    Raises:
        ValueError: total < 1.
    """
    from scipy.special import ndtri

    if total < 1:
        raise ValueError("Wilson's interval needs at least one trial")
    z = float(ndtri(0.5 + level / 2))
    share = successes / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # At 0 and 1 the bound equals the value in exact arithmetic.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == total else centre + half
    return Estimate(share, low, high, math.sqrt(share * (1 - share) / total), "wilson")


def clustered_se(values: ArrayLike, clusters: Sequence[object]) -> tuple[float, int]:
    """Standard error of a mean whose problems come in clusters, and the number G of clusters.

    sqrt(G/(G−1) · Σ_g (Σ_{i∈g} (p_i − s))²) / N; with one problem a cluster it is the usual one.

    Args:
        values: float [N].
        clusters: a label a problem, e.g. the passage it asks about.
    """
    p = np.asarray(values, dtype=np.float64)
    if len(clusters) != len(p):
        raise ValueError(f"{len(clusters)} cluster labels for {len(p)} problems")
    sums: dict[object, float] = {}
    for label, deviation in zip(clusters, p - p.mean(), strict=True):
        sums[label] = sums.get(label, 0.0) + float(deviation)
    groups = len(sums)
    if groups < 2:
        return math.nan, groups
    squares = math.fsum(total * total for total in sums.values())
    return math.sqrt(groups / (groups - 1) * squares) / len(p), groups


def mean_estimate(values: ArrayLike, clusters: Sequence[object] | None = None, level: float = 0.95) -> Estimate:
    """Mean of a problem-level quantity with Student's t interval, N−1 (or G−1) degrees of freedom.

    Args:
        values: float [N], one value a problem; any NaN makes the whole estimate NaN.
    """
    p = np.asarray(values, dtype=np.float64)
    if p.size == 0 or np.isnan(p).any():
        return Estimate(math.nan, math.nan, math.nan, math.nan, "undefined")
    mean = float(p.mean())
    if clusters is None:
        se, groups = (float(p.std(ddof=1)) / math.sqrt(p.size) if p.size > 1 else math.nan), p.size
    else:
        se, groups = clustered_se(p, clusters)
    if groups < 2:
        return Estimate(mean, math.nan, math.nan, math.nan, "undefined")
    half = t_quantile(groups - 1, level) * se
    return Estimate(mean, mean - half, mean + half, se, "t")


def share_estimate(values: ArrayLike, clusters: Sequence[object] | None = None, level: float = 0.95) -> Estimate:
    """`mean_estimate` for shares in [0, 1], with Wilson's interval where Student's has nothing to measure.

    That is where every problem is wholly right or every one wholly wrong: the interval would shrink to a
    point. One trial a problem errs on the wide side.
    """
    p = np.asarray(values, dtype=np.float64)
    total = mean_estimate(p, clusters, level)
    if clusters is None and p.size > 1 and p.min() == p.max() and p[0] in (0.0, 1.0):
        return replace(wilson(float(p.sum()), p.size, level), se=total.se)
    return total


def accuracy(correct: ArrayLike, clusters: Sequence[object] | None = None, level: float = 0.95) -> Accuracy:
    """Averaged pass@1 with its total and its seeds-only standard error.

    One sample a problem, or one problem, takes Wilson's interval; else as `share_estimate`.

    Args:
        correct: bool [N, n], N, n ≥ 1.
    """
    verdicts = np.asarray(correct, dtype=np.float64)
    if verdicts.ndim != 2 or verdicts.size == 0:
        raise ValueError(f"verdicts must be a filled matrix [N, n], not shape {verdicts.shape}")
    problems, samples = verdicts.shape
    p = verdicts.mean(axis=1)
    seeds_se = math.nan
    if samples > 1:
        seeds_se = math.sqrt(float((p * (1 - p)).sum()) / (samples - 1)) / problems
    total = share_estimate(p, clusters, level)
    if clusters is None and samples == 1:
        total = replace(wilson(float(p.sum()), problems, level), se=total.se)
    elif clusters is None and problems == 1:  # only its seeds vary
        total = wilson(float(verdicts.sum()), verdicts.size, level)
    half = t_quantile(math.inf, level) * seeds_se
    return Accuracy(total.value, total.low, total.high, total.se, total.method, seeds_se, half, problems, samples)
