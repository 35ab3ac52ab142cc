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
from types import MappingProxyType
from typing import IO, Any

from rast_eval.errors import StoreError
from rast_eval.inputs.identity import changed_parts
from rast_eval.results.digests import output_sha256
from rast_eval.types import Cell, Completion, ModelRef, Request

SCHEMA = 2
"""Of the manifest and the lines of samples and grades: docs/run-format.md."""

MERGED = ("prompts", "first_renderings", "benchmarks", "checkpoints", "include")
"""Facts of a manifest that gather what every command in the directory brought."""


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
        self.root, self.shard, self.session = root, shard, ""
        self._handles: dict[Path, IO[bytes]] = {}

    @property
    def manifest_path(self) -> Path:
        """manifest.json, or this shard's own."""
        return self.root / f"manifest{shard_suffix(self.shard)}.json"

    @property
    def is_new(self) -> bool:
        """Whether the directory holds no run yet."""
        return not any(self.root.glob("manifest*.json"))

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
        """The manifest; those of shards are read as one.

        Raises:
            StoreError: the directory holds no run, or one of another version, or its manifest is damaged.
        """
        paths = [self.root / "manifest.json", *sorted(self.root.glob("manifest.shard-*.json"))]
        found = [_read_manifest(path) for path in paths if path.is_file()]
        if not found:
            raise StoreError(
                f"{self.root} holds no run: it has no manifest.json.",
                "Type the directory that `rast-eval run -o` wrote.",
            )
        merged = found[0]
        for other in found[1:]:
            merged = _joined(merged, other)
        return merged

    def begin(
        self,
        planned: Sequence[Cell],
        facts: Mapping[str, Any],
        session: Mapping[str, Any] = MappingProxyType({}),
        *,
        overwrite: bool,
    ) -> None:
        """Write the manifest: `facts`, this session, the cells; those of earlier commands in this directory stay.

        Args:
            session: this command's own facts; its `id` goes into every line of `append`.

        Raises:
            StoreError: a cell's samples were made with other settings and `overwrite` is off.
        """
        earlier = _read_manifest(self.manifest_path) if self.manifest_path.is_file() else {}
        held = {cell.name: cell for cell in map(Cell.from_json, earlier.get("cells", []))}
        replaced = {cell.name: cell for cell in planned} if overwrite else {}
        for cell in planned:
            old = held.get(cell.name)
            if old and not overwrite and old.fingerprint != cell.fingerprint:
                raise StoreError(
                    f"{self.root} holds samples of {cell.arm} on {cell.benchmark} made with other settings "
                    f"({_difference(earlier, facts, old, cell)}).",
                    "Type another -o DIR, or --overwrite to replace them.",
                )
        for name in held.keys() - replaced.keys():
            _refuse_changed(self.root, earlier, facts, held[name])
        for cell in replaced.values():
            self._remove(cell)
        own = {**facts, "cells": [asdict(cell) for cell in planned], "sessions": [dict(session)]}
        self.session = str(session.get("id", ""))
        write_json(self.manifest_path, {"schema": SCHEMA, **_joined(earlier, own)})

    def note(self, *, status: str | None = None, **facts: Any) -> None:
        """Complete this session's entry in the manifest."""
        manifest = json.loads(self.manifest_path.read_text())
        manifest["sessions"][-1] |= facts
        write_json(self.manifest_path, {**manifest, "status": status or manifest["status"]})

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

    def append(self, cell: Cell, request: Request, completion: Completion) -> None:
        """Append one sample and fsync it.

        Raises:
            StoreError: the disk is full or went away; every earlier sample is kept.
        """
        row = {
            "fingerprint": cell.fingerprint,
            "session": self.session,
            "benchmark": cell.benchmark,
            "problem_id": completion.problem_id,
            "sample": completion.sample,
            "seed": request.seed,
            "problem_sha256": request.problem_sha256,
            "prompt_sha256": request.prompt_sha256,
            "num_tokens": completion.num_tokens,
            "finish_reason": completion.finish_reason,
            "stop_reason": completion.stop_reason,
            "output_sha256": output_sha256(completion.output),
            "output": completion.output,
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

    def write_grades(self, cell: Cell, scorer: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace a cell's grades, lines of `digests.grade_line`, in one step."""
        path = self.grades_file(cell, scorer)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as handle:
            handle.writelines(json.dumps(row) + "\n" for row in rows)
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


def _read_manifest(path: Path) -> dict[str, Any]:
    """One manifest file.

    Raises:
        StoreError: it is damaged, or of another version's format.
    """
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise StoreError(f"{path} is damaged.", "Repeat the run command: it writes it anew.") from error
    written = loaded.get("schema") if isinstance(loaded, dict) else None
    if written != SCHEMA:
        raise StoreError(
            f"{path} has {f'format {written}' if written else 'no format'}, and this version reads format {SCHEMA}.",
            "Read it with the version that wrote it, or type the run command again with another -o DIR.",
        )
    return loaded


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """What two commands, or two shards, say together; where they differ the second counts."""
    cells = {(cell["arm"], cell["benchmark"]): cell for cell in [*first.get("cells", []), *second["cells"]]}
    return {
        **first,
        **second,
        "created": first.get("created") or second.get("created"),
        **{key: {**first.get(key, {}), **second.get(key, {})} for key in MERGED},
        "cells": list(cells.values()),
        "sessions": [*first.get("sessions", []), *second["sessions"]],
    }


def _difference(old_run: Mapping[str, Any], new_run: Mapping[str, Any], old: Cell, new: Cell) -> str:
    """Which settings differ, e.g. `temperature 1.0 there, 0.7 here`, or `weights of tiny-m changed`."""
    sampling, own = asdict(old.sampling), asdict(new.sampling)
    pairs = [(key, sampling[key], own[key]) for key in own]
    keys = ("prompt", "stop", "backend", "dtype", "seed")
    pairs += [(key, getattr(old, key), getattr(new, key)) for key in keys]
    told = [
        f"{key} {a} there, {b} here" if isinstance(b, str | int | float) else f"{key} differs"
        for key, a, b in pairs
        if a != b
    ]
    if old.template_sha256 != new.template_sha256 and old.prompt == new.prompt:
        told.append(f"the text of prompt {new.prompt} changed")
    if old.system.label != new.system.label:
        told.append(f"system {old.system.label} there, {new.system.label} here")
    for before, now in zip(old.system.members, new.system.members, strict=False):
        told += [f"{part} of {now.label} changed" for part in _changed(old_run, before, new_run, now)]
    return "; ".join(told) or "the checkpoints differ"


def _changed(old_run: Mapping[str, Any], old: ModelRef, new_run: Mapping[str, Any], new: ModelRef) -> list[str]:
    """Parts of a checkpoint that two runs know differently; none where one of them does not know it."""
    before, now = old_run.get("checkpoints", {}).get(old.key), new_run.get("checkpoints", {}).get(new.key)
    return changed_parts(before, now) if before and now else []


def _refuse_changed(root: Path, earlier: Mapping[str, Any], facts: Mapping[str, Any], cell: Cell) -> None:
    """Refuse to set new samples beside those of a cell whose checkpoint is another by now.

    Raises:
        StoreError: names the part that changed.
    """
    for ref in cell.system.members:
        if parts := _changed(earlier, ref, facts, ref):
            raise StoreError(
                f"{root} holds samples of {cell.arm} on {cell.benchmark} made with another {ref.label} "
                f"({', '.join(parts)} changed).",
                "Type another -o DIR, or --overwrite with every arm to replace them.",
            )
