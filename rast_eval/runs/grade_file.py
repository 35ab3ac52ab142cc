"""Grading a stream of JSON lines in batches, so that a file of any size fits in memory."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.errors import DataError
from rast_eval.inputs.rows import Adapter, BadRow, parse_row
from rast_eval.scoring import get_scorer
from rast_eval.types import Grade, Sample

_BATCH_BYTES = 32 << 20
_NAMED_LINES = 10


@dataclass
class Tally:
    """What a grading came to, over all files."""

    rows: int = 0
    correct: int = 0
    bad_lines: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, row: dict[str, Any]) -> None:
        """Count one row that has its grade."""
        self.rows += 1
        self.correct += row["correct"]
        self.statuses[row["status"]] += 1

    def summary(self) -> str:
        """One line, e.g. `400 rows, 71.25 % correct (285); ok 398, no_answer 2`."""
        share = 100 * self.correct / self.rows if self.rows else float("nan")
        statuses = ", ".join(f"{status} {count}" for status, count in self.statuses.most_common())
        return f"{self.rows} rows, {share:.2f} % correct ({self.correct}); {statuses}"


def open_lines(path: Path) -> AbstractContextManager[BinaryIO]:
    """The file's bytes; `-` is standard input.

    Raises:
        DataError: it cannot be read.
    """
    if str(path) == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", "Type `rast-eval grade FILE` with a JSONL file of outputs."
        ) from error


def grade_lines(
    lines: Iterable[bytes],
    adapter: Adapter,
    scorer: str,
    workers: int | None,
    tally: Tally,
    name: str = "input",
    code: CodeScoring = DEFAULT_CODE,
) -> Iterator[str]:
    """Each line as JSON with its grade, in order; lines that cannot be graded come back as errors and are named.

    Args:
        code: how programs are judged.

    Raises:
        UnknownName: no scorer is called `scorer`.
        DataError: the benchmark's rows are needed and cannot be read.
    """
    judge = get_scorer(scorer, code, votes=False)  # votes are for runs and cost comparisons
    for batch in _batches(lines):
        read = [_read(line, number, adapter) for number, line in batch]
        grades = iter(judge.grade([sample for _, sample, _ in read if sample is not None], workers))
        for (number, _), (row, sample, reason) in zip(batch, read, strict=True):
            if sample is None:
                tally.bad_lines += 1
                if tally.bad_lines <= _NAMED_LINES:
                    print(f"{name}, line {number}: {reason}", file=sys.stderr)
            else:
                row |= _graded(next(grades))
            tally.add(row)
            yield json.dumps(row)


def _batches(lines: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        batch.append((number, line))
        size += len(line)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(line: bytes, number: int, adapter: Adapter) -> tuple[dict[str, Any], Sample | None, str]:
    """(row as it comes back, its sample, why there is none)."""
    try:
        row = parse_row(line)
    except BadRow as error:
        return {"line": number, "status": "error", "correct": False}, None, str(error)
    try:
        return row, adapter.sample(row, number - 1), ""
    except BadRow as error:
        return row | {"prediction": "", "correct": False, "status": "error"}, None, str(error)


def _graded(grade: Grade) -> dict[str, Any]:
    fields: dict[str, Any] = {"prediction": grade.prediction, "correct": grade.correct, "status": grade.status}
    return fields | ({"details": dict(grade.details)} if grade.details else {})
