"""What this machine has: memory, cards, disk. Asked without torch, so that no process holds a card for asking."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rast_eval.errors import BackendError

CARD_BYTES = 80 * 10**9
"""The card that plans are made for where this machine has none."""

QUERY = ("index", "uuid", "name", "memory.total", "memory.free", "compute_cap", "driver_version")


@dataclass(frozen=True)
class Card:
    """One visible GPU.

    Attributes:
        total, free: bytes of its memory.
        capability: compute capability, (9, 0) for Hopper.
        driver: version of the NVIDIA driver.
    """

    index: int
    uuid: str
    name: str
    total: int
    free: int
    capability: tuple[int, int]
    driver: str


@cache
def cards() -> tuple[Card, ...]:
    """The NVIDIA cards that CUDA_VISIBLE_DEVICES leaves visible, in its order; none without a driver.

    Raises:
        BackendError: there is a driver, and it does not answer.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        told = (done.stdout + done.stderr).strip()
        if "No devices were found" in told:
            return ()
        if done.returncode != 0:
            raise ValueError(told)
        rows = [[value.strip() for value in row] for row in csv.reader(done.stdout.splitlines()) if row]
        found = [_card(dict(zip(QUERY, row, strict=True))) for row in rows]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BackendError(
            f"The NVIDIA driver of this machine cannot be used: {first.removesuffix('.')}.",
            "Mend it until `nvidia-smi` lists the cards, or type --backend hf to run on the CPU.",
        ) from error
    return _visible(tuple(found), os.environ.get("CUDA_VISIBLE_DEVICES"))


def _card(row: dict[str, str]) -> Card:
    major, _, minor = row["compute_cap"].partition(".")
    mebibytes = {key: int(row[key]) << 20 for key in ("memory.total", "memory.free")}
    capability = (int(major), int(minor or 0))
    memory = mebibytes["memory.total"], mebibytes["memory.free"]
    return Card(int(row["index"]), row["uuid"], row["name"], *memory, capability, row["driver_version"])


def _visible(found: tuple[Card, ...], named: str | None) -> tuple[Card, ...]:
    if named is None:
        return found
    chosen = []
    for name in filter(None, (part.strip() for part in named.split(","))):
        matching = [card for card in found if name == str(card.index) or card.uuid.startswith(name)]
        if not matching:
            break  # as CUDA does: what follows an unknown device is invisible
        chosen.append(matching[0])
    return tuple(chosen)


def card_bytes() -> int | None:
    """Memory of the smallest visible card; None on a machine without any."""
    return min((card.total for card in cards()), default=None)


def main_memory() -> int:
    """Bytes of main memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def available_memory() -> int:
    """Bytes of main memory that nobody uses."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def existing_parent(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def free_disk(path: Path) -> int:
    """Bytes free on the disk that holds `path`, which need not exist yet."""
    return shutil.disk_usage(existing_parent(path)).free


def shown_bytes(count: float) -> str:
    """`124.6 GB`, `3.1 MB`, `512 B`; decimal units."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"
