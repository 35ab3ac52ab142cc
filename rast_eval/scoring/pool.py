"""A pool of worker processes that can be killed: each task has a CPU-time budget, each worker a memory cap.

The budget counts CPU time and not wall time, so that a busy machine changes no grade. Workers are forked from one
process that has loaded the handler's libraries, found where this process finds its own, so replacing a killed one costs
milliseconds. The handler sees JSON values and returns one. Results come back in the order of the tasks, whatever the
number of workers.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rast_eval.errors import BackendError
from rast_eval.scoring.worker import TIMEOUT_SIGNAL, receive_frame, send_frame

CPU_SECONDS = 3.0
MEMORY_BYTES = 2 << 30
WALL_SECONDS = 180.0
_START = """
import os, sys
sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from rast_eval.scoring.worker import main
main(*sys.argv[1:])
"""
_FROM_OUTSIDE = frozenset({"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"})
"""Signals that others send: another user, a batch system, a kernel short of memory. Our own limits send none of them
without our knowing."""
_CHUNK_TASKS = 64
_CHUNK_CHARACTERS = 1 << 19


@dataclass(frozen=True)
class Outcome:
    """What became of one task.

    Attributes:
        status: `ok`; `timeout`: over the CPU budget or the wall ceiling; `error`: it raised, or the worker died; where
            the worker was killed from outside, it died with the same task a second time.
        value: the handler's result, None unless `ok`.
        error: name of the exception, or of the signal that ended the worker.
        seconds: CPU seconds used; the budget for a timeout.
    """

    status: Literal["ok", "timeout", "error"]
    value: Any = None
    error: str = ""
    seconds: float = 0.0


@dataclass(eq=False)
class _Worker:
    connection: socket.socket
    pid: int
    pending: deque[int] = field(default_factory=deque)
    deadline: float = 0.0


class WorkerPool:
    """Reusable workers for one handler, started when first needed.

    Args:
        handler: `"package.module:function"`, called with one task in the worker.
        workers: processes; None for the number of usable cores.
        cpu_seconds: CPU time a task may use.
        memory_bytes: address space a worker may use; beyond it the handler sees MemoryError.
        wall_seconds: a last resort for a worker that uses no CPU time: it is killed when a task lasts this long.
        warm_up: `"package.module:function"`, called once before the workers are forked, outside every budget.
    """

    def __init__(
        self,
        handler: str,
        workers: int | None = None,
        cpu_seconds: float = CPU_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        wall_seconds: float = WALL_SECONDS,
        warm_up: str | None = None,
    ) -> None:
        self.workers = workers or usable_cores()
        self._arguments = (handler, str(cpu_seconds), str(memory_bytes), warm_up or "")
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._forker: subprocess.Popen[bytes] | None = None
        self._idle: list[_Worker] = []

    def map(self, tasks: Sequence[Any]) -> list[Outcome]:
        """Run every task; never raises for what a task does.

        Raises:
            BackendError: the worker processes cannot be started.
        """
        outcomes: list[Outcome | None] = [None] * len(tasks)
        repeated: set[int] = set()
        chunks = deque(_chunks(tasks, self.workers))
        busy: set[_Worker] = set()
        with selectors.DefaultSelector() as selector:
            while chunks or busy:
                while chunks and len(busy) < self.workers:
                    worker = self._idle.pop() if self._idle else self._start_worker()
                    self._submit(worker, chunks.popleft(), tasks)
                    selector.register(worker.connection, selectors.EVENT_READ, worker)
                    busy.add(worker)
                ready = {key.data for key, _ in selector.select(timeout=1.0)}
                for worker in ready or {one for one in busy if time.monotonic() > one.deadline}:
                    outcome, alive = self._collect(worker) if worker in ready else self._kill(worker)
                    index = worker.pending.popleft()
                    if outcome.error in _FROM_OUTSIDE and not alive and index not in repeated:
                        repeated.add(index)
                        worker.pending.appendleft(index)
                    outcomes[index] = outcome
                    if alive and worker.pending:
                        worker.deadline = time.monotonic() + self._wall_seconds
                        continue
                    selector.unregister(worker.connection)
                    busy.remove(worker)
                    if alive:
                        self._idle.append(worker)
                    else:
                        worker.connection.close()
                        if worker.pending:
                            chunks.appendleft(worker.pending)
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        """End all workers."""
        if self._forker is not None:
            self._finalizer()
            self._forker = None

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _start_worker(self) -> _Worker:
        if self._forker is None:
            self._start_forker()
        ours, theirs = socket.socketpair()
        with theirs:
            return _Worker(ours, self._ask(b"fork", theirs.fileno()))

    def _start_forker(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._forker = subprocess.Popen(
                [sys.executable, "-c", _START, os.pathsep.join(sys.path), str(theirs.fileno()), *self._arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONHASHSEED": "0"},
            )
        self._finalizer = weakref.finalize(self, _end, self._forker, self._control, self._idle)

    def _ask(self, message: bytes, *descriptors: int) -> int:
        try:
            socket.send_fds(self._control, [message], descriptors)
            answer = self._control.recv(4, socket.MSG_WAITALL)
        except OSError:
            answer = b""
        if len(answer) < 4:
            self.close()
            raise BackendError(
                "The process that forks the grading workers did not start, or was ended from outside.",
                "The lines above say why, if any; else type the same command again.",
            )
        return int.from_bytes(answer, "big")

    def _submit(self, worker: _Worker, indices: Sequence[int], tasks: Sequence[Any]) -> None:
        worker.pending = deque(indices)
        worker.deadline = time.monotonic() + self._wall_seconds
        with contextlib.suppress(BrokenPipeError, ConnectionError):  # seen as its end when its answer is read
            send_frame(worker.connection, [tasks[index] for index in indices])

    def _collect(self, worker: _Worker) -> tuple[Outcome, bool]:
        try:
            status, value, seconds = receive_frame(worker.connection)
        except EOFError:
            return self._post_mortem(worker), False
        if status == "ok":
            return Outcome("ok", value, seconds=seconds), True
        return Outcome("error", error=value, seconds=seconds), True

    def _kill(self, worker: _Worker) -> tuple[Outcome, bool]:
        os.kill(worker.pid, signal.SIGKILL)
        self._post_mortem(worker)
        return Outcome("timeout", error="wall", seconds=self._cpu_seconds), False

    def _post_mortem(self, worker: _Worker) -> Outcome:
        status = self._ask(worker.pid.to_bytes(4, "big"))
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == TIMEOUT_SIGNAL:
            return Outcome("timeout", seconds=self._cpu_seconds)
        reason = (
            signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        )
        return Outcome("error", error=reason)


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(tasks: Sequence[Any], workers: int) -> Iterator[list[int]]:
    """Indices of `tasks` in chunks small enough to share out evenly and to fit a worker's memory."""
    most = max(1, min(_CHUNK_TASKS, len(tasks) // (workers * 4)))
    chunk: list[int] = []
    characters = 0
    for index, task in enumerate(tasks):
        chunk.append(index)
        characters += _characters(task)
        if len(chunk) >= most or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _characters(task: Any) -> int:
    if isinstance(task, str):
        return len(task)
    return sum(map(_characters, task)) if isinstance(task, list | tuple) else 0


def _end(forker: subprocess.Popen[bytes], control: socket.socket, idle: list[_Worker]) -> None:
    for worker in idle:
        worker.connection.close()
    idle.clear()
    control.close()
    try:
        forker.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        forker.kill()
        forker.wait()
