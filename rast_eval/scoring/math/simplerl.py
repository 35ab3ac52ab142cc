"""The default scorer: SimpleRL's grades, without its holes.

Equal (prediction, gold) pairs are compared once. The rules that need no algebra come first, for all samples; what
they leave open goes to workers that have the parsers loaded. Everything that touches a model's text runs in a worker
that can be killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rast_eval.scoring.math import tasks
from rast_eval.scoring.math.base import MathScorer, classes_of, failed
from rast_eval.scoring.pool import Outcome
from rast_eval.types import Grade, GradeStatus, Sample

Pair = tuple[str, str]


class SimpleRLScorer(MathScorer):
    """Agrees grade by grade with SimpleRL's math evaluation."""

    name = "simplerl"
    version = "1"
    warm_up: ClassVar = {tasks.ALGEBRA: tasks.LOAD_PARSERS}

    def _judge(self, samples: Sequence[Sample], workers: int | None) -> list[Grade]:
        texts = [(one.output, one.problem.gold, one.problem.keep_units, one.stops) for one in samples]
        read = self._map(tasks.READ, texts, workers)
        pairs = [_open_pair(outcome) for outcome in read]
        distinct = [pair for pair in dict.fromkeys(pairs) if pair]
        outcomes = self._map(tasks.ALGEBRA, [("compare", pair) for pair in distinct], workers) if distinct else []
        compared = dict(zip(distinct, outcomes, strict=True))
        return [
            _grade(sample, outcome, compared[pair] if pair else None)
            for sample, outcome, pair in zip(samples, read, pairs, strict=True)
        ]

    def _group(self, lists: list[list[str]], workers: int | None) -> list[list[int]]:
        several = [predictions for predictions in lists if len(predictions) > 1]
        cheap = self._map(tasks.GROUP_CHEAPLY, several, workers)
        unsure = [index for index, outcome in enumerate(cheap) if outcome.status != "ok" or not outcome.value[1]]
        classes = [
            outcome.value[0] if outcome.status == "ok" else classes_of(outcome, predictions)
            for outcome, predictions in zip(cheap, several, strict=True)
        ]
        if unsure:
            algebra = self._map(tasks.ALGEBRA, [("group", several[index]) for index in unsure], workers)
            for index, outcome in zip(unsure, algebra, strict=True):
                if outcome.status == "ok":
                    classes[index] = outcome.value
        remaining = iter(classes)
        return [next(remaining) if len(predictions) > 1 else [0] for predictions in lists]


def _open_pair(read: Outcome) -> Pair | None:
    """(prediction, gold), both normalised, where the rules without algebra left the question open."""
    if read.status == "ok" and read.value[1] is None:
        return read.value[0], read.value[2]
    return None


def _grade(sample: Sample, read: Outcome, compared: Outcome | None) -> Grade:
    prediction, correct, _ = read.value if read.status == "ok" else ("", False, "")
    last = compared or read
    if last.status != "ok":
        return failed(sample, last, prediction)
    correct = bool(compared.value if compared else correct)
    status: GradeStatus = "ok" if correct or prediction else "no_answer"
    return Grade(sample.problem.id, sample.index, prediction or "", correct, status)
