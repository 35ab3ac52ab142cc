"""How many problems and samples a question needs, before any of them is generated.

A mean difference d̄ over N problems has the variance (σ² + w_a/n_a + w_b/n_b)/N: σ² is how much the true difference
varies from problem to problem, w how much one sample of an arm varies on one problem. More samples wear down the w;
σ²/N stays, however many there are, and is what a benchmark of N problems cannot see beneath.

The same numbers say whether a recovery rate will have a bounded interval: Fieller's A > 0 where the gap RL − base
is found by the t test, so ask for the power to find that gap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Float, t_quantile

MOST_PROBLEMS, MOST_SAMPLES = 10_000_000, 100_000


@dataclass(frozen=True)
class Spread:
    """Where the noise of a difference a − b comes from.

    Attributes:
        between: variance over problems of the true difference; 0 where a helps or hurts all alike.
        within_a, within_b: mean over problems of θ(1 − θ), the variance of one sample of the arm.
        source: what it was taken from, in words for the reader.
    """

    between: float
    within_a: float
    within_b: float
    source: str

    def standard_error(self, problems: int, samples_a: float, samples_b: float | None = None) -> float:
        """Of the mean difference; `math.inf` samples give the floor that more samples cannot pass."""
        noise = self.within_a / samples_a + self.within_b / (samples_a if samples_b is None else samples_b)
        return math.sqrt((self.between + noise) / problems)


def spread_of_pilot(a: ArrayLike, b: ArrayLike) -> Spread:
    """The spread that a pilot on the same problems shows, by moments.

    Args:
        a, b: bool [N, n_a] and [N, n_b], N ≥ 2. With one sample an arm its noise cannot be told from the spread
            between problems: all of it counts as `between`, and more samples are not promised to help.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right) or len(left) < 2:
        raise ValueError(f"two matrices over the same problems, two at least, not {left.shape} and {right.shape}")
    noise_left, noise_right = _noise(left), _noise(right)
    total = float((left.mean(axis=1) - right.mean(axis=1)).var(ddof=1))
    between = max(0.0, total - noise_left / left.shape[1] - noise_right / right.shape[1])
    source = f"a pilot of {len(left)} problems × {left.shape[1]} and {right.shape[1]} samples"
    return Spread(between, noise_left, noise_right, source)


def spread_of_assumptions(a: float, b: float, dispersion: float = 0.5, correlation: float = 0.9) -> Spread:
    """The spread of two arms of stated accuracies.

    Args:
        a, b: accuracies in (0, 1).
        dispersion: share of an arm's variance that lies between problems: 0 where all are equally hard, 1 where each
            is always right or always wrong. A Beta distribution of difficulty with α + β has 1/(1 + α + β).
        correlation: of the arms' true accuracies over problems; the arms of one base stand close together.
    """
    if not (0 < a < 1 and 0 < b < 1 and 0 <= dispersion <= 1 and -1 <= correlation <= 1):
        raise ValueError("accuracies lie in (0, 1), dispersion in [0, 1], correlation in [−1, 1]")
    one, two = a * (1 - a), b * (1 - b)
    between = dispersion * (one + two - 2 * correlation * math.sqrt(one * two))
    words = f"assumed accuracies {a:.3f} and {b:.3f}, dispersion {dispersion:g}, correlation {correlation:g}"
    return Spread(between, one * (1 - dispersion), two * (1 - dispersion), words)


def detection_power(
    difference: float,
    spread: Spread,
    problems: int,
    samples_a: float,
    samples_b: float | None = None,
    level: float = 0.95,
) -> float:
    """Probability that the two-sided t test over problems finds a true difference.

    With difference = RL − base it is the probability of a bounded recovery interval.

    Args:
        samples_a, samples_b: n of each arm; `samples_b` is `samples_a` where it is None.
    """
    if problems < 2:
        return 0.0
    se, df = spread.standard_error(problems, samples_a, samples_b), problems - 1
    if se == 0:
        return 1.0 if difference else 0.0
    return _found(abs(difference) / se, df, t_quantile(df, level))


def problems_needed(
    difference: float, spread: Spread, samples: int, target: float = 0.8, level: float = 0.95
) -> int | None:
    """The fewest problems on which n samples of each arm find the difference with probability `target`; None: never."""
    return _smallest(2, MOST_PROBLEMS, lambda n: detection_power(difference, spread, n, samples, level=level) >= target)


def samples_needed(
    difference: float, spread: Spread, problems: int, target: float = 0.8, level: float = 0.95
) -> int | None:
    """The fewest samples of each arm that find the difference on N problems with probability `target`.

    None where no number of samples does: the benchmark cannot answer, because the true difference varies too much
    from problem to problem; `smallest_difference` with `math.inf` samples says what it can find.
    """
    return _smallest(1, MOST_SAMPLES, lambda n: detection_power(difference, spread, problems, n, level=level) >= target)


def smallest_difference(
    spread: Spread, problems: int, samples: float, target: float = 0.8, level: float = 0.95
) -> float:
    """The smallest true difference that N problems × n samples find with probability `target`, to 0.00001.

    Args:
        samples: n of each arm; `math.inf` gives what no number of samples can better.
    """
    if problems < 2:
        return math.nan
    steps = 100_000
    found = _smallest(1, steps, lambda k: detection_power(k / steps, spread, problems, samples, level=level) >= target)
    return math.nan if found is None else found / steps


def _noise(grades: Float) -> float:
    """Mean over problems of θ(1 − θ), unbiased; 0 for one sample, which shows none."""
    samples = grades.shape[1]
    p = grades.mean(axis=1)
    return float((p * (1 - p)).mean()) * samples / (samples - 1) if samples > 1 else 0.0


def _found(shift: float, df: float, t: float) -> float:
    """P(|T| > t) of a noncentral t variable: the normal tails, averaged over quantiles of the standard error.

    Not scipy's `nctdtr`: it is NaN at moderate shifts already.
    """
    from scipy.special import gammaincinv, ndtr

    nodes, weights = np.polynomial.legendre.leggauss(100)
    scale = t * np.sqrt(2 * gammaincinv(df / 2, (nodes + 1) / 2) / df)
    return float(weights @ (ndtr(shift - scale) + ndtr(-shift - scale))) / 2


def _smallest(first: int, last: int, holds: Callable[[int], bool]) -> int | None:
    """The smallest number in [first, last] that holds, given that all larger ones do."""
    if not holds(last):
        return None
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if holds(middle) else (middle + 1, last)
    return first
