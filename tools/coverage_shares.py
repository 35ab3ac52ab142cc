"""Coverage of the intervals of shares: accuracy, its seeds interval, pass@k and majority@k."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import simulated
from scipy.special import betaln
from simulated import Float, holds, rate, stream

from rast_eval import statistics

PROBLEMS, SAMPLES, TRUTHS = (30, 40, 272, 500), (4, 32), (0.02, 0.05, 0.5, 0.95, 0.98)


def total(count: int) -> Iterator[tuple[str, ...]]:
    """The total interval, several samples a problem."""
    return _shares(count, seeds=False)


def seeds(count: int) -> Iterator[tuple[str, ...]]:
    """The seeds interval."""
    return _shares(count, seeds=True)


def _shares(count: int, seeds: bool) -> Iterator[tuple[str, ...]]:
    for problems in PROBLEMS:
        for n in SAMPLES:
            for truth in TRUTHS:
                found = [_share(count, model, problems, n, truth, seeds) for model in simulated.MODELS]
                yield (str(problems), str(n), f"{truth:g}", *map(rate, found))


def _share(count: int, model: str, problems: int, n: int, truth: float, seeds: bool) -> float:
    rng, hits = stream(model, problems, n, truth, seeds), 0
    for _ in range(count):
        theta = simulated.MODELS[model](rng, truth, problems)
        if seeds:
            e, target = statistics.seeds_estimate(simulated.sample(rng, theta, n)), float(theta.mean())
        else:
            e, target = statistics.share_estimate(rng.binomial(n, theta) / n), truth
        hits += holds(e.low, e.high, target)
    return hits / count


def single(count: int) -> Iterator[tuple[str, ...]]:
    """One sample a problem, exactly: the binomial sum, not a simulation."""
    grid = np.linspace(0.02, 0.98, 961)
    for problems in PROBLEMS:
        k = np.arange(problems + 1)
        bounds = [statistics.accuracy(np.arange(problems)[:, None] < x) for x in k]
        low, high = (np.array([getattr(e, side) for e in bounds]) for side in ("low", "high"))
        log = np.array([math.lgamma(problems + 1) - math.lgamma(x + 1) - math.lgamma(problems - x + 1) for x in k])

        def exact(p: float, k: Float = k, low: Float = low, high: Float = high, log: Float = log) -> float:
            chances = np.exp(log + k * math.log(p) + (k[-1] - k) * math.log1p(-p))
            return float(chances[(low <= p) & (p <= high)].sum())

        curve = [exact(float(p)) for p in grid]
        worst = f"{rate(min(curve))} at {grid[int(np.argmin(curve))]:.3f}"
        yield (str(problems), *(rate(exact(p)) for p in TRUTHS), worst, rate(float(np.mean(np.array(curve) < 0.93))))


def subsets(count: int) -> Iterator[tuple[str, ...]]:
    """pass@8 and majority@8 near 1, where their problem-level values pile up at 1."""
    for problems in (30, 272):
        for n in (8, 32):
            for concentration, mean in ((0.3, 0.955), (1.0, 0.86), (5.0, 0.5)):
                yield _pass(count, problems, n, concentration, mean)
            for concentration, mean in ((0.3, 0.94), (1.0, 0.9), (5.0, 0.72)):
                yield _majority(count, problems, n, concentration, mean)


def _pass(count: int, problems: int, n: int, concentration: float, mean: float) -> tuple[str, ...]:
    a, b = mean * concentration, (1 - mean) * concentration
    truth = 1 - math.exp(betaln(a, b + 8) - betaln(a, b))
    rng, hits, width = stream("pass", problems, n, concentration), 0, 0.0
    for _ in range(count):
        grades = simulated.sample(rng, rng.beta(a, b, problems), n)
        e = statistics.share_estimate(statistics.pass_at_k(grades, 8))
        hits, width = hits + holds(e.low, e.high, truth), width + e.high - e.low
    return _subset_row("pass@8", problems, n, concentration, truth, hits / count, width / count)


def _majority(count: int, problems: int, n: int, concentration: float, mean: float) -> tuple[str, ...]:
    truth, few = _majority_truth(concentration, mean), count // 5  # the votes cost more than the interval
    rng, hits, width = stream("majority", problems, n, concentration), 0, 0.0
    for _ in range(few):
        e = statistics.share_estimate(_wins(rng, concentration, mean, problems, n))
        hits, width = hits + holds(e.low, e.high, truth), width + e.high - e.low
    return _subset_row("majority@8", problems, n, concentration, truth, hits / few, width / few)


@functools.cache
def _majority_truth(concentration: float, mean: float) -> float:
    return float(_wins(stream("truth", concentration), concentration, mean, 40_000, 8).mean())


def _wins(rng: simulated.Rng, concentration: float, mean: float, size: int, n: int) -> Float:
    theta = simulated.beta(concentration)(rng, mean, size)
    grades = rng.random((size, n)) < theta[:, None]  # in the order of chance: all problems share the subsets
    return statistics.majority_at_k(grades, simulated.votes(rng, grades, 3), 8)


def _subset_row(
    name: str, problems: int, n: int, concentration: float, truth: float, covered: float, width: float
) -> tuple[str, ...]:
    model = f"β {concentration:g}".replace("0.", ".")
    return (name, str(problems), str(n), model, rate(truth), rate(covered), f"±{50 * width:.1f}")
