"""A disk that fills up: the system calls that need room fail from the N-th on, the writing one after half its bytes."""

import errno
import os
from collections.abc import Callable

import pytest

from rast_eval.errors import StoreError

CALLS = ("write", "fsync", "mkdir", "open", "replace")


def error_when_full(number: int, action: Callable[[], None]) -> tuple[StoreError | None, list[str]]:
    """What `action` raises when its calls from `number` (counted from 0) on fail, and the calls that needed room."""
    seen: list[str] = []

    def failing(name, real):
        def call(*args, **kwargs):
            if name == "open" and not (len(args) > 1 and args[1] & os.O_CREAT):
                return real(*args, **kwargs)
            seen.append(name)
            if len(seen) <= number:
                return real(*args, **kwargs)
            if name == "write" and len(seen) == number + 1 and len(args[1]) > 1:
                return real(args[0], bytes(args[1])[: len(args[1]) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, failing(name, getattr(os, name)))
        try:
            action()
        except StoreError as caught:
            error = caught
        else:
            error = None
    if error is not None:
        assert "disk is full" in error.message
        assert len(error.message.splitlines()) == len(error.hint.splitlines()) == 1
    return error, seen
