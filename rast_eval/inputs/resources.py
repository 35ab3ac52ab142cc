"""Where folders lie: the package's data (benchmarks/, prompts/, results/paper/) and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Folder `name` (`"benchmarks"`, `"prompts"`, `"results/paper"`) of the installed package or checkout.

    In a wheel the folders lie inside the package; in a checkout they lie beside it.
    """
    packaged = _PACKAGE / "data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def embedded_checkpoints() -> Path:
    """Folder of the tiny family's checkpoints, `tiny:NAME` in models.toml."""
    return _PACKAGE / "tiny" / "checkpoints"


def local_data_dir() -> Path | None:
    """`RAST_EVAL_DATA`, the folder of local benchmark files, where it is set."""
    value = os.environ.get("RAST_EVAL_DATA")
    return Path(value) if value else None


def cache_folder(name: str) -> Path:
    """`$XDG_CACHE_HOME/rast-eval/<name>`, by default under ~/.cache; what lies there can be made again."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "rast-eval" / name
