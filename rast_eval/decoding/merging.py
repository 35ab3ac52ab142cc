"""The arm `merge`: Eq. 3 on weights in place of logits, base + Σ λ (expert − antiexpert), as in arXiv 2509.01363.

The sum is written as a checkpoint into the user's cache, so that every backend loads it as it loads any other.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rast_eval import machine
from rast_eval.decoding.fetching import fetch_checkpoint
from rast_eval.decoding.loading import SMALL_FILES
from rast_eval.errors import ModelError, UsageError
from rast_eval.files import new_folder, settle
from rast_eval.inputs import resources
from rast_eval.inputs.hub import is_local
from rast_eval.inputs.identity import identity
from rast_eval.inputs.models import shape_of
from rast_eval.types import ModelRef, System


def check_shapes(system: System) -> None:
    """Refuse a sum of weights whose members have different shapes, as far as shapes are known before loading.

    Raises:
        UsageError: names the two.
    """
    shapes = {ref: replace(s, max_position_embeddings=0) for ref in system.members if (s := shape_of(ref))}
    first = next(iter(shapes), system.base)
    for ref, shape in shapes.items():
        if shape != shapes[first]:
            raise UsageError(
                f"The weights of {first.label} and {ref.label} cannot be added: their shapes differ.",
                "Leave merge out of --arms, or choose a --delta of the base's own size.",
            )


def merge(system: System) -> System:
    """The one checkpoint that the members' weights add up to; made once, in the base's dtype, and then found again.

    Raises:
        ModelError: a member without safetensors, other tensors than the base's, or no room on the disk.
        StoreError: the cache cannot be written.
    """
    facts = [[identity(ref) for ref in system.members], system.weights]
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    folder = resources.cache_folder("merged") / name
    if not folder.is_dir():
        homes = [Path(ref.path) if is_local(ref) else fetch_checkpoint(ref) for ref in system.members]
        tensors = [_tensors(home, ref) for home, ref in zip(homes, system.members, strict=True)]
        need = sum(path.stat().st_size for path in set(tensors[0].values()))
        with new_folder(folder.parent) as made:
            free = machine.free_disk(made)
            if need > free:
                raise ModelError(
                    f"The merged weights take {need / 1e9:.1f} GB, and {folder.parent} has {free / 1e9:.1f} GB free.",
                    "Set XDG_CACHE_HOME to a folder on a larger disk, or leave merge out of --arms.",
                )
            print(f"merging {system.label} into {folder}, {machine.shown_bytes(need)} …", file=sys.stderr, flush=True)
            _write(system, homes[0], tensors, made)
            settle(made, folder)
    return System(ModelRef(str(folder), name=system.label))


def _tensors(home: Path, ref: ModelRef) -> dict[str, Path]:
    """Which file holds which tensor."""
    from safetensors import safe_open

    found: dict[str, Path] = {}
    for path in sorted(home.glob("*.safetensors")):
        if not path.name.startswith("consolidated"):
            with safe_open(path, "pt") as file:
                found |= dict.fromkeys(file.keys(), path)
    if not found:
        raise ModelError(f"{ref.label} has no safetensors to merge.", "Leave merge out of --arms.")
    return found


def _write(system: System, base: Path, tensors: list[dict[str, Path]], folder: Path) -> None:
    """The base's files, tensor by tensor, each with its sum."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    for pattern in SMALL_FILES:
        for path in base.glob(pattern):
            shutil.copy(path, folder)
    with ExitStack() as stack:
        opened: dict[Path, Any] = {
            path: stack.enter_context(safe_open(path, "pt")) for own in tensors for path in set(own.values())
        }
        for shard in sorted(set(tensors[0].values())):
            names = [name for name, path in tensors[0].items() if path == shard]
            added = {name: _added(system, [own.get(name) for own in tensors], opened, name) for name in names}
            save_file(added, folder / shard.name, {"format": "pt"})


def _added(system: System, paths: Sequence[Path | None], opened: Mapping[Path, Any], name: str) -> Any:
    """One tensor's sum, in float64 until it is rounded to the base's dtype: λ = 0 and 1 then give back what went in."""
    rows: list[Any] = [None if path is None else opened[path].get_tensor(name) for path in paths]
    for ref, row in zip(system.members, rows, strict=True):
        if row is None or row.shape != rows[0].shape:
            raise ModelError(
                f"The weights of {system.base.label} and {ref.label} cannot be added: {name} "
                + ("is missing in the second." if row is None else "has another shape in the second."),
                "Leave merge out of --arms.",
            )
    if not rows[0].is_floating_point():
        return rows[0]
    scaled = [weight * row.double() for weight, row in zip(system.weights, rows, strict=True)]
    return sum(scaled[1:], scaled[0]).to(rows[0].dtype)
