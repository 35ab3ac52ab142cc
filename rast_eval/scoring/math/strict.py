"""The `strict` scorer: mathematical equivalence, for people who want the truth and not parity with published tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rast_eval.scoring.math.base import MathScorer, classes_of, failed, markup_stops
from rast_eval.scoring.math.equivalence import GROUP_STRICTLY, LOAD_MATH_VERIFY, STRICT
from rast_eval.scoring.pool import MEMORY_BYTES
from rast_eval.types import Grade, GradeStatus, Sample


class StrictScorer(MathScorer):
    """No percentages, no tolerance on integers, intervals with their ends, unordered sets, π and e as numbers.

    Of a sample's stops it heeds those that are markup, such as `<|im_end|>`: an ordinary word ends no answer.
    """

    name = "strict"
    version = "1"
    memory = max(MEMORY_BYTES, 3 << 30)
    warm_up: ClassVar = {STRICT: LOAD_MATH_VERIFY, GROUP_STRICTLY: LOAD_MATH_VERIFY}

    def _judge(self, samples: Sequence[Sample], workers: int | None) -> list[Grade]:
        """Equal (output, gold) pairs are judged once."""
        tasks = [(one.output, one.problem.gold, markup_stops(one)) for one in samples]
        distinct = list(dict.fromkeys(tasks))
        judged = dict(zip(distinct, self._map(STRICT, distinct, workers), strict=True))
        grades = []
        for sample, task in zip(samples, tasks, strict=True):
            outcome = judged[task]
            if outcome.status != "ok":
                grades.append(failed(sample, outcome))
                continue
            prediction, correct = outcome.value
            status: GradeStatus = "ok" if prediction else "no_answer"
            grades.append(Grade(sample.problem.id, sample.index, prediction, correct, status))
        return grades

    def _group(self, lists: list[list[str]], workers: int | None) -> list[list[int]]:
        outcomes = self._map(GROUP_STRICTLY, lists, workers)
        return [classes_of(outcome, predictions) for outcome, predictions in zip(outcomes, lists, strict=True)]
