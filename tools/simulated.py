"""Simulated problems: how hard they are, how arms differ on them. For the coverage table and the tests of intervals.

A problem's difficulty is θ, the chance that one sample is right. What an interval must withstand is how θ varies over
problems: from all problems alike to all-or-nothing, and the mixture of a benchmark with wrong reference answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Float = NDArray[np.float64]
Rng = np.random.Generator
Model = Callable[[Rng, float, int], Float]


def beta(concentration: float) -> Model:
    """θ ~ Beta with mean `mean` and α + β = concentration: U-shaped where both are below 1."""
    return lambda rng, mean, size: rng.beta(mean * concentration, (1 - mean) * concentration, size)


def all_or_nothing(rng: Rng, mean: float, size: int) -> Float:
    """Every problem always right or always wrong."""
    return (rng.random(size) < mean).astype(np.float64)


def alike(rng: Rng, mean: float, size: int) -> Float:
    """Every problem equally hard."""
    return np.full(size, mean)


def mislabelled(rng: Rng, mean: float, size: int) -> Float:
    """Nine tenths of the errors on problems that are always wrong, the rest even; mirrored below one half."""
    if mean < 0.5:
        return 1 - mislabelled(rng, 1 - mean, size)
    never = 0.9 * (1 - mean)
    return np.where(rng.random(size) < never, 0.0, mean / (1 - never))


MODELS: dict[str, Model] = {
    "all or nothing": all_or_nothing,
    "β .3": beta(0.3),
    "β 1": beta(1),
    "β 5": beta(5),
    "β 30": beta(30),
    "alike": alike,
    "mislabelled": mislabelled,
}


def sample(rng: Rng, theta: Float, n: int) -> NDArray[np.bool_]:
    """Grades, bool [N, n], of problems of difficulty θ, float [N]; the order within a problem carries nothing."""
    return np.arange(n) < rng.binomial(n, theta)[:, None]


def arms(rng: Rng, means: Sequence[float], size: int, correlation: float = 0.9, scale: float = 1.5) -> list[Float]:
    """θ of several arms on the same problems, float [N] each, with exactly these expected means.

    Probit: θ = Φ(m + scale · (common, correlated part)), so easy problems are easy for all arms.

    Args:
        correlation: of the arms' latent difficulties.
        scale: the larger, the nearer to all-or-nothing.
    """
    common = rng.normal(size=size) * np.sqrt(correlation)
    latent = (common + np.sqrt(1 - correlation) * rng.normal(size=size) for _ in means)
    shift = np.sqrt(1 + scale * scale)
    return [np.asarray(ndtr(ndtri(mean) * shift + scale * part)) for mean, part in zip(means, latent, strict=True)]


def votes(rng: Rng, correct: NDArray[np.bool_], wrong: int) -> NDArray[np.int_]:
    """Answer classes: 0 where right, else one of `wrong` wrong ones, the first the most tempting (half of them)."""
    other = rng.integers(1, wrong + 1, size=correct.shape)
    return np.where(correct, 0, np.where(rng.random(correct.shape) < 0.5, 1, other))


def stream(*key: object) -> Rng:
    """A generator of its own for every cell, so that cells can be added without changing others."""
    return np.random.default_rng(list(repr(key).encode()))


def holds(low: float, high: float, truth: float) -> bool:
    """Whether the truth is inside, rounding aside."""
    return low - 1e-9 <= truth <= high + 1e-9


def rate(share: float) -> str:
    """`.953`, `1.00` or a dash."""
    return "–" if math.isnan(share) else f"{share:.3f}".lstrip("0").replace("1.000", "1.00")
