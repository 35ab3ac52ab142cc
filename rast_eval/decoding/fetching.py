"""Fetching weights from the hub before an engine starts, with one progress line for all files of a checkpoint."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rast_eval.decoding.loading import SMALL_FILES, explain
from rast_eval.inputs import hub
from rast_eval.machine import shown_bytes
from rast_eval.types import ModelRef

WEIGHT_SUFFIXES = (".safetensors", ".bin")
"""In the order in which they are preferred; a checkpoint's folder often holds both."""

LOG_EVERY_S = 20.0


def fetch(refs: Iterable[ModelRef]) -> None:
    """Fetch what is not in the hub cache yet; engines find it there.

    Raises:
        ModelError: a checkpoint that cannot be reached, is gated, or for which the disk has no room.
    """
    missing = [ref for ref in refs if not hub.is_cached(ref)]
    if missing:
        hub.reachable()
        hub.check_disk(missing)
    for ref in missing:
        fetch_checkpoint(ref)


def fetch_checkpoint(ref: ModelRef) -> Path:
    """The folder of a hub checkpoint's configurations, tokenizer and weights, fetched where they are not there yet.

    Raises:
        ModelError: absent, gated, or the hub does not deliver it.
    """
    try:
        return _fetch(ref)
    except Exception as error:  # the hub raises many unrelated types
        raise explain(error, ref) from error


def _fetch(ref: ModelRef) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    if constants.HF_HUB_OFFLINE:
        return Path(snapshot_download(ref.path, revision=ref.revision, local_files_only=True))
    # Files at the top only: folders hold the same weights for other programs.
    sizes = {
        file.path: int(file.size)
        for file in HfApi().list_repo_tree(ref.path, revision=ref.revision)
        if hasattr(file, "size") and "/" not in file.path
    }
    names = wanted(list(sizes))
    folder = Path(constants.HF_HUB_CACHE) / f"models--{ref.path.replace('/', '--')}" / "blobs"
    with _progress(f"fetching {ref.label}", folder, sum(sizes[name] for name in names)):
        return Path(snapshot_download(ref.path, revision=ref.revision, allow_patterns=names))


def wanted(names: Sequence[str]) -> list[str]:
    """Of a repository's files the configurations, the tokenizer, and the weights in one format."""
    small = [name for name in names if any(Path(name).match(pattern) for pattern in SMALL_FILES)]
    for suffix in WEIGHT_SUFFIXES:
        weights = [name for name in names if name.endswith(suffix) and not name.startswith("consolidated")]
        if weights:
            return [*small, *weights]
    return small


@contextmanager
def _progress(label: str, folder: Path, total: int) -> Iterator[None]:
    """Show how much of `total` bytes has arrived in `folder`: a bar in a terminal, a line now and then in a log."""
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

    before, done = _bytes_in(folder), threading.Event()

    def arrived() -> int:
        return min(total, max(0, _bytes_in(folder) - before))

    print(f"{label}, {shown_bytes(total)} …", file=sys.stderr, flush=True)
    watch = threading.Thread(target=_bar if sys.stderr.isatty() else _lines, args=(label, total, arrived, done))
    disable_progress_bars()
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()
        enable_progress_bars()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # renamed meanwhile
    return total


def _bar(label: str, total: int, arrived: Callable[[], int], done: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        while not done.wait(0.5):
            bar.update(task, completed=arrived())


def _lines(label: str, total: int, arrived: Callable[[], int], done: threading.Event) -> None:
    started = time.monotonic()
    while not done.wait(LOG_EVERY_S):
        count = arrived()
        left = (total - count) * (time.monotonic() - started) / count if count else 0.0
        line = f"{label}: {shown_bytes(count)} of {shown_bytes(total)}, {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)
