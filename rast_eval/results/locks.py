"""Advisory file locks: who may write in a run directory. A killed process leaves none."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rast_eval.errors import StoreError
from rast_eval.files import cannot_write, make_folder


@contextmanager
def lock(folder: Path, name: str, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `name` of a folder, which is made.

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
