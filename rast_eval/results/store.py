"""The files of a run: a manifest written first, samples appended and fsynced, grades derived.

    results/<run>/manifest.json
    results/<run>/samples/<arm>/<benchmark>.jsonl      {"fingerprint": "9f2c…", "problem_id": "0", "sample": 3, …}
    results/<run>/grades/<arm>/<benchmark>.<scorer>.jsonl

A killed process loses at most the line it was writing. Samples are keyed by (fingerprint, benchmark,
problem_id, sample); a shard writes `<benchmark>.shard-i-of-m.jsonl`, and readers see the union.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rast_eval.errors import StoreError
from rast_eval.types import Cell, Completion, Grade, Request

SCHEMA = 1


def shard_suffix(shard: tuple[int, int] | None) -> str:
    """`""` without shards, else `.shard-i-of-m`."""
    return "" if shard is None else f".shard-{shard[0]}-of-{shard[1]}"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Complete JSON lines of a file; a torn last line is left out.

    Raises:
        StoreError: a broken line that is not the last one.
    """
    with path.open("rb") as handle:
        for number, line in enumerate(handle, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise StoreError(
                    f"Line {number} of {path} is damaged.", "Remove that line; the same run command fills the gap."
                ) from error


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=1, default=str) + "\n")
    temporary.replace(path)


class Store:
    """One run directory.

    Args:
        root: the directory itself.
        shard: (i, m) where this process is one of several.
    """

    def __init__(self, root: Path, shard: tuple[int, int] | None = None) -> None:
        self.root, self.shard = root, shard
        self._handles: dict[Path, IO[bytes]] = {}

    @property
    def manifest_path(self) -> Path:
        """manifest.json, or this shard's own."""
        return self.root / f"manifest{shard_suffix(self.shard)}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory's advisory lock; a killed process leaves none.

        Raises:
            StoreError: another process holds it, or the directory cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / f".lock{shard_suffix(self.shard)}").open("w")
        except OSError as error:
            raise StoreError(f"{self.root} cannot be written: {error.strerror}.", "Type another -o DIR.") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StoreError(
                    f"Another process is writing to {self.root}.", "Wait for it to end, or type another -o DIR."
                ) from error
            try:
                yield
            finally:
                self.close()

    def manifest(self) -> dict[str, Any]:
        """The manifest, or the first shard's where there is only those.

        Raises:
            StoreError: the directory holds no run, or its manifest is damaged.
        """
        paths = [self.root / "manifest.json", *sorted(self.root.glob("manifest.shard-*.json"))]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise StoreError(
                f"{self.root} holds no run: it has no manifest.json.",
                "Type the directory that `rast-eval run -o` wrote.",
            )
        try:
            loaded: dict[str, Any] = json.loads(path.read_text())
        except ValueError as error:
            raise StoreError(f"{path} is damaged.", "Repeat the run command: it writes it anew.") from error
        return loaded

    def begin(self, planned: Sequence[Cell], facts: Mapping[str, Any], *, overwrite: bool) -> None:
        """Write the manifest: `facts` and the cells, those of earlier commands in this directory included.

        Raises:
            StoreError: a cell's samples were made with other settings and `overwrite` is off.
        """
        earlier = json.loads(self.manifest_path.read_text()) if self.manifest_path.is_file() else {"cells": []}
        cells = {(cell.arm, cell.benchmark): cell for cell in map(Cell.from_json, earlier["cells"])}
        for cell in planned:
            old = cells.get((cell.arm, cell.benchmark))
            if overwrite:
                self._remove(cell)
            elif old and old.fingerprint != cell.fingerprint:
                raise StoreError(
                    f"{self.root} holds samples of {cell.arm} on {cell.benchmark} made with other settings "
                    f"({_difference(earlier, facts, old, cell)}).",
                    "Type another -o DIR, or --overwrite to replace them.",
                )
            cells[cell.arm, cell.benchmark] = cell
        write_json(self.manifest_path, {**facts, "schema": SCHEMA, "cells": [asdict(cell) for cell in cells.values()]})

    def settle(self, cells: Sequence[Cell]) -> None:
        """Put cells in the place of those of the same arm and benchmark: what they came to, not what was planned."""
        found = json.loads(self.manifest_path.read_text())
        settled = {(cell.arm, cell.benchmark): asdict(cell) for cell in cells}
        found["cells"] = [settled.get((row["arm"], row["benchmark"]), row) for row in found["cells"]]
        write_json(self.manifest_path, found)

    def finish(self, **facts: Any) -> None:
        """Complete the manifest."""
        write_json(self.manifest_path, {**json.loads(self.manifest_path.read_text()), **facts})

    def _remove(self, cell: Cell) -> None:
        every = self.grades_file(cell, "*")
        for path in [*self._sample_files(cell), *every.parent.glob(every.name)]:
            path.unlink(missing_ok=True)

    def _own_file(self, cell: Cell) -> Path:
        return self.root / "samples" / cell.arm / f"{cell.benchmark}{shard_suffix(self.shard)}.jsonl"

    def _sample_files(self, cell: Cell) -> list[Path]:
        folder = self.root / "samples" / cell.arm
        whole = folder / f"{cell.benchmark}.jsonl"
        return [*([whole] if whole.is_file() else []), *sorted(folder.glob(f"{cell.benchmark}.shard-*.jsonl"))]

    def samples(self, cell: Cell) -> dict[tuple[str, int], dict[str, Any]]:
        """Samples of a cell by (problem_id, sample), from all shards; those of other settings are left out."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for row in self.iter_samples(cell):
            found.setdefault((row["problem_id"], row["sample"]), row)
        return found

    def iter_samples(self, cell: Cell) -> Iterator[dict[str, Any]]:
        """Sample lines made with the cell's settings, from all shards, one in memory at a time."""
        for path in self._sample_files(cell):
            yield from (row for row in read_lines(path) if row["fingerprint"] == cell.fingerprint)

    def grades_file(self, cell: Cell, scorer: str) -> Path:
        """Where the cell's grades by `scorer` lie."""
        return self.root / "grades" / cell.arm / f"{cell.benchmark}.{scorer}.jsonl"

    def append(self, cell: Cell, request: Request, prompt_sha256: str, completion: Completion) -> None:
        """Append one sample and fsync it.

        Raises:
            StoreError: the disk is full or went away; every earlier sample is kept.
        """
        row = {
            "fingerprint": cell.fingerprint,
            "benchmark": cell.benchmark,
            "problem_id": completion.problem_id,
            "sample": completion.sample,
            "seed": request.seed,
            "prompt_sha256": prompt_sha256,
            "output": completion.output,
            "num_tokens": completion.num_tokens,
            "finish_reason": completion.finish_reason,
            "stop_reason": completion.stop_reason,
        }
        path = self._own_file(cell)
        try:
            handle = self._handles.get(path) or self._open(path)
            handle.write(json.dumps(row).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StoreError(
                f"{path} cannot be written: {'the disk is full' if full else error.strerror}.",
                "Every earlier sample is kept: make room, then repeat the same command.",
            ) from error

    def _open(self, path: Path) -> IO[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab+")
        _drop_torn_line(handle)
        self._handles[path] = handle
        return handle

    def write_grades(self, cell: Cell, scorer: str, grades: Iterable[Grade]) -> None:
        """Replace a cell's grades in one step."""
        path = self.grades_file(cell, scorer)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as handle:
            handle.writelines(json.dumps(asdict(grade)) + "\n" for grade in grades)
        temporary.replace(path)

    def close(self) -> None:
        """Close the sample files."""
        for handle in self._handles.values():
            handle.close()
        self._handles.clear()


def _drop_torn_line(handle: IO[bytes]) -> None:
    """Cut what a killed process wrote after its last complete line."""
    size = handle.seek(0, os.SEEK_END)
    end = size
    while end:
        start = max(0, end - 65536)
        handle.seek(start)
        newline = handle.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        handle.truncate(end)
    handle.seek(0, os.SEEK_END)


def _difference(old_run: Mapping[str, Any], new_run: Mapping[str, Any], old: Cell, new: Cell) -> str:
    """Which settings differ, e.g. `temperature 1.0 there, 0.7 here`."""
    sampling, own = asdict(old.sampling), asdict(new.sampling)
    pairs = [(key, sampling[key], own[key]) for key in own]
    pairs += [(key, getattr(old, key), getattr(new, key)) for key in ("prompt", "stop", "system")]
    pairs += [(key, old_run.get(key), new_run.get(key)) for key in ("backend", "dtype", "seed")]
    told = [
        f"{key} {a} there, {b} here" if isinstance(b, str | int | float) else f"{key} differs"
        for key, a, b in pairs
        if a != b
    ]
    return "; ".join(told) or "a checkpoint or the prompt's text changed"
