"""The `strict` scorer: mathematical equivalence, for people who want the truth and not parity with published tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rast_eval.scoring.math.boxes import with_boxes
from rast_eval.scoring.math.equivalence import GROUP_STRICTLY, LOAD_MATH_VERIFY, STRICT
from rast_eval.scoring.math.golds import printed_gold
from rast_eval.scoring.pool import CPU_SECONDS, MEMORY_BYTES, Outcome, WorkerPool
from rast_eval.types import Grade, Sample

_STRICT_MEMORY = max(MEMORY_BYTES, 3 << 30)


class StrictScorer:
    """No percentages, no tolerance on integers, intervals with their ends, unordered sets, π and e as numbers.

    Args:
        cpu_seconds: CPU time for one output.
        memory_bytes: address space of a worker.
        votes: group the wrong predictions of a problem into classes for majority@k.
    """

    name = "strict"

    def __init__(
        self, cpu_seconds: float = CPU_SECONDS, memory_bytes: int = _STRICT_MEMORY, votes: bool = True
    ) -> None:
        self._limits = (cpu_seconds, memory_bytes)
        self._votes = votes
        self._pools: dict[tuple[str, int | None], WorkerPool] = {}

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """GradeMatrix in the order of `samples`; equal (output, gold) pairs are judged once."""
        pairs = [(sample.output, printed_gold(sample.problem)) for sample in samples]
        distinct = list(dict.fromkeys(pairs))
        judged = dict(zip(distinct, self._pool(STRICT, workers).map(distinct), strict=True))
        grades = [_grade(sample, judged[pair]) for sample, pair in zip(samples, pairs, strict=True)]
        grades = with_boxes(samples, grades)
        return self._with_votes(samples, grades, workers) if self._votes else grades

    def close(self) -> None:
        """End the worker processes; they start again when needed."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _with_votes(self, samples: Sequence[Sample], grades: list[Grade], workers: int | None) -> list[Grade]:
        """Class 0 is the gold answer's; wrong predictions are grouped among themselves from 1 on."""
        wrong: dict[tuple[str, str], list[str]] = {}
        keys = [(sample.problem.benchmark, sample.problem.id) for sample in samples]
        for key, grade in zip(keys, grades, strict=True):
            if grade.prediction and not grade.correct:
                wrong.setdefault(key, []).append(grade.prediction)
        lists = [sorted(set(predictions)) for predictions in wrong.values()]
        outcomes = self._pool(GROUP_STRICTLY, workers).map(lists)
        votes = {
            (key, prediction): 1 + number
            for key, predictions, outcome in zip(wrong, lists, outcomes, strict=True)
            for prediction, number in zip(predictions, _classes(outcome, predictions), strict=True)
        }
        return [
            replace(grade, vote=0 if grade.correct else votes.get((key, grade.prediction)))
            for key, grade in zip(keys, grades, strict=True)
        ]

    def _pool(self, handler: str, workers: int | None) -> WorkerPool:
        key = (handler, workers)
        if key not in self._pools:
            self._pools[key] = WorkerPool(handler, workers, *self._limits, warm_up=LOAD_MATH_VERIFY)
        return self._pools[key]


def _classes(outcome: Outcome, predictions: list[str]) -> list[int]:
    classes: list[int] = outcome.value if outcome.status == "ok" else list(range(len(predictions)))
    return classes


def _grade(sample: Sample, outcome: Outcome) -> Grade:
    key = (sample.problem.id, sample.index)
    if outcome.status != "ok":
        return Grade(*key, "", False, outcome.status, details={"error": outcome.error} if outcome.error else {})
    prediction, correct = outcome.value
    return Grade(*key, prediction, correct, "ok" if prediction else "no_answer")
