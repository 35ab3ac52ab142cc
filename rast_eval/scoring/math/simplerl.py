"""The `simplerl` scorer: SimpleRL's verdicts without its holes.

    output ─read─► prediction and verdict, or an open pair ─compare─► verdict ─group─► classes of votes

Extraction and the rules without algebra run once an output; open (prediction, gold) pairs are compared once each, in
workers that have sympy loaded. Whatever touches a model's text runs in a worker that can be killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rast_eval.scoring.math import tasks
from rast_eval.scoring.math.boxes import with_boxes
from rast_eval.scoring.pool import CPU_SECONDS, MEMORY_BYTES, Outcome, WorkerPool
from rast_eval.types import Grade, Sample

Pair = tuple[str, str]


class SimpleRLScorer:
    """Verdict-compatible with SimpleRL's math evaluation.

    Args:
        cpu_seconds: CPU time for one extraction, and for one comparison.
        memory_bytes: address space of a worker.
        votes: group the predictions of a problem into classes for majority@k.
    """

    name = "simplerl"

    def __init__(self, cpu_seconds: float = CPU_SECONDS, memory_bytes: int = MEMORY_BYTES, votes: bool = True) -> None:
        self._cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes
        self._votes = votes
        self._pools: dict[tuple[str, int | None], WorkerPool] = {}

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """GradeMatrix in the order of `samples`; the number of workers changes none of them."""
        texts = [(sample.output, sample.problem.gold, sample.problem.benchmark, sample.prompt) for sample in samples]
        read = self._pool(tasks.READ, workers).map(texts)
        pairs = [_open_pair(sample, outcome) for sample, outcome in zip(samples, read, strict=True)]
        compared = self._compare([pair for pair in dict.fromkeys(pairs) if pair], workers)
        grades = with_boxes(
            samples,
            [
                _grade(sample, outcome, compared[pair] if pair else None)
                for sample, outcome, pair in zip(samples, read, pairs, strict=True)
            ],
        )
        return self._with_votes(samples, grades, workers) if self._votes else grades

    def close(self) -> None:
        """End the worker processes; they start again when needed."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _compare(self, pairs: list[Pair], workers: int | None) -> dict[Pair, Outcome]:
        if not pairs:
            return {}
        return dict(
            zip(pairs, self._pool(tasks.ALGEBRA, workers).map([("compare", pair) for pair in pairs]), strict=True)
        )

    def _with_votes(self, samples: Sequence[Sample], grades: list[Grade], workers: int | None) -> list[Grade]:
        """Class 0 is the gold answer's; wrong predictions are grouped among themselves from 1 on.

        So a class is right or wrong as a whole. Wrong predictions are grouped in sorted order, which makes the
        classes independent of the order of the samples.
        """
        wrong: dict[tuple[str, str], list[str]] = {}
        for sample, grade in zip(samples, grades, strict=True):
            if grade.prediction and not grade.correct:
                wrong.setdefault((sample.problem.benchmark, grade.problem_id), []).append(grade.prediction)
        lists = [sorted(set(predictions)) for predictions in wrong.values()]
        classes = self._group(lists, workers)
        vote_of = {
            (key, prediction): 1 + number
            for key, predictions, numbers in zip(wrong, lists, classes, strict=True)
            for prediction, number in zip(predictions, numbers, strict=True)
        }
        return [
            replace(
                grade,
                vote=0
                if grade.correct
                else vote_of.get(((sample.problem.benchmark, grade.problem_id), grade.prediction)),
            )
            for sample, grade in zip(samples, grades, strict=True)
        ]

    def _group(self, lists: list[list[str]], workers: int | None) -> list[list[int]]:
        several = [predictions for predictions in lists if len(predictions) > 1]
        cheap = self._pool(tasks.GROUP_CHEAPLY, workers).map(several)
        unsure = [index for index, outcome in enumerate(cheap) if outcome.status != "ok" or not outcome.value[1]]
        classes = [
            outcome.value[0] if outcome.status == "ok" else list(range(len(predictions)))
            for outcome, predictions in zip(cheap, several, strict=True)
        ]
        if unsure:
            algebra = self._pool(tasks.ALGEBRA, workers).map([("group", several[index]) for index in unsure])
            for index, outcome in zip(unsure, algebra, strict=True):
                if outcome.status == "ok":
                    classes[index] = outcome.value
        remaining = iter(classes)
        return [next(remaining) if len(predictions) > 1 else [0] for predictions in lists]

    def _pool(self, handler: str, workers: int | None) -> WorkerPool:
        key = (handler, workers)
        if key not in self._pools:
            warm_up = tasks.LOAD_PARSERS if handler == tasks.ALGEBRA else None
            self._pools[key] = WorkerPool(handler, workers, self._cpu_seconds, self._memory_bytes, warm_up=warm_up)
        return self._pools[key]


def _open_pair(sample: Sample, read: Outcome) -> Pair | None:
    if read.status == "ok" and read.value[1] is None:
        return read.value[0], sample.problem.gold
    return None


def _grade(sample: Sample, read: Outcome, compared: Outcome | None) -> Grade:
    """The verdict from what the workers reported; what went over a limit or died is wrong, and says so."""
    key = (sample.problem.id, sample.index)
    prediction, verdict = read.value if read.status == "ok" else (None, False)
    last = compared or read
    if last.status != "ok":
        details = {"error": last.error} if last.error else {}
        return Grade(*key, prediction or "", False, last.status, details=details)
    correct = bool(compared.value if compared else verdict)
    return Grade(*key, prediction or "", correct, "ok" if correct or prediction else "no_answer")
