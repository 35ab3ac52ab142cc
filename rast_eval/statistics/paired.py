"""The difference of two arms or runs on the same problems: one test, its p-value and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.flips import invert_flips, invert_mcnemar
from rast_eval.statistics.intervals import mean_estimate, t_quantile

ALIKE = "not computed: every problem differs by the same, so the spread is unknown"

PSEUDO_DIFFERENCES = 2
"""So many problems are added to the spread that was seen: for either bound as far from the mean difference as the
farthest problem on its side, but by 1/√n at least, about what chance does to a problem of n samples, and 1 at most.
Rare differences that happened to be missing, or more of those that were seen, must not count as absent."""


@dataclass(frozen=True)
class Difference:
    """a − b, paired by problem.

    Attributes:
        low, high: 95 % interval, which leaves 0 out exactly where p_value < .05.
        p_value: two-sided; `test` names how: `mcnemar` or `sign-flip`.
        detectable: the smallest true difference that would be found in 80 of 100 such comparisons; NaN where the
            spread is unknown, and `note` says so.
        note: empty, or one clause that says what limits the numbers.
    """

    value: float
    low: float
    high: float
    se: float
    p_value: float
    test: str
    detectable: float
    problems: int
    note: str = ""


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95, seed: int = 0) -> Difference:
    """Accuracy of a minus accuracy of b; see `paired_values`.

    Args:
        a, b: bool [N, n_a] and [N, n_b], row i the same problem in both.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right):
        raise ValueError(f"two matrices over the same problems are needed, not {left.shape} and {right.shape}")
    return paired_values(left.mean(axis=1), right.mean(axis=1), left.shape[1], right.shape[1], level, seed)


def paired_values(
    a: ArrayLike, b: ArrayLike, samples_a: float, samples_b: float, level: float = 0.95, seed: int = 0
) -> Difference:
    """Mean of d_i = a_i − b_i of any problem-level share (accuracy, pass@k, majority@k) with interval and p-value.

    Exact McNemar where every share is 0 or 1, else a sign-flip permutation test; the interval holds the differences
    that this test does not reject. Where few problems differ it is too narrow, and widened to Student's t interval
    with `PSEUDO_DIFFERENCES`, but never across 0 against the test. Arms with unequal n are not exchangeable (the luck
    of one sample is larger than that of 32), so there the pseudo-problems stand in the test too.

    Args:
        a, b: float [N] each, row i the same problem in both.
        samples_a, samples_b: independent draws behind a share: n for accuracy, n/k for pass@k and majority@k.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape or left.size == 0:
        raise ValueError(f"two vectors over the same problems are needed, not {left.shape} and {right.shape}")
    d = left - right
    estimate, luck = mean_estimate(d, level=level), 1 / math.sqrt(max(1.0, min(samples_a, samples_b)))
    if samples_a != samples_b:
        tested = np.concatenate([d, [estimate.value - luck, estimate.value + luck]])
        found, test = invert_flips(tested, level, seed=seed), "sign-flip"
    elif all(((x == 0) | (x == 1)).all() for x in (left, right)):
        found, test = invert_mcnemar(int((d > 0).sum()), int((d < 0).sum()), d.size, level), "mcnemar"
    else:
        found, test = invert_flips(d, level, seed=seed), "sign-flip"
    low, high = found.low, found.high
    if d.size > 1:
        reach = np.clip([estimate.value - d.min(), d.max() - estimate.value], luck, 1.0)
        wide = (d.size - 1) * d.size * estimate.se**2 + PSEUDO_DIFFERENCES * reach**2
        below, above = (t_quantile(d.size - 1, level) * np.sqrt(wide / (d.size * (d.size + 1)))).tolist()
        wider_low, wider_high = max(-1.0, estimate.value - below), min(1.0, estimate.value + above)
        undecided = found.p_value >= round(1 - level, 12)
        low = min(low, wider_low) if undecided or low < 0 or wider_low > 0 else low
        high = max(high, wider_high) if undecided or high > 0 or wider_high < 0 else high
    known = d.size > 1 and float(np.ptp(d)) > 1e-12
    detectable = minimum_detectable(estimate.se, d.size, level) if known else math.nan
    note = "" if known else ALIKE
    return Difference(estimate.value, low, high, estimate.se, found.p_value, test, detectable, d.size, note)


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
