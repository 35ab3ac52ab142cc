"""The difference of two runs on the same problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import mean_estimate, t_quantile


@dataclass(frozen=True)
class Difference:
    """a − b, paired by problem.

    Attributes:
        low, high: 95 % interval by Student's t with N−1 degrees of freedom.
        p_value: two-sided; `test` names how: `mcnemar` or `sign-flip`.
        detectable: the smallest true difference that would be found in 80 of 100 such comparisons.
    """

    value: float
    low: float
    high: float
    se: float
    p_value: float
    test: str
    detectable: float
    problems: int


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95, seed: int = 0) -> Difference:
    """Mean of d_i = a_i − b_i with interval and p-value.

    Exact McNemar where both runs have one sample a problem, else a sign-flip permutation test.

    Args:
        a, b: bool [N, n_a] and [N, n_b], row i the same problem in both.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right):
        raise ValueError(f"two matrices over the same problems are needed, not {left.shape} and {right.shape}")
    d = left.mean(axis=1) - right.mean(axis=1)
    estimate = mean_estimate(d, level=level)
    if left.shape[1] == right.shape[1] == 1:
        p_value, test = mcnemar(int((d > 0).sum()), int((d < 0).sum())), "mcnemar"
    else:
        p_value, test = sign_flip(d, seed=seed), "sign-flip"
    detectable = minimum_detectable(estimate.se, len(d), level)
    return Difference(estimate.value, estimate.low, estimate.high, estimate.se, p_value, test, detectable, len(d))


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value from the discordant problems: right in a only, right in b only."""
    total = only_a + only_b
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, i) for i in range(min(only_a, only_b) + 1))
    return min(1.0, float(2 * tail / (1 << total)))  # integers: binomials of 1,319 problems overflow floats


def sign_flip(differences: ArrayLike, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of a mean under random signs of the paired differences.

    All 2^N sign patterns are taken where there are at most `draws`; else (1 + hits)/(1 + draws) over
    seeded ones, which is never 0.

    Args:
        differences: float [N].
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[d != 0.0]  # a zero keeps its value under either sign
    if d.size == 0:
        return 1.0
    observed = abs(float(d.sum())) * (1 - 1e-12)  # equal sums must count in spite of rounding
    if 2**d.size <= draws:
        patterns = np.arange(2**d.size)[:, None] >> np.arange(d.size) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ d) >= observed))
    rng, hits = np.random.default_rng(seed), 0
    for start in range(0, draws, 1000):
        signs = rng.integers(0, 2, size=(min(1000, draws - start), d.size)) * 2 - 1
        hits += int((np.abs(signs @ d) >= observed).sum())
    return (1 + hits) / (1 + draws)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values in the order given (Holm 1979); NaN stays NaN and is not counted."""
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def minimum_detectable(se: float, problems: int, level: float = 0.95, power: float = 0.8) -> float:
    """The true difference that a two-sided test at `level` finds with probability `power`: (t + t_power) · se."""
    if math.isnan(se) or problems < 2:
        return math.nan
    return (t_quantile(problems - 1, level) + t_quantile(problems - 1, 2 * power - 1)) * se
