"""The files of a run: a manifest written first, samples appended and fsynced, grades derived.

    results/<run>/manifest.json
    results/<run>/samples/<arm>/<benchmark>.jsonl      see `results.lines`
    results/<run>/grades/<arm>/<benchmark>.<scorer>.jsonl

A killed process loses at most the line it was writing. Samples are keyed by (fingerprint, benchmark,
problem_id, sample); a shard writes `<benchmark>.shard-i-of-m.jsonl`, and readers see the union. What each fault does
stands in docs/faults.md.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rast_eval.errors import StoreError
from rast_eval.files import append_descriptor, cannot_write, lock, sync_folder, uninterrupted, write_all, write_json
from rast_eval.inputs.identity import changed_parts
from rast_eval.results import lines, repair, samples
from rast_eval.results.lines import Damage, Damaged, Row
from rast_eval.results.repair import SCHEMA
from rast_eval.results.samples import OpenSamples
from rast_eval.types import Cell, Completion, ModelRef, Request

MERGED = ("prompts", "first_renderings", "benchmarks", "checkpoints", "include")
"""Facts of a manifest that gather what every command in the directory brought."""


def shard_suffix(shard: tuple[int, int] | None) -> str:
    """`""` without shards, else `.shard-i-of-m`."""
    return "" if shard is None else f".shard-{shard[0]}-of-{shard[1]}"


class Store:
    """One run directory.

    Args:
        root: the directory itself.
        shard: (i, m) where this process is one of several.
    """

    def __init__(self, root: Path, shard: tuple[int, int] | None = None) -> None:
        self.root, self.shard, self.session = root, shard, ""
        self._appending: dict[Path, int] = {}

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
        """Hold the run: alone, or as a shard beside the other shards. A killed process leaves no lock.

        Raises:
            StoreError: another process holds it, or the directory cannot be written.
        """
        with ExitStack() as held:
            held.enter_context(lock(self.root, ".lock", shared=self.shard is not None))
            if self.shard:
                held.enter_context(lock(self.root, f".lock{shard_suffix(self.shard)}"))
            held.callback(self.close)
            yield

    def grading(self) -> AbstractContextManager[None]:
        """Wait for, then hold, the right to replace files of grades; any process may ask for it at any time."""
        return lock(self.root, ".lock.grades", wait=True)

    def manifest(self) -> dict[str, Any]:
        """The manifest; those of shards are read as one.

        Raises:
            StoreError: the directory holds no run, or one of another version, or its manifest is damaged.
        """
        found, reasons = [], []
        for path in [self.root / "manifest.json", *sorted(self.root.glob("manifest.shard-*.json"))]:
            if path.is_file():
                try:
                    found.append(repair.read_manifest(path)[0])
                except Damaged as error:
                    reasons.append(f"{path} {error}.")
        if reasons and not found:
            raise StoreError(reasons[0], "Type the same `rast-eval run` command again: it writes it anew.")
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

        Overwriting removes what this process would write, once: until `finish`, the same command continues.

        Raises:
            StoreError: a cell's samples were made with other settings and `overwrite` is off.
        """
        earlier, known = self._earlier(planned)
        _refuse_settings(self.root, planned, facts, earlier, known, overwrite=overwrite)
        overwriting = dict(earlier.get("overwriting", {}))
        for cell in planned if overwrite else ():
            if overwriting.get(cell.name) == cell.fingerprint:
                print(f"{self.root}: {cell.name} goes on where the overwriting stopped.", file=sys.stderr)
            else:
                self._remove(cell)
                overwriting[cell.name] = cell.fingerprint
        own = {**facts, "cells": [cell.to_json() for cell in planned], "sessions": [dict(session)]}
        self.session = str(session.get("id", ""))
        write_json(self.manifest_path, {"schema": SCHEMA, **_joined(earlier, own), "overwriting": overwriting})

    def check_settings(self, planned: Sequence[Cell], facts: Mapping[str, Any], *, overwrite: bool) -> None:
        """Refuse what `begin` would refuse; nothing is written.

        Raises:
            StoreError: as `begin`.
        """
        with suppress(Damaged, FileNotFoundError):
            _refuse_settings(self.root, planned, facts, *repair.read_manifest(self.manifest_path), overwrite=overwrite)

    def note(self, *, status: str | None = None, **facts: Any) -> None:
        """Complete this session's entry in the manifest."""
        manifest, _ = repair.read_manifest(self.manifest_path)
        manifest["sessions"][-1] |= facts
        if status == "complete":
            manifest["overwriting"] = {}
        write_json(self.manifest_path, {**manifest, "status": status or manifest["status"]})

    def settle(self, cell: Cell) -> None:
        """Put a cell in the place of the one that was planned: what it came to."""
        manifest, _ = repair.read_manifest(self.manifest_path)
        place = (cell.arm, cell.benchmark)
        rows = [cell.to_json() if (row["arm"], row["benchmark"]) == place else row for row in manifest["cells"]]
        write_json(self.manifest_path, {**manifest, "cells": rows})

    def _earlier(self, planned: Sequence[Cell]) -> tuple[dict[str, Any], list[Cell]]:
        """This process's earlier manifest and its cells; a damaged one is kept aside, its cells told by the samples."""
        path = self.manifest_path
        if not path.is_file():
            return {}, []
        try:
            return repair.read_manifest(path)
        except Damaged as error:
            cells = repair.rebuild_cells(self.root)
            copy = repair.keep_copy(path)
            asked = {cell.name for cell in planned}
            others = [f"{cell.arm} on {cell.benchmark}" for cell in cells if cell.name not in asked]
            lost = f"; of {', '.join(others)} also {repair.LOST}: their command brings them back" if others else ""
            warnings.warn(
                f"{path} {error}. Kept as {copy.name} and written anew for these cells, whose samples stay; its "
                f"account of earlier commands is lost{lost}.",
                stacklevel=3,
            )
            return {}, cells

    def _remove(self, cell: Cell) -> None:
        every = self.grades_file(cell, "*")
        grades = [] if self.shard else every.parent.glob(every.name)  # other shards' grades stay; ours no longer count
        for path in [*self._own_files(cell), *grades]:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def _own_file(self, cell: Cell) -> Path:
        return self.root / "samples" / cell.arm / f"{cell.benchmark}{shard_suffix(self.shard)}.jsonl"

    def _own_files(self, cell: Cell) -> list[Path]:
        """Files of samples that this process alone may change."""
        own = self._own_file(cell)
        return [path for path in self.sample_files(cell) if self.shard is None or path == own]

    def sample_files(self, cell: Cell) -> list[Path]:
        """Files with samples of the cell, shards included."""
        folder = self.root / "samples" / cell.arm
        whole = folder / f"{cell.benchmark}.jsonl"
        return [*([whole] if whole.is_file() else []), *sorted(folder.glob(f"{cell.benchmark}.shard-*.jsonl"))]

    def resume(self, cell: Cell) -> Iterator[Row]:
        """As `heads`; damaged lines of this process's files are set aside on the way."""
        own = self._own_files(cell)

        def mend(path: Path, damage: Sequence[Damage]) -> None:
            (repair.set_aside if path in own else samples.leave_out)(path, damage)

        return samples.each(self.sample_files(cell), cell, lines.read_head, mend)

    def heads(self, cell: Cell) -> Iterator[Row]:
        """Samples made with the cell's settings, from all shards, without their outputs."""
        return samples.each(self.sample_files(cell), cell, lines.read_head)

    def iter_samples(self, cell: Cell) -> Iterator[Row]:
        """As `heads` with the outputs, one in memory at a time."""
        return samples.each(self.sample_files(cell), cell, lines.read_sample)

    def open_samples(self, cell: Cell) -> OpenSamples:
        """The cell's samples as they are now, to be read in any order."""
        return OpenSamples(self.sample_files(cell), cell)

    def grades_file(self, cell: Cell, scorer: str) -> Path:
        """Where the cell's grades by `scorer` lie."""
        return self.root / "grades" / cell.arm / f"{cell.benchmark}.{scorer}.jsonl"

    def append(self, cell: Cell, request: Request, completion: Completion) -> None:
        """Append one sample and fsync it.

        Raises:
            StoreError: the disk is full or went away; every earlier sample is kept.
        """
        facts = {
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
        }
        path = self._own_file(cell)
        try:
            if path not in self._appending:
                self._appending[path] = append_descriptor(path)
            descriptor = self._appending[path]
            size = os.fstat(descriptor).st_size
            try:
                with uninterrupted():
                    write_all(descriptor, lines.encode_sample(facts, completion.output))
                    os.fsync(descriptor)
            except OSError:
                with suppress(OSError):  # else the next process drops the torn line
                    os.ftruncate(descriptor, size)
                raise
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self) -> None:
        """Close the sample files; whatever was appended is on disk already."""
        for descriptor in self._appending.values():
            with suppress(OSError):
                os.close(descriptor)
        self._appending.clear()


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
    if old.prompt == repair.UNKNOWN:
        return "its damaged manifest no longer says which"
    sampling, own = old.to_json()["sampling"], new.to_json()["sampling"]
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


def _refuse_settings(
    root: Path,
    planned: Sequence[Cell],
    facts: Mapping[str, Any],
    earlier: Mapping[str, Any],
    known: Sequence[Cell],
    *,
    overwrite: bool,
) -> None:
    """Refuse to continue cells with other settings, or to set samples of changed checkpoints beside them.

    Raises:
        StoreError: names the first difference.
    """
    held = {cell.name: cell for cell in known}
    for cell in () if overwrite else planned:
        old = held.get(cell.name)
        if old and old.fingerprint != cell.fingerprint:
            raise StoreError(
                f"{root} holds samples of {cell.arm} on {cell.benchmark} made with other settings "
                f"({_difference(earlier, facts, old, cell)}).",
                "Type another -o DIR, or --overwrite to replace them.",
            )
    for name in held.keys() - ({cell.name for cell in planned} if overwrite else set()):
        _refuse_changed(root, earlier, facts, held[name])


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
