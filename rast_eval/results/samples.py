"""The samples of a cell, shards as one: their facts in a pass that keeps no output, or any line by its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from sys import intern
from types import TracebackType
from typing import IO, NamedTuple

from rast_eval.results import lines
from rast_eval.results.lines import BUFFER_BYTES, Damage, Row
from rast_eval.types import Cell

Key = tuple[str, int]
"""(problem_id, sample) of a sample."""

LEFT_OUT = "Left out here; the same `rast-eval run` command sets them aside and generates them again."


def leave_out(path: Path, damage: Sequence[Damage]) -> None:
    """Name damaged lines that a reader goes past."""
    lines.name_damage(path, damage, LEFT_OUT)


def each(
    paths: Sequence[Path],
    cell: Cell,
    read: Callable[[bytes], Row],
    mend: Callable[[Path, Sequence[Damage]], None] = leave_out,
) -> Iterator[Row]:
    """The cell's rows by `read`, the first line of a key.

    Args:
        mend: called with each file, when it has been read, and its damaged lines.
    """
    seen: set[Key] = set()
    for path in paths:
        damage: list[Damage] = []
        with path.open("rb", buffering=BUFFER_BYTES) as handle:
            for _, row in lines.read_lines(handle, read, damage):
                if row["fingerprint"] == cell.fingerprint and (key := key_of(row)) not in seen:
                    seen.add(key)
                    yield row
        if damage:
            mend(path, damage)


def key_of(row: Row) -> Key:
    """The key of a line, its text shared by all lines of the problem."""
    return intern(row["problem_id"]), row["sample"]


class _Line(NamedTuple):
    handle: IO[bytes]
    offset: int
    length: int
    digest: bytes


class OpenSamples:
    """A cell's samples as they are now, whatever becomes of their files; close it, or use it in a `with`.

    A mapping in spirit: keys in the order of the files, a row read from disk when asked for.
    """

    def __init__(self, paths: Sequence[Path], cell: Cell) -> None:
        self._files = ExitStack()
        self._lines: dict[Key, _Line] = {}
        for path in paths:
            damage: list[Damage] = []
            handle = self._files.enter_context(path.open("rb", buffering=BUFFER_BYTES))
            for place, row in lines.read_lines(handle, lines.read_head, damage):
                if row["fingerprint"] == cell.fingerprint:
                    line = _Line(handle, place.offset, place.length, bytes.fromhex(row["output_sha256"]))
                    self._lines.setdefault(key_of(row), line)
            leave_out(path, damage)

    def __enter__(self) -> OpenSamples:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def __contains__(self, key: Key) -> bool:
        return key in self._lines

    def digest(self, key: Key) -> str:
        """The SHA-256 of the output, see `lines.output_sha256`."""
        return self._lines[key].digest.hex()

    def length(self, key: Key) -> int:
        """Bytes of the line."""
        return self._lines[key].length

    def output(self, key: Key) -> str:
        """The output itself.

        Raises:
            Damaged: the line is no JSON, though its digest agrees.
        """
        line = self._lines[key]
        row = lines.read_sample(os.pread(line.handle.fileno(), line.length, line.offset))
        text: str = row["output"]
        return text
