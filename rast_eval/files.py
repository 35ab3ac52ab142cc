"""Files and folders that are whole or not there: written under another name, renamed, and synced.

    replace_file(run / "report.md", text)
    with replacing(run / "grades.jsonl") as write:
        write(line)
    with new_folder(cache) as made:
        fill(made)
        settle(made, cache / "name")

Nothing is buffered in this process, so an error appears at the write that met it and never again at a close.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rast_eval.errors import StoreError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or of a user's share of it, without room."""


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The sentence for a file that could not be written."""
    if error.errno in FULL:
        hint = "Everything written before is kept: make room, then type the same command again."
        return StoreError(f"{path} cannot be written: the disk is full.", hint)
    hint = "Everything written before is kept: mend that or type another folder, then repeat the command."
    return StoreError(f"{path} cannot be written: {error.strerror}.", hint)


INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off what would interrupt this thread until the block is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each synced into its parent.

    Raises:
        OSError: it cannot be made.
    """
    if not path.is_dir():
        make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir()
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make new names in a folder survive a power cut, where its file system can."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however few the system takes at once.

    Raises:
        OSError: as `os.write`; a part of `data` may have been written.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that takes the new content; the file is replaced in one step when the block ends well.

    The temporary name is this call's own, so processes on any machine can write the same file: the last one wins.

    Raises:
        StoreError: it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        make_folder(path.parent)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            yield lambda data: write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def replace_file(path: Path, content: str | bytes) -> None:
    """Replace a file by `content`, text as UTF-8.

    Raises:
        StoreError: it cannot be written; the old file is as it was.
    """
    with replacing(path) as write:
        write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file; see `replace_file`."""
    replace_file(path, json.dumps(value, indent=1, default=str) + "\n")


def append_descriptor(path: Path) -> int:
    """A descriptor that appends whole lines; what a killed process wrote after its last one is cut.

    Raises:
        OSError: the file cannot be opened for writing.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        end = size = os.fstat(descriptor).st_size
        while end:
            start = max(0, end - 65536)
            newline = os.pread(descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(descriptor, end)
        sync_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def lock(folder: Path, name: str, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `name` of a folder, which is made; a killed process holds none.

    Args:
        shared: beside others that hold it shared.
        wait: until it is free; else a held lock is refused.

    Raises:
        StoreError: another process holds it, or the folder cannot be written.
    """
    try:
        make_folder(folder)
        handle = (folder / name).open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with handle:
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"Another process is writing to {folder}.", "Wait for it to end, or type another -o DIR."
            ) from error
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """An empty folder to fill and then `settle` under `parent`, which is made; what is not settled is removed.

    What killed processes left of theirs is removed first, however large: a living one holds a lock beside its own.

    Raises:
        StoreError: it cannot be written.
    """
    scratch = parent / f".new-{secrets.token_hex(6)}"
    with ExitStack() as held:
        with lock(parent, ".lock", wait=True):
            for left in parent.glob(".new-*"):
                with suppress(StoreError), lock(left, "lock"):
                    shutil.rmtree(left, ignore_errors=True)
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            held.enter_context(lock(scratch, "lock"))
        make_folder(scratch / "made")
        yield scratch / "made"


def settle(made: Path, target: Path) -> None:
    """Give a folder that `new_folder` made its name in one step; where another process was faster, its own stays.

    Raises:
        StoreError: it cannot be renamed.
    """
    try:
        made.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        if not target.is_dir():
            raise cannot_write(target, error) from error
