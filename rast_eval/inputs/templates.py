"""Jinja for templates that strangers wrote: nothing outside the given names is reached, and nothing runs on and on.

jinja's immutable sandbox keeps a template from Python's internals and from changing what it is given. Beside it stand
bounds on CPU time, memory and length, which hold for a tokenizer's chat template too where a template calls it. CPU
time and memory are bounded on the main thread (memory on Linux only); elsewhere only the length is.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS = 5.0
MEMORY_BYTES = 1 << 30
"""What a rendering may add to the memory of this process."""
CHARACTERS = 4_000_000
EXPONENT = 1000


class TemplateError(Exception):
    """A template that cannot be rendered; its text says why."""


class _TimeIsUp(BaseException):
    """No `except Exception` on the way catches it."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """A power, which no signal interrupts."""
        if not -EXPONENT <= right <= EXPONENT:
            raise SecurityError(f"the exponent {right} is too large")
        return super().call_binop(context, operator, left, right)


def render(source: str, **names: Any) -> str:
    """The text that a template makes of `names`.

    Raises:
        TemplateError: it asks for something it may not have or that does not exist, goes over a bound, or raises.
    """
    try:
        with _bounded():
            text = _compiled(source).render(names)
    except _TimeIsUp:
        raise TemplateError(f"it takes more than {CPU_SECONDS:g} s") from None
    except MemoryError:
        raise TemplateError(f"it takes more than {MEMORY_BYTES >> 20} MB") from None
    except RecursionError:
        raise TemplateError("it calls itself without end") from None
    if len(text) > CHARACTERS:
        raise TemplateError(f"it makes more than {CHARACTERS} characters")
    return text


@lru_cache(maxsize=16)
def _compiled(source: str) -> Template:
    environment = _Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(source)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    running = True

    def end(signum: int, frame: FrameType | None) -> None:
        if running:
            raise _TimeIsUp

    earlier = signal.signal(signal.SIGVTALRM, end)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    try:
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
            most = pages * resource.getpagesize() + MEMORY_BYTES
            soft = most if limits[0] == resource.RLIM_INFINITY else min(most, limits[0])
            resource.setrlimit(resource.RLIMIT_AS, (soft, limits[1]))
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)
        resource.setrlimit(resource.RLIMIT_AS, limits)
