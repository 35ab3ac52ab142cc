"""What is done about damage: lines set aside, a manifest read with care, cells rebuilt from their samples."""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rast_eval.errors import StoreError, UsageError
from rast_eval.files import cannot_write, replacing, sync_folder, write_all
from rast_eval.results import lines
from rast_eval.results.lines import BUFFER_BYTES, Damage, Damaged
from rast_eval.results.samples import Key, key_of
from rast_eval.types import Arm, Cell, ModelRef, Sampling, System

SCHEMA = 2
"""Of the manifest and the lines of samples and grades: docs/run-format.md."""

UNKNOWN = "unknown"
LOST = "models, sampling, prompt and stop strings"
"""What only the manifest says of a cell."""

_NAME = re.compile(r"(?P<benchmark>.+?)(\.shard-\d+-of-\d+)?\.jsonl")


def read_manifest(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    """A manifest and its cells.

    Raises:
        Damaged: it is empty, torn, or lacks what a run's has.
        StoreError: it has another version's format.
    """
    try:
        manifest = json.loads(path.read_bytes() or b"")
        if isinstance(manifest, dict) and manifest.get("schema") != SCHEMA:
            written = f"format {manifest['schema']}" if manifest.get("schema") else "no format"
            raise StoreError(
                f"{path} has {written}, and this version reads format {SCHEMA}.",
                "Read it with the version that wrote it, or type the run command again with another -o DIR.",
            )
        return manifest, [Cell.from_json(row) for row in manifest["cells"]]
    except OSError as error:
        raise Damaged(f"cannot be read ({error.strerror})") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged("is damaged: it is no JSON" if path.stat().st_size else "is damaged: it is empty") from error
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise Damaged(f"lacks what a run's has ({error})".replace("\n", " ")) from error


def keep_copy(path: Path) -> Path:
    """Copy a damaged file to `<file>.damaged`."""
    copy = path.with_name(f"{path.name}.damaged")
    with replacing(copy) as write:
        write(path.read_bytes())
    return copy


def set_aside(path: Path, damage: Sequence[Damage]) -> None:
    """Move damaged lines of a file that this process alone writes to the end of `<file>.damaged`.

    Raises:
        StoreError: it cannot be written; the file is as it was.
    """
    aside = path.with_name(f"{path.name}.damaged")
    bad = {found.place.offset: found.place.length for found in damage}
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            with path.open("rb") as handle:
                for offset, length in bad.items():
                    write_all(descriptor, os.pread(handle.fileno(), length, offset))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(aside.parent)
    except OSError as error:
        raise cannot_write(aside, error) from error
    with replacing(path) as write, path.open("rb", buffering=BUFFER_BYTES) as handle:
        offset = 0
        for line in handle:
            if offset not in bad:
                write(line)
            offset += len(line)
    lines.name_damage(path, damage, f"Set aside in {aside.name}; generated again.")


def rebuild_cells(root: Path) -> list[Cell]:
    """The cells that the samples themselves tell of, with `LOST` unknown; n and problem_count are what is there."""
    keys: dict[tuple[str, str], dict[str, set[Key]]] = defaultdict(lambda: defaultdict(set))
    for path in sorted((root / "samples").glob("*/*.jsonl")):
        name = _NAME.fullmatch(path.name)
        with path.open("rb", buffering=BUFFER_BYTES) as handle:
            for _, row in lines.read_lines(handle, lines.read_head, []):
                if name:
                    keys[path.parent.name, name["benchmark"]][row["fingerprint"]].add(key_of(row))
    cells = []
    for (arm, benchmark), by_fingerprint in keys.items():
        fingerprint, found = max(by_fingerprint.items(), key=lambda item: len(item[1]))
        grades = sorted((root / "grades" / arm).glob(f"{benchmark}.*.jsonl"))
        scorer = grades[0].name.removeprefix(f"{benchmark}.").removesuffix(".jsonl") if grades else UNKNOWN
        n, problems = 1 + max(sample for _, sample in found), len({problem for problem, _ in found})
        with suppress(UsageError):  # a folder or file that no run made
            cells.append(
                Cell(
                    arm=Arm(arm),
                    system=System(ModelRef(UNKNOWN)),
                    benchmark=benchmark,
                    scorer=scorer,
                    sampling=Sampling(math.nan, math.nan, 0),
                    prompt=UNKNOWN,
                    stop=(),
                    n=n,
                    problem_count=problems,
                    fingerprint=fingerprint,
                )
            )
    return cells
