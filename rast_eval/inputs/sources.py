"""Where a benchmark's rows came from and what they were: enough to find them again and to see that they changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rast_eval.inputs import resources
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.benchmarks import canonical_sha256, local_file
from rast_eval.inputs.identity import file_sha256
from rast_eval.types import Problem

OWN_FILES = ("*.yaml", "*.jinja", "models.toml")
"""What is read of a folder given as `--include-path`."""


def describe_rows(
    benchmark: Benchmark, problems: Sequence[Problem], data_dir: Path | None, include_path: Path | None
) -> dict[str, Any]:
    """Source, count and sha256 of all rows as they were loaded, beside those that this version knows.

    `expected_sha256` is null where the rows were never held; `as_known` says whether nothing known contradicts.
    """
    digest = canonical_sha256(problems)
    return {
        "source": _source(benchmark, data_dir or resources.local_data_dir()),
        "data_dir": str(data_dir.resolve()) if data_dir else None,
        "include_path": str(include_path.resolve()) if include_path else None,
        "count": len(problems),
        "expected_count": benchmark.count,
        "sha256": digest,
        "expected_sha256": benchmark.sha256,
        "as_known": len(problems) == benchmark.count and benchmark.sha256 in (None, digest),
    }


def folder_digests(folder: Path | None) -> dict[str, str]:
    """SHA-256 of every file that is read of an `--include-path`, by name."""
    files = sorted(path for pattern in OWN_FILES for path in folder.glob(pattern)) if folder else []
    return {path.name: file_sha256(path) for path in files}


def _source(benchmark: Benchmark, data_dir: Path | None) -> dict[str, Any]:
    if benchmark.generator:
        return {"kind": "generator", **benchmark.generator}
    path = local_file(benchmark, data_dir)
    if path is not None:
        return {"kind": "file", "path": str(path.resolve()), "sha256": file_sha256(path)}
    hub = benchmark.hub
    if hub is None:
        return {"kind": "none"}
    named = {"id": hub.id, "config": hub.config, "split": hub.split, "data_files": list(hub.data_files)}
    return {"kind": "hub", **named, "revision": hub.revision, "commit": _commit(hub.id, hub.revision)}


def _commit(dataset: str, revision: str) -> str | None:
    """The commit that `revision` stood for when the data set was fetched; None where the cache does not know it."""
    from huggingface_hub import constants

    pointer = Path(constants.HF_HUB_CACHE) / f"datasets--{dataset.replace('/', '--')}" / "refs" / revision
    return pointer.read_text(encoding="ascii").strip() if pointer.is_file() else None
