"""Intervals for means over problems.

The problem is the unit: its samples stay together, so the spread between problems already holds the noise
of sampling (Miller 2024, arXiv 2411.00640; Hochlehnert et al. 2025, arXiv 2504.07086).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

PSEUDO_PROBLEMS = 0.5
"""So many wholly wrong (or wholly right) problems are added to the spread that was seen: a benchmark whose hard
problems happened to be missing must not look even. The smallest weight that keeps the coverage at .93 where
nine in ten errors sit on problems that are always wrong (docs/statistics.md)."""

PSEUDO_SAMPLES = 2.0
"""The same for the seeds interval, in samples that might have gone the other way."""


@dataclass(frozen=True)
class Estimate:
    """A point value with its interval.

    Attributes:
        se: standard error; NaN where the method has none or it is undefined.
        method: how low and high were made. `t` is value ± half_width; `wilson` and `anytime` are not symmetric
            unless `symmetric` says so; `undefined` has no interval.
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

    @property
    def symmetric(self) -> bool:
        """Whether value ± half_width gives both bounds to the printed digit, .05 points; False without bounds."""
        return abs((self.high - self.value) - (self.value - self.low)) < 0.001


@dataclass(frozen=True)
class Accuracy(Estimate):
    """Averaged pass@1 of one cell.

    Attributes:
        se: total standard error: other problems and other seeds.
        seeds_se: the same problems under other seeds only; NaN when n = 1.
        seeds_half_width: half of the width of the seeds interval.
        seeds_low, seeds_high: 95 % interval of the score of these problems over all seeds; NaN when n = 1.
    """

    seeds_se: float
    seeds_half_width: float
    problems: int
    samples: int
    seeds_low: float = math.nan
    seeds_high: float = math.nan

    @property
    def seeds_symmetric(self) -> bool:
        """`symmetric` for the seeds interval."""
        return Estimate(self.value, self.seeds_low, self.seeds_high, self.seeds_se, "wilson").symmetric


def normal_quantile(level: float = 0.95) -> float:
    """Two-sided quantile of the normal distribution: 1.960 for level = 0.95."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def t_quantile(df: float, level: float = 0.95) -> float:
    """Two-sided quantile of Student's t: 12.706 for df = 1 and level = 0.95."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2))


def wilson(successes: float, total: float, level: float = 0.95) -> Estimate:
    """Wilson's score interval of a proportion (Wilson 1927).

    Raises:
        ValueError: total < 1.
    """
    if total < 1:
        raise ValueError("Wilson's interval needs at least one trial")
    share = successes / total
    low, high = _score_bounds(share, total, normal_quantile(level))
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
    mean = float(p.sum()) / p.size if p.size else math.nan
    if math.isnan(mean):
        return Estimate(math.nan, math.nan, math.nan, math.nan, "undefined")
    se, groups = _standard_error(p, mean, clusters)
    if groups < 2:
        return Estimate(mean, math.nan, math.nan, math.nan, "undefined")
    half = t_quantile(groups - 1, level) * se
    return Estimate(mean, mean - half, mean + half, se, "t")


def share_estimate(values: ArrayLike, clusters: Sequence[object] | None = None, level: float = 0.95) -> Estimate:
    """Mean of problem-level shares in [0, 1] with Wilson's interval over an effective number of trials.

    N/D trials, D = (V + w)/(V₁ + w): V is the squared standard error of the sum, V₁ what it would be were every
    problem wholly right or wholly wrong, w = `PSEUDO_PROBLEMS`. So D = 1 and Wilson's own interval where every
    value is 0 or 1, and D falls with the spread; elsewhere the quantile is Student's with N−1 (or G−1) degrees of
    freedom. The bounds never leave [0, 1] and never meet.

    Args:
        values: float [N], one share a problem: accuracy, pass@k, majority@k; any NaN makes the estimate NaN.
        clusters: a label a problem; the pseudo-problems then weigh as much as a mean cluster.
    """
    p = np.asarray(values, dtype=np.float64)
    share = float(p.sum()) / p.size if p.size else math.nan
    if math.isnan(share):
        return Estimate(math.nan, math.nan, math.nan, math.nan, "undefined")
    se, groups = _standard_error(p, share, clusters)
    binary = bool(((p == 0) | (p == 1)).all())
    low, high = share_bounds(share, se, p.size, groups, binary and clusters is None, level)
    return Estimate(share, low, high, se, "wilson")


def share_bounds(
    share: float, se: float, problems: int, groups: int, binary: bool = False, level: float = 0.95
) -> tuple[float, float]:
    """The bounds of `share_estimate` from a share, the standard error of its kind of mean, N and G."""
    size = problems / groups
    if groups < 2:
        return _score_bounds(share, 1.0, normal_quantile(level))
    if binary:
        return _score_bounds(share, problems, normal_quantile(level))
    spread = (problems * se) ** 2
    possible = problems * share * (1 - share) * problems / (problems - 1)
    inflation = (spread + PSEUDO_PROBLEMS * size * size) / (possible + PSEUDO_PROBLEMS * size)
    return _score_bounds(share, problems / inflation, t_quantile(groups - 1, level))


def seeds_estimate(correct: ArrayLike, level: float = 0.95) -> Estimate:
    """The score of these problems over all seeds, given n seeds of each; undefined when n = 1.

    Wilson's interval over N·n/D trials, D = (V + w)/(V₁ + w) ≤ 1: V = Σ n p_i(1−p_i) · n/(n−1) is the variance of
    the number of right samples, V₁ = N·n·s(1−s) what it would be were all problems equally hard, and
    w = `PSEUDO_SAMPLES`. Exact variances can only be smaller than V₁ (Hoeffding 1956).

    Args:
        correct: bool [N, n].
    """
    grades = np.asarray(correct)
    samples, trials = grades.shape[1], grades.size
    p = grades.sum(axis=1) / samples
    share = float(p.sum()) / p.size
    if samples < 2:
        return Estimate(share, math.nan, math.nan, math.nan, "undefined")
    variance = samples * float((p * (1 - p)).sum()) * samples / (samples - 1)
    deflation = min(1.0, (variance + PSEUDO_SAMPLES) / (trials * share * (1 - share) + PSEUDO_SAMPLES))
    low, high = _score_bounds(share, trials / deflation, normal_quantile(level))
    return Estimate(share, low, high, math.sqrt(variance) / trials, "wilson")


def accuracy(correct: ArrayLike, clusters: Sequence[object] | None = None, level: float = 0.95) -> Accuracy:
    """Averaged pass@1 with its total and its seeds-only interval; see `share_estimate` and `seeds_estimate`.

    Args:
        correct: bool [N, n], N, n ≥ 1.
    """
    grades = np.asarray(correct, dtype=np.float64)
    if grades.ndim != 2 or grades.size == 0:
        raise ValueError(f"grades must be a filled matrix [N, n], not shape {grades.shape}")
    problems, samples = grades.shape
    total, seeds = share_estimate(grades.mean(axis=1), clusters, level), seeds_estimate(grades, level)
    return Accuracy(
        total.value,
        total.low,
        total.high,
        total.se,
        total.method,
        seeds.se,
        seeds.half_width,
        problems,
        samples,
        seeds.low,
        seeds.high,
    )


def _standard_error(p: Float, mean: float, clusters: Sequence[object] | None) -> tuple[float, int]:
    if clusters is not None:
        return clustered_se(p, clusters)
    deviations = p - mean
    return (math.sqrt(float(deviations @ deviations) / (p.size * (p.size - 1))) if p.size > 1 else math.nan), p.size


def _score_bounds(share: float, trials: float, quantile: float) -> tuple[float, float]:
    z2 = quantile * quantile / trials
    centre = share + z2 / 2
    half = math.sqrt(z2 * share * (1 - share) + z2 * z2 / 4)
    # In exact arithmetic the bounds lie in [0, 1] and equal the value at its ends.
    low = 0.0 if share == 0 else max(0.0, (centre - half) / (1 + z2))
    high = 1.0 if share == 1 else min(1.0, (centre + half) / (1 + z2))
    return low, high
