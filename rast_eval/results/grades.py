"""The grades of a cell by one scorer: written by whoever graded, so that no process takes away what another added.

A grade names the output it judges by its SHA-256, so one of a sample that was made anew since counts as none.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from rast_eval.files import cannot_write, make_folder, replacing, write_all
from rast_eval.results import lines
from rast_eval.results.digests import belongs, grade_line
from rast_eval.results.lines import BUFFER_BYTES, Damage
from rast_eval.results.samples import OpenSamples, key_of
from rast_eval.types import Grade, Scorer

DROPPED = "Dropped; what they judged is graded anew where it is there."


class _Chunk(NamedTuple):
    """Where the lines of a problem lie, and how many they are."""

    offset: int
    length: int
    grades: int


@contextmanager
def fresh_grades(path: Path, scorer: Scorer) -> Iterator[FreshGrades]:
    """Room for grades of the file `path` by `scorer`, gone with the block.

    Raises:
        StoreError: the disk is full or went away.
    """
    try:
        make_folder(path.parent)
        scratch = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115 - its own error is ours
    except OSError as error:
        raise cannot_write(path, error) from error
    with scratch:
        yield FreshGrades(path, scorer, scratch)


class FreshGrades:
    """Grades as they are made, a problem at a time, on disk and not in memory; `merge` puts them into the file.

    Args:
        path: the file of grades.
        scratch: an unbuffered file of this object's own.
    """

    def __init__(self, path: Path, scorer: Scorer, scratch: IO[bytes]) -> None:
        self._path, self._scorer, self._scratch = path, scorer, scratch
        self._chunks: dict[str, _Chunk] = {}
        self._end = 0

    @property
    def count(self) -> int:
        """Grades added so far."""
        return sum(chunk.grades for chunk in self._chunks.values())

    def add(self, problem_id: str, grades: Iterable[tuple[Grade, str]]) -> None:
        """All grades of a problem, each with the digest of its output.

        Raises:
            StoreError: the disk is full or went away.
        """
        rows = (grade_line(grade, digest, self._scorer) for grade, digest in grades)
        encoded = [json.dumps(row).encode() + b"\n" for row in rows]
        data = b"".join(encoded)
        try:
            write_all(self._scratch.fileno(), data)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._chunks[problem_id] = _Chunk(self._end, len(data), len(encoded))
        self._end += len(data)

    def merge(self, planned: Collection[str], samples: OpenSamples) -> None:
        """Replace the file: problem by problem these grades, or those of other processes where they cover more.

        Hold the run's grading lock. Grades of problems outside `planned`, and of problems with an output that is no
        longer the one judged, are dropped.
        """
        kept = self._covered_better(planned, samples)
        with replacing(self._path) as write:
            for problem, chunk in self._chunks.items():
                if problem not in kept:
                    self._scratch.seek(chunk.offset)
                    write(self._scratch.read(chunk.length))
            if kept:
                with self._path.open("rb", buffering=BUFFER_BYTES) as handle:
                    for _, (row, line) in lines.read_lines(handle, lambda line: (lines.read_grade(line), line), []):
                        if row["problem_id"] in kept:
                            write(line)

    def _covered_better(self, planned: Collection[str], samples: OpenSamples) -> set[str]:
        """Problems of which the file holds more grades that stand."""
        if not self._path.is_file():
            return set()
        covered: dict[str, set[int]] = {}
        stale: set[str] = set()
        damage: list[Damage] = []
        with self._path.open("rb", buffering=BUFFER_BYTES) as handle:
            for _, row in lines.read_lines(handle, lines.read_grade, damage):
                problem, sample = key = key_of(row)
                covered.setdefault(problem, set()).add(sample)
                # A sample that these `samples` lack was added by another process meanwhile.
                if key in samples and not belongs(row, samples.digest(key), self._scorer.name):
                    stale.add(problem)
        lines.name_damage(self._path, damage, DROPPED)
        fresh = {problem: chunk.grades for problem, chunk in self._chunks.items()}
        return {p for p in planned if p not in stale and len(covered.get(p, ())) > fresh.get(p, 0)}
