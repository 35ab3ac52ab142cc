"""What leaves a run: its graded samples with their problems, cell by cell, as every export writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rast_eval.types import FinishReason, Problem

if TYPE_CHECKING:
    from rast_eval.statistics import Accuracy


@dataclass(frozen=True)
class Finished:
    """One graded output.

    Attributes:
        grade: its line in the run's grades: prediction, correct, status, vote, details.
        tokens: generated; None where that is not known.
    """

    problem: Problem
    index: int
    output: str
    grade: Mapping[str, Any]
    finish: FinishReason
    tokens: int | None = None


@dataclass(frozen=True)
class FinishedCell:
    """A cell that is exported; None for settings that are not known.

    Attributes:
        key: names it among all cells of all runs.
        date: when the run began, ISO 8601.
        version: of this program.
        source: where the rows come from, as Every Eval Ever words it.
        problems: (row in the benchmark, its samples in order), problem by problem; read from disk at each call.
    """

    arm: str
    benchmark: str
    model: str
    key: str
    date: str
    version: str
    scorer: str
    n: int
    stop: tuple[str, ...]
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    accuracy: Accuracy
    source: Mapping[str, str]
    problems: Callable[[], Iterator[tuple[int, list[Finished]]]]

    @property
    def decoding(self) -> dict[str, float]:
        """What is known of temperature, top_p and max_tokens, by these names."""
        stated = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens}
        return {name: value for name, value in stated.items() if value is not None}

    @property
    def task(self) -> str:
        """`gsm8k-rast`: the benchmark under this arm, a name for files."""
        return f"{self.benchmark}-{self.arm.replace('@', '-')}"
