"""What the math scorers share: killable workers for every touch of a model's text, and classes of equal answers.

A scorer is a subclass that says how outputs are judged and how wrong predictions are grouped.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rast_eval.scoring.pool import CPU_SECONDS, MEMORY_BYTES, Outcome, WorkerPool
from rast_eval.types import Grade, Sample

_MARKUP = re.compile(r"<\S+>")


class MathScorer(ABC):
    """Grades answers.

    Args:
        cpu_seconds: CPU time of one task of a worker: an extraction, a comparison, the grouping of a problem's answers.
        memory_bytes: address space of a worker; None for what the scorer needs.
        votes: group the wrong predictions of a problem into classes for majority@k.

    Attributes:
        warm_up: by handler, what its workers load before the first task.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    judges: ClassVar[str] = "answers"
    options: ClassVar[tuple[str, ...]] = ()
    has_votes: ClassVar[bool] = True
    memory: ClassVar[int] = MEMORY_BYTES
    warm_up: ClassVar[Mapping[str, str]]

    def __init__(self, cpu_seconds: float = CPU_SECONDS, memory_bytes: int | None = None, votes: bool = True) -> None:
        self._limits = (cpu_seconds, memory_bytes or self.memory)
        self._votes = votes
        self._pools: dict[tuple[str, int | None], WorkerPool] = {}

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """Grades in the order of `samples`; the number of workers changes none of them."""
        grades = self._judge(samples, workers)
        return self._with_votes(samples, grades, workers) if self._votes else grades

    def close(self) -> None:
        """End the worker processes; they start again when needed."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    @abstractmethod
    def _judge(self, samples: Sequence[Sample], workers: int | None) -> list[Grade]:
        """Grades without votes."""

    @abstractmethod
    def _group(self, lists: list[list[str]], workers: int | None) -> list[list[int]]:
        """Classes, numbered from 0, of the predictions in each list; all of a list are different texts."""

    def _map(self, handler: str, tasks: Sequence[object], workers: int | None) -> list[Outcome]:
        key = (handler, workers)
        if key not in self._pools:
            self._pools[key] = WorkerPool(handler, workers, *self._limits, warm_up=self.warm_up.get(handler))
        return self._pools[key].map(tasks)

    def _with_votes(self, samples: Sequence[Sample], grades: list[Grade], workers: int | None) -> list[Grade]:
        """Class 0 is the gold answer's; wrong predictions are grouped among themselves from 1 on.

        So a class is right or wrong as a whole. Wrong predictions are grouped in sorted order, which makes the
        classes independent of the order of the samples.
        """
        keys = [(sample.problem.benchmark, sample.problem.id) for sample in samples]
        wrong: dict[tuple[str, str], list[str]] = {}
        for key, grade in zip(keys, grades, strict=True):
            if grade.prediction and not grade.correct:
                wrong.setdefault(key, []).append(grade.prediction)
        lists = [sorted(set(predictions)) for predictions in wrong.values()]
        vote_of = {
            (key, prediction): 1 + number
            for key, predictions, numbers in zip(wrong, lists, self._group(lists, workers), strict=True)
            for prediction, number in zip(predictions, numbers, strict=True)
        }
        return [
            replace(grade, vote=0 if grade.correct else vote_of.get((key, grade.prediction)))
            for key, grade in zip(keys, grades, strict=True)
        ]


def markup_stops(sample: Sample) -> tuple[str, ...]:
    """Of a sample's stops those that are markup, such as `<|im_end|>`: an ordinary word ends no answer."""
    return tuple(filter(_MARKUP.fullmatch, sample.stops))


def classes_of(outcome: Outcome, predictions: Sequence[str]) -> list[int]:
    """The classes a worker found; one for each prediction where it did not end."""
    found: list[int] = outcome.value if outcome.status == "ok" else list(range(len(predictions)))
    return found


def failed(sample: Sample, outcome: Outcome, prediction: str = "") -> Grade:
    """The grade of what went over a limit or lost its worker: wrong, and it says so."""
    details = {"error": outcome.error} if outcome.error else {}
    return Grade(sample.problem.id, sample.index, prediction, False, outcome.status, details=details)
