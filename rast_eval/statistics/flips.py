"""The sign-flip test of a mean difference, and the interval that is made of it.

Without a true difference, the sign of each problem's difference is chance. Tested against a difference Δ, a pattern
of signs is as extreme as the data where Δ lies between the mean of the differences with sign + and the mean of those
with sign − (Hartigan 1969, "typical values"): so every Δ gets its p-value from the same patterns, these p-values fall
on both sides of the mean difference, and the differences that are not rejected form an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Float

DRAWS = 10_000
_CHUNK = 1000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Inverted:
    """A test of no difference and the interval of all differences that the same test does not reject.

    Attributes:
        p_value: below 1 − level exactly where 0 is outside [low, high].
    """

    p_value: float
    low: float
    high: float


def sign_flip(differences: ArrayLike, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p-value of a mean under random signs of the paired differences; see `invert_flips`.

    Args:
        differences: float [N].
    """
    return invert_flips(differences, draws=draws, seed=seed).p_value


def invert_flips(differences: ArrayLike, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Inverted:
    """The sign-flip test and its interval in [−1, 1].

    All 2^N sign patterns are taken where there are at most `draws`; else p = (1 + hits)/(1 + draws) over seeded
    ones, which is never 0. Sums that differ by rounding only count as equal.

    Args:
        differences: float [N], each in [−1, 1].
    """
    d = np.asarray(differences, dtype=np.float64)
    exact = 2**d.size <= draws
    lows, highs = _split_means(d, None if exact else draws, seed)
    sure = 0 if exact else 1
    total = lows.size + sure
    p_value = (sure + int(((lows <= 0) & (highs >= 0)).sum())) / total
    # The interval holds every Δ that at least `needed` patterns hold.
    needed = math.ceil((1 - level) * total - _ROUNDING) - sure
    if needed < 1:
        return Inverted(p_value, -1.0, 1.0)
    low, high = float(np.sort(lows)[needed - 1]), float(np.sort(highs)[-needed])
    return Inverted(p_value, max(-1.0, low), min(1.0, high))


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value from the discordant problems: right in a only, right in b only.

    It is the sign-flip test over all patterns where every difference is −1, 0 or 1.
    """
    total = only_a + only_b
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, i) for i in range(min(only_a, only_b) + 1))
    return min(1.0, float(2 * tail / (1 << total)))  # integers: binomials of 1,319 problems overflow floats


def invert_mcnemar(only_a: int, only_b: int, problems: int, level: float = 0.95) -> Inverted:
    """Exact McNemar and its interval: `invert_flips` over all patterns of differences that are −1, 0 or 1.

    Args:
        problems: N, those on which both agree included.
    """
    alpha = round(1 - level, 12)
    same = problems - only_a - only_b
    p_value = mcnemar(only_a, only_b)
    high = _upper(only_a, only_b, same, alpha, p_value)
    low = 0.0 - _upper(only_b, only_a, same, alpha, p_value)  # never −0
    return Inverted(p_value, low, high)


def _split_means(d: Float, draws: int | None, seed: int) -> tuple[Float, Float]:
    """The smaller and the larger of the means of the two halves, for every pattern; draws = None takes all."""
    size = d.size
    count = 2**size if draws is None else draws
    rng = np.random.default_rng(seed)
    tolerance = _ROUNDING * float(np.abs(d).sum())
    lows, highs = np.empty(count), np.empty(count)
    # Of m equal differences it only matters how many get the sign +, a binomial number.
    values, equal = (d, np.ones(size, dtype=np.int64)) if draws is None else np.unique(d, return_counts=True)
    several = equal > 1
    columns = np.stack([values, np.ones(values.size)], axis=1)
    whole = equal @ columns
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        if draws is None:
            plus = np.arange(start, stop)[:, None] >> np.arange(size) & 1
        else:
            plus = np.empty((stop - start, values.size), dtype=np.int64)
            plus[:, ~several] = rng.integers(0, 2, size=(stop - start, int((~several).sum())), dtype=np.int8)
            plus[:, several] = rng.binomial(equal[several], 0.5, size=(stop - start, int(several.sum())))
        sums = plus.astype(np.float64) @ columns
        sums = np.stack([sums, whole - sums])  # [2 halves, patterns, (sum, count)]
        sums[..., 0][np.abs(sums[..., 0]) <= tolerance] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums[..., 0] / sums[..., 1]
        # A pattern of one sign is as extreme as the data against every Δ.
        empty = (sums[..., 1] == 0).any(axis=0)
        lows[start:stop] = np.where(empty, -np.inf, means.min(axis=0))
        highs[start:stop] = np.where(empty, np.inf, means.max(axis=0))
    return lows, highs


def _upper(up: int, down: int, same: int, alpha: float, p_at_zero: float) -> float:
    """The largest Δ with 2 · P(the half with sign + has a mean of at least Δ) ≥ alpha.

    X of the `up` differences 1, Y of the `down` differences −1 and Z of the `same` zeros get the sign +, each with
    probability 1/2: the event is (1 − Δ)X − (1 + Δ)Y − ΔZ ≥ 0.
    """
    chances = _binomial(up)[:, None] * _binomial(down)[None, :]
    x, y = np.arange(up + 1)[:, None], np.arange(down + 1)[None, :]
    at_most = np.concatenate([[0.0], np.cumsum(_binomial(same))])  # P(Z < k)

    def p_value(delta: float) -> float:
        room = ((1 - delta) * x - (1 + delta) * y) / abs(delta)
        if delta > 0:
            tail = at_most[np.clip(np.floor(room + _ROUNDING) + 1, 0, same + 1).astype(np.int64)]
        else:
            tail = 1 - at_most[np.clip(np.ceil(-room - _ROUNDING), 0, same + 1).astype(np.int64)]
        return 2 * float((chances * tail).sum())

    if p_value(1.0) >= alpha:
        return 1.0
    inside, outside = (up - down) / (up + down + same), 1.0
    if inside < 0:
        inside, outside = (0.0, outside) if p_at_zero >= alpha else (inside, 0.0)
    while outside - inside > _ROUNDING:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_value(middle) >= alpha else (inside, middle)
    return inside


def _binomial(draws: int) -> Float:
    from scipy.special import gammaln

    k = np.arange(draws + 1)
    log = gammaln(draws + 1) - gammaln(k + 1) - gammaln(draws - k + 1) - draws * math.log(2)
    return np.asarray(np.exp(log), dtype=np.float64)
