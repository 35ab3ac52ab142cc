"""Trajectory coverage rate: how much of the RL model's greedy path another model takes by itself.

PCR(T) = 1/(n−1) Σ_{i=1}^{n−1} 1[argmax P(· | t_1 … t_i) = t_{i+1}]  (Eq. 1–2), averaged over paths, not tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rast_eval import statistics
from rast_eval.analysis.forcing import TeacherForcer, Trajectory
from rast_eval.config import EngineConfig
from rast_eval.report.table import DASH, Table, score
from rast_eval.statistics import Estimate
from rast_eval.types import System

NOTE = (
    "PCR = share of a greedy path's tokens, the first left out, that the model would have chosen greedily itself; mean "
    "over paths, ± = half of the 95 % interval. first token = share of paths whose first token, which Eq. 2 leaves "
    "out, the model would have chosen."
)


@dataclass(frozen=True)
class PathCoverage:
    """One model on one path.

    Attributes:
        choices: the model's own greedy token at each of the n steps.
    """

    problem_id: str
    tokens: tuple[int, ...]
    choices: tuple[int, ...]

    @property
    def rate(self) -> float:
        """PCR; NaN for a path of one token."""
        pairs = list(zip(self.tokens, self.choices, strict=True))[1:]
        return sum(a == b for a, b in pairs) / len(pairs) if pairs else math.nan

    @property
    def differing(self) -> tuple[int, ...]:
        """Positions where the model would have gone another way."""
        return tuple(i for i, (a, b) in enumerate(zip(self.tokens, self.choices, strict=True)) if a != b)


def measure(
    forcer: TeacherForcer, systems: Mapping[str, System], paths: Sequence[Trajectory]
) -> dict[str, list[PathCoverage]]:
    """Coverage of every path by every system."""
    found: dict[str, list[PathCoverage]] = {name: [] for name in systems}
    for path in paths:
        choices: dict[str, list[int]] = {name: [] for name in systems}
        for _, logits in forcer.stream_systems(path, systems):
            for name, rows in logits.items():
                choices[name] += rows.argmax(dim=-1).tolist()
        for name in systems:
            found[name].append(PathCoverage(path.problem_id, path.tokens, tuple(choices[name])))
    return found


def measure_with_vllm(system: System, paths: Sequence[Trajectory], config: EngineConfig) -> list[PathCoverage]:
    """The same from vLLM's prompt log-probabilities, for models that need its parallelism."""
    from rast_eval.decoding.engine import check_engine
    from rast_eval.decoding.vllm.engine import VLLMEngine

    check_engine(system, config)
    engine = VLLMEngine(system, config)
    try:
        scored = engine.score([(*path.prompt, *path.tokens) for path in paths])
    finally:
        engine.close()
    found = []
    for path, steps in zip(paths, scored, strict=True):
        choices = tuple(step.best for step in steps[-len(path.tokens) :])
        found.append(PathCoverage(path.problem_id, path.tokens, choices))
    return found


def mean_rate(coverages: Sequence[PathCoverage]) -> Estimate:
    """Mean PCR over paths of at least two tokens, Student's t: a rate over hundreds of tokens is no right or wrong."""
    return statistics.mean_estimate([c.rate for c in coverages if not math.isnan(c.rate)])


def first_token_rate(coverages: Sequence[PathCoverage]) -> float:
    """Share of paths whose first token the model would have chosen."""
    return sum(c.tokens[0] == c.choices[0] for c in coverages) / len(coverages) if coverages else math.nan


def coverage_table(title: str, found: Mapping[str, Sequence[PathCoverage]]) -> Table:
    """A row a model."""
    rows = []
    for name, coverages in found.items():
        tokens = sum(len(c.tokens) for c in coverages)
        first = f"{100 * first_token_rate(coverages):.1f}" if coverages else DASH
        rows.append((name, score(mean_rate(coverages)), first, str(len(coverages)), str(tokens)))
    return Table(title, ("model", "PCR, %", "first token, %", "paths", "tokens"), tuple(rows), NOTE)
