"""Grading a stream of rows in batches, so that a file of any size fits in memory."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.logs.answers import BadRow
from rast_eval.logs.files import Row
from rast_eval.logs.rows import Adapter, FirstReadings, parse_row
from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.boxes import has_box
from rast_eval.scoring.math.extract import truncate
from rast_eval.types import Grade, Sample

_BATCH_BYTES = 32 << 20
_NAMED_LINES = 10
AGAIN = "again"
"""Field of a row whose outputs an earlier row held already: it is graded, and not counted."""


@dataclass
class Tally:
    """What a grading came to, over all files.

    Attributes:
        cut: outputs whose boxed answer stands behind a stop word, by that word.
        again: rows with outputs that an earlier row held.
    """

    rows: int = 0
    correct: int = 0
    bad_lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    again: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one row that has its grade."""
        if row.get(AGAIN):
            self.again += 1
            return
        self.rows += 1
        self.correct += row["correct"]
        self.statuses[row["status"]] += 1

    def summary(self) -> str:
        """One line, e.g. `400 rows, 71.25 % correct (285); ok 398, no_answer 2`."""
        if not self.rows:
            return "0 rows: nothing was graded"
        statuses = ", ".join(f"{status} {count}" for status, count in self.statuses.most_common())
        share = f"{100 * self.correct / self.rows:.2f} % correct ({self.correct})"
        return f"{self.rows} rows, {share}; {statuses}{self._left_out()}"

    def warnings(self) -> Iterator[str]:
        """What a reader of the grades must know."""
        if self.cut:
            words = ", ".join(f"{word!r} {count}" for word, count in self.cut.most_common())
            many = sum(self.cut.values())
            yield (
                f"{many} output{'s hold' if many > 1 else ' holds'} a box behind a stop word, at which it is cut "
                f"({words}). Type --prompt with the template that was answered; `rast-eval list --prompts` shows all."
            )

    def _left_out(self) -> str:
        return f"; {self.again} more rows hold the same outputs under another filter" if self.again else ""


def grade_lines(
    rows: Iterable[Row],
    adapter: Adapter,
    scorer: str,
    workers: int | None,
    tally: Tally,
    name: str = "input",
    code: CodeScoring = DEFAULT_CODE,
) -> Iterator[str]:
    """Each row as JSON with its grade, in order, a row of several samples once a sample.

    Rows that cannot be graded come back as errors and are named.

    Args:
        code: how programs are judged.

    Raises:
        UnknownName: no scorer is called `scorer`.
        DataError: the benchmark's rows are needed and cannot be read.
    """
    judge = get_scorer(scorer, code, votes=False)  # votes are for runs and cost comparisons
    readings = FirstReadings()
    for batch in _batches(rows):
        read = [_read(row, number, adapter, readings) for number, row in batch]
        grades = iter(judge.grade([sample for _, samples, _ in read for sample in samples], workers))
        for (number, _), (row, samples, reason) in zip(batch, read, strict=True):
            if not samples:
                tally.bad_lines += 1
                if tally.bad_lines <= _NAMED_LINES:
                    print(f"{name}, line {number}: {reason}", file=sys.stderr)
                tally.add(row)
                yield json.dumps(row)
            for sample in samples:
                _count_cut(sample, tally)
                number_of = {"sample": sample.index} if len(samples) > 1 else {}
                graded = row | number_of | _graded(next(grades))
                tally.add(graded)
                yield json.dumps(graded)


def _count_cut(sample: Sample, tally: Tally) -> None:
    """Note an output that loses its box to a stop word."""
    if has_box(sample.output) and not has_box(truncate(sample.output, sample.stops)):
        text = sample.output
        tally.cut[next(word for word in sample.stops if not has_box(text := truncate(text, [word])))] += 1


def _batches(rows: Iterable[Row]) -> Iterator[list[tuple[int, Row]]]:
    batch: list[tuple[int, Row]] = []
    size = 0
    for number, row in enumerate(rows, 1):
        batch.append((number, row))
        size += len(row) if isinstance(row, bytes) else len(repr(row))
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(
    line: Row, number: int, adapter: Adapter, readings: FirstReadings
) -> tuple[dict[str, Any], list[Sample], str]:
    """(row as it comes back, its samples, why there are none)."""
    try:
        row = parse_row(line) if isinstance(line, bytes) else line
    except BadRow as error:
        return {"line": number, "status": "error", "correct": False}, [], str(error)
    try:
        answers = adapter.answers(row)
        again = {AGAIN: True} if readings.again(answers[0]) else {}
        return row | again, adapter.samples(row, number - 1, answers), ""
    except BadRow as error:
        return row | {"prediction": "", "correct": False, "status": "error"}, [], str(error)


def _graded(grade: Grade) -> dict[str, Any]:
    fields: dict[str, Any] = {"prediction": grade.prediction, "correct": grade.correct, "status": grade.status}
    return fields | ({"details": dict(grade.details)} if grade.details else {})
