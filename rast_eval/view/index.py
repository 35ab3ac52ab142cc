"""Where every sample and grade of a cell lies: found in one pass, read by its place, grown as the run grows.

index = CellIndex(root, cell)
index.refresh()                       # True where something was added or graded since
index.marks("17")                     # "rrwc": one letter a sample, see `MARKS`
index.sample(("17", 3))               # its line, read from disk now
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from sys import intern
from typing import NamedTuple

from rast_eval.results import lines
from rast_eval.results.digests import belongs
from rast_eval.results.lines import BUFFER_BYTES, Damage, Place, Row
from rast_eval.results.samples import Key, key_of
from rast_eval.results.store import Store
from rast_eval.types import Cell

MARKS = {
    "r": "right",
    "k": "right though cut",
    "w": "wrong",
    "n": "no answer",
    "c": "cut at the token limit",
    "t": "timeout",
    "e": "error",
    "u": "not graded",
    " ": "not there yet",
}
"""What a letter of `CellIndex.marks` says of a sample."""

RIGHT = "rk"
_STATUS = {"timeout": "t", "error": "e", "no_answer": "n"}


class SampleAt(NamedTuple):
    """Where a sample's line lies, and what the list shows of it."""

    file: Path
    offset: int
    length: int
    digest: bytes
    cut: bool
    tokens: int


class GradeAt(NamedTuple):
    """Where a grade's line lies, what it says, and of which output."""

    offset: int
    length: int
    correct: bool
    status: str
    vote: int | None
    digest: str


class Tail:
    """A file of lines, read on from where it was left; from its start where it was replaced."""

    def __init__(self, path: Path) -> None:
        self.path, self._end, self._inode = path, 0, 0

    def was_replaced(self) -> bool:
        """Whether what was read of it is no longer there."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return self._end > 0
        return self._end > 0 and (now.st_ino != self._inode or now.st_size < self._end)

    def added(self, read: Callable[[bytes], Row]) -> Iterator[tuple[Place, Row]]:
        """Lines that were completed since; damaged ones are left out, as in every report."""
        if self.was_replaced():
            self._end = 0
        with self.path.open("rb", buffering=BUFFER_BYTES) as handle:
            self._inode, start = os.fstat(handle.fileno()).st_ino, self._end
            handle.seek(start)
            damage: list[Damage] = []
            for place, row in lines.read_lines(handle, read, damage):
                at = place._replace(offset=start + place.offset)
                self._end = at.offset + at.length
                yield at, row


class CellIndex:
    """A cell's samples and the grades of every scorer that judged them.

    Args:
        root: the run's folder.
    """

    def __init__(self, root: Path, cell: Cell) -> None:
        self.cell, self._store = cell, Store(root)
        self._clear()

    def _clear(self) -> None:
        self.samples: dict[Key, SampleAt] = {}
        self.problems: dict[str, str] = {}
        """Digest of question and gold by problem id, as `Problem.sha256`."""
        self.grades: dict[str, dict[Key, GradeAt]] = {}
        self._tails: dict[Path, Tail] = {}

    def refresh(self) -> bool:
        """Read what was added since; whether there was any."""
        if any(tail.was_replaced() for tail in self._tails.values()):
            self._clear()
        found = sum(self._read_samples(path) for path in self._store.sample_files(self.cell))
        every = self._store.grades_file(self.cell, "*")
        for path in sorted(every.parent.glob(every.name)):
            scorer = path.name.removeprefix(f"{self.cell.benchmark}.").removesuffix(".jsonl")
            if "." not in scorer:
                found += self._read_grades(path, scorer)
        return found > 0

    def _tail(self, path: Path) -> Tail:
        return self._tails.setdefault(path, Tail(path))

    def _read_samples(self, path: Path) -> int:
        before = len(self.samples)
        for place, row in self._tail(path).added(lines.read_head):
            if row["fingerprint"] == self.cell.fingerprint and row["sample"] < self.cell.n:
                digest, cut = bytes.fromhex(row["output_sha256"]), row["finish_reason"] == "length"
                at = SampleAt(path, place.offset, place.length, digest, cut, row["num_tokens"])
                self.samples.setdefault(key_of(row), at)
                self.problems.setdefault(intern(row["problem_id"]), row["problem_sha256"])
        return len(self.samples) - before

    def _read_grades(self, path: Path, scorer: str) -> int:
        held, count = self.grades.setdefault(scorer, {}), 0
        for place, row in self._tail(path).added(lines.read_grade):
            if belongs(row, str(row.get("output_sha256")), scorer):
                facts = (row["correct"], intern(row["status"]), row["vote"], row["output_sha256"])
                held[key_of(row)] = GradeAt(place.offset, place.length, *facts)
                count += 1
        return count

    def holds(self, problem: str, sample: int) -> bool:
        """Whether a sample is there."""
        return (problem, sample) in self.samples

    def grade(self, key: Key, scorer: str) -> GradeAt | None:
        """What `scorer` said of the output that is there now."""
        sample, found = self.samples.get(key), self.grades.get(scorer, {}).get(key)
        return found if sample and found and found.digest == sample.digest.hex() else None

    def mark(self, key: Key) -> str:
        """One letter of `MARKS`, by the cell's own scorer."""
        sample = self.samples.get(key)
        if sample is None:
            return " "
        grade = self.grade(key, self.cell.scorer)
        if grade is None:
            return "u"
        if grade.correct:
            return "k" if sample.cut else "r"
        if grade.status in ("timeout", "error"):
            return _STATUS[grade.status]
        return "c" if sample.cut else _STATUS.get(grade.status, "w")

    def marks(self, problem: str) -> str:
        """A letter a sample, 0 … n−1."""
        return "".join(self.mark((problem, j)) for j in range(self.cell.n))

    def disputed(self, problem: str) -> bool:
        """Whether two scorers judge an output of the problem differently."""
        if len(self.grades) < 2:
            return False
        for j in range(self.cell.n):
            said = [self.grade((problem, j), scorer) for scorer in self.grades]
            if len({grade.correct for grade in said if grade}) > 1:
                return True
        return False

    def votes(self, problem: str) -> list[int | None]:
        """The class of each sample's answer, None where it has none."""
        found = (self.grade((problem, j), self.cell.scorer) for j in range(self.cell.n))
        return [grade.vote if grade else None for grade in found]

    def sample(self, key: Key) -> Row:
        """A sample's line.

        Raises:
            KeyError: it is not there.
            lines.Damaged: its file was changed since `refresh`.
        """
        at = self.samples[key]
        return lines.read_sample(_read(at.file, at.offset, at.length))

    def judged(self, key: Key) -> dict[str, Row]:
        """The line of each scorer's grade of a sample."""
        found = {}
        for scorer in self.grades:
            if at := self.grade(key, scorer):
                row = lines.read_grade(_read(self._store.grades_file(self.cell, scorer), at.offset, at.length))
                found[scorer] = {name: value for name, value in row.items() if name != "sealed"}
        return found

    def outputs(self) -> Iterator[tuple[Key, str]]:
        """Every output in the order of the files, one in memory at a time."""
        placed = sorted(self.samples.items(), key=lambda item: (item[1].file, item[1].offset))
        for file, held in groupby(placed, key=lambda item: item[1].file):
            with file.open("rb", buffering=BUFFER_BYTES) as handle:
                for key, at in held:
                    handle.seek(at.offset)
                    # Its digest was checked when it was found. A line replaced since is left out until `refresh`.
                    with suppress(ValueError, KeyError):
                        yield key, json.loads(handle.read(at.length))["output"]


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as handle:
        handle.seek(offset)
        return handle.read(length)
