"""Intervals that may be looked at after every round: with probability 95 % all of them hold, not each of them.

So a cell may be stopped as soon as its interval is narrow enough. Two orders of sampling, two targets:

    rounds     each round draws one more sample of every problem; covered: the score of these N problems over all
               seeds, Σ θ_i/N, as the seeds interval of `accuracy` (not other problems)
    problems   the problems come in a seeded random order, each once; covered: the score that the whole benchmark
               would have with this cell's samples (neither other problems nor other seeds)

Both bet against every candidate μ (Waudby-Smith & Ramdas 2024, arXiv 2010.09686): a capital that starts at 1 and
cannot grow on average if μ is true exceeds 2/α with probability α/2 at most, ever (Ville 1939). One gambler bets
that the score is higher, one that it is lower. The stake is the one that wins fastest at the half-width wanted, so
the sequence is narrowest where it is needed; it is valid for any stake that knows the past only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Estimate, Float

LARGEST_STAKE = 0.75
"""Share of the capital that one outcome may cost."""

_PRECISION = 1e-6


def rounds_sequence(correct: ArrayLike, half_width: float, level: float = 0.95) -> Estimate:
    """The anytime-valid interval after n whole rounds, from all of them; look after each.

    From the second round on a sample is compared with what earlier rounds say of its problem, so that only the noise
    of sampling is left. The samples of a round share one stake λ: they are independent and their means θ_i average
    to μ, hence Π(1 + λ(θ_i − μ)) ≤ 1 however different the problems are (no mean of logarithms exceeds the
    logarithm of the mean).

    Args:
        correct: bool [N, n], column j = round j.
        half_width: at which the cell is to be stopped, a fraction: 0.01 for ±1.0 points.

    Returns:
        Method `anytime`: the mean so far, and the bounds of all rounds together. Stop where its `half_width` is at
        most the one asked for. It is a promise for the half-width asked for from the first round on.

    Raises:
        ValueError: an empty matrix, or a half_width outside (0, 1).
    """
    grades = np.asarray(correct, dtype=np.float64)
    if grades.ndim != 2 or grades.size == 0:
        raise ValueError(f"grades must be a filled matrix [N, n], not shape {grades.shape}")
    problems, rounds = grades.shape
    before = (np.cumsum(grades, axis=1) - grades).T  # [n, N]: right samples of earlier rounds
    count = np.arange(rounds)[:, None]
    mean = before.mean(axis=1, keepdims=True) / np.maximum(count, 1)
    expected = np.where(count == 0, 0.5, (before + mean) / (count + 1))  # one pseudo-sample worth the mean
    variance = (expected * (1 - expected)).mean(axis=1) + 1 / (problems * (1 + count[:, 0]))
    centre = expected.mean(axis=1, keepdims=True)
    table = _Bets(
        outcomes=grades.T - expected + centre,
        least=centre[:, 0] - expected.max(axis=1),
        most=centre[:, 0] - expected.min(axis=1) + 1,
        slope=np.ones(rounds),
        offset=np.zeros(rounds),
        stake=_width(half_width) / variance,
    )
    low, high = table.bounds(0.0, 1.0, level)
    return Estimate(float(grades.mean()), low, high, math.nan, "anytime")


def problems_sequence(values: ArrayLike, problems: int, half_width: float, level: float = 0.95) -> Estimate:
    """The anytime-valid interval after the first t of N problems in a random order; look after any of them.

    Drawn without replacement: what is left must average to (Nμ − what was seen)/(N − t), so the interval closes on
    the benchmark's score as the last problems come in, and never holds a score that has become impossible.

    Args:
        values: float [t] in [0, 1], share of right samples by problem, in the order drawn. The order must be random
            (seeded) and may not depend on the problems; the file's own order will not do.
        problems: N of the benchmark.
        half_width: at which the cell is to be stopped, a fraction.

    Raises:
        ValueError: no problem yet, more than N, or a half_width outside (0, 1).
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not 1 <= x.size <= problems:
        raise ValueError(f"between 1 and {problems} problems are needed, not {x.shape}")
    drawn = np.arange(x.size)
    left = problems - drawn
    seen = np.cumsum(x) - x
    squares = np.cumsum(x * x) - x * x
    mean = (seen + 0.5) / (drawn + 1)
    variance = (squares + 0.5 - 2 * mean * (seen + 0.5) + (drawn + 1) * mean * mean) / (drawn + 1)
    table = _Bets(
        outcomes=x[:, None],
        least=np.zeros(x.size),
        most=np.ones(x.size),
        slope=problems / left,
        offset=-seen / left,
        stake=_width(half_width) * problems / left / (variance + 1 / (drawn + 4)),
    )
    total = float(x.sum())
    low, high = table.bounds(total / problems, (total + problems - x.size) / problems, level)
    return Estimate(float(x.mean()), low, high, math.nan, "anytime")


@dataclass(frozen=True)
class _Bets:
    """T steps of outcomes [T, M] between `least` and `most` [T], whose mean is slope · μ + offset [T] if μ is true."""

    outcomes: Float
    least: Float
    most: Float
    slope: Float
    offset: Float
    stake: Float

    def bounds(self, lowest: float, highest: float, level: float) -> tuple[float, float]:
        """All μ in [lowest, highest] against which no gambler ever had 2/α: the capital is monotone in μ."""
        enough = math.log(2 / (1 - level))
        low, high = lowest, highest
        if self._best(lowest, 1) >= enough:
            low = self._edge(lowest, highest, 1, enough)
        if self._best(highest, -1) >= enough:
            high = self._edge(highest, lowest, -1, enough)
        return low, high

    def _edge(self, refuted: float, other: float, side: int, enough: float) -> float:
        while abs(other - refuted) > _PRECISION:
            middle = (refuted + other) / 2
            refuted, other = (middle, other) if self._best(middle, side) >= enough else (refuted, middle)
        return refuted

    def _best(self, candidate: float, side: int) -> float:
        """The largest logarithm of the capital after any step, of the gambler who bets on more (1) or less (−1)."""
        mean = self.slope * candidate + self.offset
        room = mean - self.least if side == 1 else self.most - mean
        with np.errstate(divide="ignore"):
            stake = np.minimum(self.stake, LARGEST_STAKE / np.maximum(room, 0.0))
        gains = np.log1p(side * stake[:, None] * (self.outcomes - mean[:, None])).sum(axis=1)
        return float(np.cumsum(gains).max())


def _width(half_width: float) -> float:
    if not 0 < half_width < 1:
        raise ValueError(f"a half-width lies between 0 and 1, not {half_width}")
    return half_width
