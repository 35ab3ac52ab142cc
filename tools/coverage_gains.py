"""Coverage of everything that compares: recovery, paired differences, the best λ, power; and of looking early."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import simulated
from simulated import Float, holds, rate, stream

from rast_eval import statistics
from rast_eval.statistics.recovery import UNBOUNDED, UNDEFINED

Shape = tuple[int, int]
FOUR = ((30, 32), (40, 32), (272, 4), (500, 4))
RECOVERIES: Sequence[tuple[Sequence[Shape], Sequence[tuple[float, float, float]]]] = (
    (((30, 1),), ((0.3, 0.7, 0.8),)),
    (((30, 1),), ((0.8, 0.95, 0.96),)),
    (((30, 32),), ((0.1, 0.2, 0.25),)),
    (((164, 1),), ((0.6, 0.79, 0.8),)),
    (((500, 4),), ((0.5, 0.52, 0.56),)),
    (FOUR, ((0.05, 0.15, 0.2), (0.4, 0.6, 0.65), (0.2, 0.3, 0.35), (0.5, 0.7, 0.75))),
    (FOUR, ((0.1, 0.12, 0.14), (0.4, 0.42, 0.43), (0.3, 0.32, 0.33), (0.7, 0.73, 0.75))),
    (FOUR, ((0.1, 0.1, 0.1), (0.4, 0.4, 0.4), (0.3, 0.3, 0.3), (0.7, 0.7, 0.7))),
    (((10, 1), (10, 1), (10, 1)), ((0.3, 0.6, 0.7), (0.4, 0.7, 0.75), (0.2, 0.8, 0.9))),
    (((5, 4), (500, 4)), ((0.3, 0.6, 0.7), (0.4, 0.7, 0.75))),
)


def recoveries(count: int) -> Iterator[tuple[str, ...]]:
    """Fieller's interval of one rate and of the rate over several benchmarks."""
    for shapes, means in RECOVERIES:
        rng, seen, hits = stream("recovery", shapes, means), Counter[str](), 0
        gap = math.fsum(m[2] - m[0] for m in means)
        truth = math.fsum(m[1] - m[0] for m in means) / gap if gap else math.nan
        for _ in range(count):
            triples = []
            for (size, n), m in zip(shapes, means, strict=True):
                base, rast, rl = (
                    simulated.sample(rng, theta, n).mean(axis=1) for theta in simulated.arms(rng, m, size)
                )
                triples.append((base, rast, rl))
            found = statistics.average_recovery(triples)
            seen[found.note] += 1
            hits += not found.note and holds(found.low, found.high, truth)
        bounded, unbounded, undefined = seen[""], seen[UNBOUNDED], seen[UNDEFINED]
        yield (
            " + ".join(f"{size}×{n}" for size, n in shapes),
            ", ".join("/".join(f"{100 * x:.0f}" for x in m) for m in means),
            rate(truth),
            *(rate(x / count) for x in (bounded, unbounded, undefined, count - bounded - unbounded - undefined)),
            rate(hits / bounded if bounded and gap else math.nan),
            rate((hits + unbounded) / (bounded + unbounded) if bounded + unbounded and gap else math.nan),
        )


def single_differences(count: int) -> Iterator[tuple[str, ...]]:
    """Exact McNemar and its interval, by the shares right in a only and in b only."""
    for problems in (30, 164, 500):
        for only_a, only_b in ((0.0, 0.0), (0.02, 0.0), (0.07, 0.0), (0.1, 0.1), (0.2, 0.05), (0.5, 0.05)):
            rng, hits, found = stream("mcnemar", problems, only_a, only_b), 0, 0
            for a, b, _ in rng.multinomial(problems, [only_a, only_b, 1 - only_a - only_b], count):
                left, right = np.zeros((problems, 1)), np.zeros((problems, 1))
                left[:a], right[a : a + b] = 1, 1
                d = statistics.paired_difference(left, right)
                hits, found = hits + holds(d.low, d.high, only_a - only_b), found + (d.p_value < 0.05)
            shown = f"{100 * only_a:g} / {100 * only_b:g}"
            yield (f"{problems}×1", shown, _signed(100 * (only_a - only_b)), rate(hits / count), rate(found / count))


def differences(count: int) -> Iterator[tuple[str, ...]]:
    """The sign-flip test and its interval, several samples a problem."""
    for problems, n_a, n_b in ((30, 4, 4), (30, 32, 32), (30, 1, 32), (272, 4, 4)):
        for a, b in ((0.5, 0.5), (0.7, 0.6), (0.97, 0.95), (0.99, 0.93)):
            rng, hits, found = stream("flip", problems, n_a, n_b, a, b), 0, 0
            for _ in range(count):
                left, right = simulated.arms(rng, (a, b), problems)
                d = statistics.paired_difference(simulated.sample(rng, left, n_a), simulated.sample(rng, right, n_b))
                hits, found = hits + holds(d.low, d.high, a - b), found + (d.p_value < 0.05)
            size = f"{problems}×{n_a}" if n_a == n_b else f"{problems}×{n_a} / {n_b}"
            shown = f"{100 * a:g} / {100 * b:g}"
            yield (size, shown, _signed(100 * (a - b)), rate(hits / count), rate(found / count))


def choices(count: int) -> Iterator[tuple[str, ...]]:
    """The best of 15 λ: what the naive best and the honest estimate say of the λ that was chosen."""
    cases = {
        "all 60": np.full(15, 0.6),
        "50 to 64": np.linspace(0.5, 0.64, 15),
        "55, one 65": np.r_[np.full(14, 0.55), 0.65],
    }
    for problems, n in ((30, 1), (30, 32), (272, 4), (500, 1)):
        for label, means in cases.items():
            rng = stream("choice", problems, n, label)
            rows = np.empty((count, 4))
            for i in range(count):
                thetas = simulated.arms(rng, list(means), problems, correlation=0.95)
                found = statistics.choose_best([simulated.sample(rng, t, n).mean(axis=1) for t in thetas], splits=50)
                truth = float(means[found.index])
                for j, e in enumerate((found.naive, found.honest)):
                    rows[i, 2 * j : 2 * j + 2] = 100 * (e.value - truth), holds(e.low, e.high, truth)
            bias, covered, honest_bias, honest_covered = rows.mean(axis=0)
            error = rows[:, 2].std() / math.sqrt(count)
            yield (
                f"{problems}×{n}", label, _signed(bias), rate(covered), f"{_signed(honest_bias)} ± {error:.1f}",
                rate(honest_covered),
            )  # fmt: skip


def powers(count: int) -> Iterator[tuple[str, ...]]:
    """How often a true difference is found, foretold from the true spread and from pilots, and simulated."""
    for problems, n, a, b in ((30, 32, 0.4, 0.33), (272, 4, 0.4, 0.37), (500, 4, 0.75, 0.72), (500, 1, 0.75, 0.70)):
        rng, found, foretold = stream("power", problems, n, a, b), 0, 0.0
        many = simulated.arms(rng, (a, b), 100_000)
        noise_a, noise_b = (float((theta * (1 - theta)).mean()) for theta in many)
        true = statistics.Spread(float((many[0] - many[1]).var()), noise_a, noise_b, "the truth")
        for _ in range(count):
            left, right = (simulated.sample(rng, theta, n) for theta in simulated.arms(rng, (a, b), problems))
            found += statistics.paired_difference(left, right).p_value < 0.05
            pilot = statistics.spread_of_pilot(left, right)
            foretold += statistics.detection_power(a - b, pilot, problems, n)
        expected = statistics.detection_power(a - b, true, problems, n)
        shown = f"{100 * a:g} / {100 * b:g}"
        yield (f"{problems}×{n}", shown, rate(expected), rate(foretold / count), rate(found / count))


def sequences(count: int) -> Iterator[tuple[str, ...]]:
    """Both sequences: whether all intervals hold at once, and when the cell would have stopped."""
    for problems, n, model, mean, width in (
        (500, 32, "β .3", 0.8, 0.01), (272, 32, "β 1", 0.3, 0.01), (30, 64, "mislabelled", 0.9, 0.02),
        (500, 8, "alike", 0.6, 0.03),
    ):  # fmt: skip
        rng, hits, stops = stream("rounds", problems, n, model), 0, []
        for i in range(count):
            theta = simulated.MODELS[model](rng, mean, problems)
            grades = rng.random((problems, n)) < theta[:, None]
            e = statistics.rounds_sequence(grades, width)
            hits += holds(e.low, e.high, float(theta.mean()))
            if i < count // 50:
                looks = (statistics.rounds_sequence(grades[:, :j], width).half_width for j in range(1, n + 1))
                stops.append(next((j for j, half in enumerate(looks, 1) if half <= width), n))
        stop = f"{np.mean(stops):.0f} of {n} rounds"
        yield ("rounds", f"{problems}×{n}", f"{model}, {100 * mean:g}", f"±{100 * width:g}", rate(hits / count), stop)
    for problems, n, model, mean, width in (
        (1319, 1, "all or nothing", 0.8, 0.02), (500, 4, "β .3", 0.5, 0.03), (164, 1, "all or nothing", 0.95, 0.03),
    ):  # fmt: skip
        rng, hits, stops = stream("problems", problems, n, model), 0, []
        for i in range(count):
            values = simulated.sample(rng, simulated.MODELS[model](rng, mean, problems), n).mean(axis=1)
            values = rng.permutation(values)
            seen = values[: problems - problems // 10]  # all of them close on the score itself
            e = statistics.problems_sequence(seen, problems, width)
            hits += holds(e.low, e.high, float(values.mean()))
            if i < count // 50:
                stops.append(_first(values, width))
        stop = f"{np.mean(stops):.0f} of {problems} problems"
        yield ("problems", f"{problems}×{n}", f"{model}, {100 * mean:g}", f"±{100 * width:g}", rate(hits / count), stop)


def _first(values: Float, width: float) -> int:
    sizes = range(10, len(values) + 1, 10)
    looks = (statistics.problems_sequence(values[:t], len(values), width).half_width for t in sizes)
    return next((t for t, half in zip(sizes, looks, strict=False) if half <= width), len(values))


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"  # never −0.0
