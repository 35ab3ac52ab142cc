"""What surrounds the start of an engine: quiet logs, and a failure told in two sentences."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rast_eval.decoding.checks import not_finite
from rast_eval.errors import BackendError, ModelError, OutOfMemory, RastEvalError, UsageError
from rast_eval.types import ModelRef

MEMORY_SIGNS = re.compile(
    r"out of memory|OutOfMemory|No available memory for the cache blocks|less than desired \w+ memory utilization"
    r"|KV cache is needed|larger than the available KV cache memory|can't allocate memory|Cannot allocate memory"
    r"|available_memory|is less than requested memory|maximum number of tokens that can be stored in KV cache",
    re.IGNORECASE,
)
STACK = re.compile(rb"\((?:EngineCore|Worker)\S* pid=\d+\) ERROR ")
DEATH = re.compile(rb"(\(EngineCore\S* pid=\d+\) )?Process EngineCore")
"""Of the engine's process; after it comes the stack once more."""
NOT_FINITE = re.compile(r"The logits of (.+?) are not finite")
VLLM_NANS = "NaNs detected in logits"
"""What vLLM says by itself of a model that is no composite, where `VLLM_RAISE_ON_LOGIT_NANS` is set."""
NO_DRAFTS = "Cannot inspect kernel parameters"
"""What vLLM 0.30 says on a CPU when it shall check drafted tokens: that needs Triton."""
LAST_ERROR = re.compile(r"\b(\w+(?:Error|Exception)): (.+)")


def set_environment(*, on_cpu: bool, processes: int) -> None:
    """Settings that vLLM reads from the environment; what the user has set stays.

    Args:
        processes: workers that share this machine: tensor × pipeline parallel size.
    """
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    if on_cpu and processes > 1:
        # vLLM binds each worker to a NUMA node of its own, and few machines have more than one.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    if on_cpu:
        # One process starts in a third of the time, and no GPU has to be kept busy meanwhile.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for the processes that start meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


class LogTail:
    """The last lines that this process's children wrote to stderr.

    They are passed on as they come, all but what vLLM logs as an error with its stack: `explain` says that in a
    sentence, or `release` shows it.
    """

    def __init__(self, lines: int = 400) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._held: deque[str] = deque(maxlen=lines)
        self._source: int | None = None
        self._reading = threading.Lock()

    @property
    def text(self) -> str:
        """Everything that was kept of what has been written by now."""
        while True:
            with self._reading:
                if self._source is None or not _waiting(self._source):
                    return "".join(self._lines)
            time.sleep(0.001)

    def release(self) -> None:
        """Pass on what was held back."""
        sys.stderr.write("".join(self._held))
        self._held.clear()

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Route file descriptor 2 through this object; children started meanwhile keep the route."""
        sys.stderr.flush()
        terminal = os.dup(2)
        self._source, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(write_end)
        threading.Thread(target=self._pump, args=(self._source, os.dup(terminal)), daemon=True).start()
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)

    def _pump(self, source: int, sink: int) -> None:
        line, is_dying = b"", False
        while self._source is not None:
            select.select([source], [], [])
            with self._reading:
                chunk = os.read(source, 65536)
                self._lines.extend(chunk.decode(errors="replace").splitlines(keepends=True))
                *whole, line = (line + chunk).split(b"\n")
                passed = b""
                for each in whole:
                    is_dying = is_dying or bool(DEATH.match(each))
                    if is_dying or STACK.match(each):
                        self._held.append(each.decode(errors="replace") + "\n")
                    else:
                        passed += each + b"\n"
                if not (chunk and line.startswith(b"(")):  # the end, or part of a progress bar
                    passed, line = passed + line, b""
                with suppress(OSError):
                    os.write(sink, passed)
                if not chunk:
                    self._source = None
        os.close(source)
        os.close(sink)


def _waiting(pipe: int) -> int:
    """Bytes that a pipe holds."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)


def explain(error: BaseException, log: str, members: Sequence[ModelRef] = ()) -> RastEvalError:
    """The user's view of why vLLM could not start or go on.

    Args:
        error: what reached this process; with worker processes it often says no more than "see above".
        log: what those processes wrote.
        members: which they call by their hub id or folder.
    """
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    text = "\n".join(causes) + "\n" + log
    if isinstance(error, MemoryError) or MEMORY_SIGNS.search(text):
        return OutOfMemory(
            "The weights or the KV cache do not fit into memory.",
            "Lower --max-model-len or --max-num-seqs, change --gpu-memory-utilization (a share of each device), "
            "or raise --tensor-parallel-size.",
        )
    if broken := explain_logits(text, members):
        return broken
    if NO_DRAFTS in text:
        return UsageError(
            "This vLLM's build for CPUs cannot check drafted tokens.", "Leave out --speculate, or install vLLM 0.32."
        )
    logged = [f"{kind}: {message}" for kind, message in LAST_ERROR.findall(log) if "See root cause" not in message]
    reason = causes[0] if "root cause" not in causes[0] or not logged else logged[-1]
    return BackendError(
        f"vLLM failed: {reason.strip().splitlines()[0].removesuffix('.')}.",
        "Set VLLM_LOGGING_LEVEL=INFO and repeat to see its log, or type `rast-eval doctor`.",
    )


def explain_logits(text: str, members: Sequence[ModelRef]) -> ModelError | None:
    """The error for members whose logits were not finite, if that is what the text of an engine's processes says."""
    if broken := NOT_FINITE.search(text):
        labels = {str(Path(ref.path).resolve()) if Path(ref.path).is_dir() else ref.key: ref.label for ref in members}
        return not_finite([labels.get(name, name) for name in broken[1].split(" and ")])
    return not_finite([ref.label for ref in members]) if VLLM_NANS in text else None
