"""Child side of the worker pool: a parent of workers that has loaded the handler once, and the workers it forks.

The pool talks to the forker over one socket and to each worker over another; frames are JSON behind a four-byte
length. A worker arms a CPU timer before each task and leaves the signal at its default action, so that the kernel
ends it at the budget even inside one long big-number operation, where no Python handler would run.
"""

from __future__ import annotations

import array
import contextlib
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from rast_eval.errors import RastEvalError

Handler = Callable[[Any], Any]

TIMEOUT_SIGNAL = signal.SIGPROF
_LENGTH = struct.Struct("!I")


def send_frame(connection: socket.socket, message: Any) -> None:
    """Write one message; lone surrogates survive, because JSON's escapes carry them."""
    payload = json.dumps(message).encode("ascii")
    connection.sendall(_LENGTH.pack(len(payload)) + payload)


def receive_frame(connection: socket.socket) -> Any:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    return json.loads(_receive_exactly(connection, length))


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        try:
            chunk = connection.recv(min(size - len(chunks), 1 << 20))
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise EOFError
        chunks += chunk
    return bytes(chunks)


def fork_on_demand(control: socket.socket, handler: Handler, cpu_seconds: float, memory_bytes: int) -> None:
    """Fork a worker for each socket that arrives; answer each other message (a pid) with that worker's wait status."""
    while True:
        message, ancillary, _, _ = control.recvmsg(4, socket.CMSG_SPACE(4))
        if not message:
            break
        if not ancillary:
            _, status = os.waitpid(int.from_bytes(message, "big"), 0)
            control.sendall(status.to_bytes(4, "big"))
            continue
        (descriptor,) = array.array("i", ancillary[0][2])
        pid = os.fork()
        if pid == 0:
            control.close()
            with socket.socket(fileno=descriptor) as connection:
                _serve(connection, handler, cpu_seconds, memory_bytes)
            os._exit(0)
        os.close(descriptor)
        control.sendall(pid.to_bytes(4, "big"))
    with contextlib.suppress(ChildProcessError):
        while True:  # so that the workers' CPU time is counted to the pool's process
            os.waitpid(-1, 0)


def _serve(connection: socket.socket, handler: Handler, cpu_seconds: float, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS refuses to limit the address space
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError):
        while True:
            for task in receive_frame(connection):
                send_frame(connection, _attempt(handler, task, cpu_seconds))


def _attempt(handler: Handler, task: Any, cpu_seconds: float) -> tuple[str, Any, float]:
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        status, value = "ok", handler(task)
    except Exception as error:
        status, value = "error", type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return status, value, time.process_time() - started


def main(descriptor: str, handler: str, cpu_seconds: str, memory_bytes: str, warm_up: str) -> None:
    """Load the handler, warm up, and serve until the pool goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    function = _load(handler)
    try:
        if warm_up:
            _load(warm_up)()
    except RastEvalError as error:
        sys.exit(str(error))
    with socket.socket(fileno=int(descriptor)) as control:
        fork_on_demand(control, function, float(cpu_seconds), int(memory_bytes))


def _load(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded
