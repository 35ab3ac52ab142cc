"""The outer half of the sandbox: starts the fork server, hands it programs, reads data back, replaces it in doubt."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rast_eval.errors import SandboxError
from rast_eval.scoring.code.sandbox import bwrap

F_SETPIPE_SZ = 1031
PIPE_BYTES = 1 << 20
"""A large pipe saves thousands of turns between the two sides on outputs of 100 MB."""

Why = Literal["exited", "time", "aborted", "output", "files", "lost"]


@dataclass(frozen=True)
class Limits:
    """Seconds of a program's own time (wall time less waiting for a CPU) and its sizes in bytes.

    Attributes:
        load: from the start until the first call.
        call: each call; `special` holds calls with another limit, by index.
        total: the whole execution.
        output: bytes on the result pipe.
        memory: address space of the process.
    """

    load: float = 10.0
    call: float = 4.0
    total: float = 62.0
    special: dict[str, float] = field(default_factory=dict)
    output: int = 64 << 20
    memory: int = 4 << 30
    file_size: int = 16 << 20


@dataclass(frozen=True)
class Execution:
    """One program with its inputs. Never anything that was expected of it.

    Attributes:
        payload: what `inside/harness.py` reads: a line of JSON, then the inputs as tagged JSON.
        stdin: bytes for a real pipe on descriptor 0, for programs.
    """

    payload: bytes
    limits: Limits
    stdin: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """How an execution ended; what it returned went to `consume` on the way.

    Attributes:
        why: `exited` by itself; out of `time`; `aborted` by `consume`; too much `output` or too many `files`;
            `lost`: the sandbox itself had to be killed.
        code: exit code, negative for a signal; None when lost.
        seconds: own time.
        started: calls begun, as far as the candidate can be believed.
    """

    why: Why
    code: int | None
    seconds: float
    started: int = 0


class Sandbox:
    """A fork server, inside bubblewrap unless `unsafe`. Use from one thread at a time.

    The fork server ends with the thread that started it, by `start` or the first `run`.

    Raises:
        SandboxError: bubblewrap is missing or unusable (and not `unsafe`), or the fork server does not start.
    """

    def __init__(self, unsafe: bool = False) -> None:
        if not unsafe:
            bwrap.require_bwrap()  # raised again here for those who come without a scorer
        self._unsafe = unsafe
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._greeted = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, patience: float = 2.0) -> None:
        """End the fork server, after `patience` seconds by force, and with it everything in its namespace."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._channel = None
        self._greeted = False

    def start(self) -> None:
        """Start the fork server without waiting for it, so that it gets ready beside other work; `run` does both."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        build = bwrap.bare_command if self._unsafe else bwrap.command
        self._process = subprocess.Popen(
            build(theirs.fileno()),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=bwrap.ENVIRONMENT,
            cwd="/",
        )
        theirs.close()
        ours.settimeout(60)
        self._channel = ours

    def _ready(self) -> socket.socket:
        if self._channel is None:
            self.start()
        assert self._channel is not None
        if not self._greeted:
            with contextlib.suppress(OSError):
                self._greeted = bool(self._channel.recv(100))
        if not self._greeted:
            self.close()
            raise SandboxError(
                "The sandbox does not start on this machine.",
                "`rast-eval doctor` shows what is missing; --unsafe-code-execution goes without it.",
            )
        return self._channel

    def run(self, execution: Execution, consume: Callable[[bytes], bool]) -> Outcome:
        """Run a program, passing each piece of its output to `consume` until that returns False, which aborts it."""
        channel = self._ready()
        payload = os.memfd_create("execution")
        results, their_results = os.pipe2(os.O_CLOEXEC)
        lent, feed = [payload, their_results], None
        with contextlib.suppress(OSError):  # beyond the user's quota the pipe stays small
            fcntl.fcntl(results, F_SETPIPE_SZ, PIPE_BYTES)
        try:
            try:
                _write_all(payload, execution.payload)
                if execution.stdin is not None:
                    their_stdin, stdin = os.pipe2(os.O_CLOEXEC)
                    lent.append(their_stdin)
                    feed = _Feed(stdin, execution.stdin)
                socket.send_fds(channel, [_header(execution.limits)], lent)
            except OSError:
                self.close()
                return Outcome("lost", None, 0.0)
            finally:
                for descriptor in lent:
                    os.close(descriptor)
            return self._follow(channel, results, feed, execution.limits, consume)
        finally:
            os.close(results)
            if feed is not None:
                feed.close()

    def _follow(
        self,
        channel: socket.socket,
        results: int,
        feed: _Feed | None,
        limits: Limits,
        consume: Callable[[bytes], bool],
    ) -> Outcome:
        deadline = time.monotonic() + 5 * limits.total + 60
        left, wanted, overflow = limits.output, True, False
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(results, selectors.EVENT_READ)
            if feed is not None:
                selector.register(feed.fd, selectors.EVENT_WRITE)
            report: dict[str, object] | None = None
            while report is None:
                ready = {key.fd for key, _ in selector.select(max(deadline - time.monotonic(), 0))}
                if not ready:
                    self.close(patience=0)
                    return Outcome("lost", None, limits.total)
                if feed is not None and feed.fd in ready and not feed.push():
                    selector.unregister(feed.fd)
                    feed.close()
                if results in ready:
                    piece = os.read(results, PIPE_BYTES)
                    left -= len(piece)
                    if not piece:
                        selector.unregister(results)
                    elif wanted and left < 0:
                        wanted, overflow = False, True
                        self._abort(channel)
                    elif wanted and not consume(piece):
                        wanted = False
                        self._abort(channel)
                elif channel.fileno() in ready:
                    try:
                        message = channel.recv(1 << 16)
                    except OSError:
                        message = b""
                    if not message:
                        self.close()
                        return Outcome("lost", None, 0.0)
                    report = json.loads(message)
        while wanted and (piece := os.read(results, PIPE_BYTES)):  # every writer is dead: this ends
            left -= len(piece)
            if left < 0:
                wanted, overflow = False, True
            elif not consume(piece):
                wanted = False
        if not report["clean"]:
            self.close()
        why = "output" if overflow else report["why"]
        return Outcome(why, report["code"], report["own"], report["started"])  # type: ignore[arg-type]

    @staticmethod
    def _abort(channel: socket.socket) -> None:
        with contextlib.suppress(OSError):  # if the fork server is gone, the next read will show it
            channel.send(b"abort")


class _Feed:
    """Writes to a pipe what fits, whenever it fits."""

    def __init__(self, fd: int, data: bytes) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._left = memoryview(data)

    def push(self) -> bool:
        """Whether more is to come."""
        try:
            while self._left:
                self._left = self._left[os.write(self.fd, self._left) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return False

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def _header(limits: Limits) -> bytes:
    seconds = {"load": limits.load, "call": limits.call, "total": limits.total, "special": limits.special}
    return json.dumps({"limits": seconds, "memory": limits.memory, "file_size": limits.file_size}).encode()


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
