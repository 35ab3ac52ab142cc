"""Published numbers, each with the rounding it was printed with.

All values are percent, as printed. Source: arXiv 2506.15710 v1, Tables 1 and 4, Figures 3, 4 and 6; the README of
hkust-nlp/simpleRL-reason for the same checkpoints. What the paper says outside of these is in `prose`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from rast_eval.inputs import resources

BENCHMARKS = ("math500", "aime24", "amc23", "minerva", "olympiadbench", "gsm8k")


@dataclass(frozen=True)
class Printed:
    """A number as printed.

    Attributes:
        half: half a unit of its last digit, what rounding may have removed.
    """

    value: float
    half: float

    @property
    def low(self) -> float:
        """Smallest value that rounds to it."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """Largest value that rounds to it."""
        return self.value + self.half


@dataclass(frozen=True)
class Score:
    """One cell of Table 1.

    Attributes:
        system: `base`, `rast` or `rl`.
        delta: size of the small pair, empty save for `rast`.
        recovery: printed recovery rate, None for base and rl.
    """

    system: str
    base: str
    delta: str
    benchmark: str
    average: Printed
    recovery: Printed | None


@dataclass(frozen=True)
class Memory:
    """One row of Table 4; memory in GB."""

    base: str
    delta: str
    rast_gb: Printed
    rast_gpus: str
    rl_gb: Printed
    rl_gpus: str
    averaged_recovery: Printed


@dataclass(frozen=True)
class PublishedSimilarity:
    """One point of Figure 4; the recovery rate is a fraction there, percent here."""

    base: str
    delta: str
    cosine: float
    recovery: Printed


@dataclass(frozen=True)
class PassAtK:
    """One k of Figure 3."""

    benchmark: str
    k: int
    base: float
    rast: float
    rl: float


@dataclass(frozen=True)
class Figure6Row:
    """One point of Figure 6: MATH500 over λ at τ = 1, or over τ at λ = 0.5."""

    sweep: str
    weight: float
    temperature: float
    average: Printed


def printed(text: str, scale: float = 1.0) -> Printed:
    """`"68.6"` as 68.6 ± 0.05."""
    decimals = len(text.partition(".")[2])
    return Printed(round(float(text) * scale, 6), 0.5 * scale * 10**-decimals)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (resources.folder("results/paper") / name).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


@cache
def table1() -> tuple[Score, ...]:
    """Every accuracy and recovery rate of Table 1, in its order."""
    return tuple(
        Score(
            row["system"],
            row["base"],
            row["delta"],
            benchmark,
            printed(row[f"{benchmark}_avg"]),
            printed(row[f"{benchmark}_rr"]) if row[f"{benchmark}_rr"] else None,
        )
        for row in _rows("table1.csv")
        for benchmark in BENCHMARKS
    )


def score(system: str, base: str, benchmark: str, delta: str = "") -> Score | None:
    """One cell of Table 1, None where it holds no such cell."""
    key = (system, base, delta, benchmark)
    return next((s for s in table1() if (s.system, s.base, s.delta, s.benchmark) == key), None)


def simplerl_score(system: str, base: str, benchmark: str) -> Score | None:
    """What SimpleRL-Zoo states for a checkpoint of Table 1, None for others."""
    return next((s for s in simplerl() if (s.system, s.base, s.benchmark) == (system, base, benchmark)), None)


@cache
def simplerl() -> tuple[Score, ...]:
    """What SimpleRL-Zoo's own README states for the checkpoints of Table 1: base greedy, RL sampled once (AIME24
    32 times)."""
    return tuple(
        Score(row["system"], row["base"], "", benchmark, printed(row[benchmark]), None)
        for row in _rows("simplerl_zoo.csv")
        for benchmark in BENCHMARKS
    )


@cache
def table4() -> tuple[Memory, ...]:
    """GPU memory and averaged recovery rate."""
    return tuple(
        Memory(
            row["base"],
            row["delta"],
            printed(row["rast_gpu_memory_gb"]),
            row["rast_gpus"],
            printed(row["rl_gpu_memory_gb"]),
            row["rl_gpus"],
            printed(row["averaged_rr"]),
        )
        for row in _rows("table4_memory.csv")
    )


@cache
def figure3() -> tuple[PassAtK, ...]:
    """pass@k of the three arms."""
    rows = _rows("figure3_pass_at_k.csv")
    return tuple(
        PassAtK(row["benchmark"], int(row["k"]), float(row["base"]), float(row["rast"]), float(row["rl"]))
        for row in rows
    )


@cache
def figure4() -> tuple[PublishedSimilarity, ...]:
    """Cosine similarity of delta logits against MATH500 recovery."""
    rows = _rows("figure4_similarity.csv")
    return tuple(
        PublishedSimilarity(
            row["delta_a"], row["delta_b"], float(row["cosine_similarity"]), printed(row["recovery_rate"], scale=100)
        )
        for row in rows
    )


@cache
def figure6() -> tuple[Figure6Row, ...]:
    """MATH500 over λ and over temperature."""
    rows = _rows("figure6_robustness.csv")
    return tuple(
        Figure6Row(row["sweep"], float(row["lambda"]), float(row["temperature"]), printed(row["math500_avg"]))
        for row in rows
    )
