"""What surrounds the start of an engine: quiet logs, and a failure told in two sentences."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rast_eval.errors import BackendError, OutOfMemory, RastEvalError

MEMORY_SIGNS = re.compile(
    r"out of memory|OutOfMemory|No available memory for the cache blocks|less than desired \w+ memory utilization"
    r"|KV cache is needed|larger than the available KV cache memory|can't allocate memory|Cannot allocate memory"
    r"|available_memory|is less than requested memory|maximum number of tokens that can be stored in KV cache",
    re.IGNORECASE,
)
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
    """The last lines that this process's children wrote to stderr; they are passed on as they come."""

    def __init__(self, lines: int = 400) -> None:
        self._lines: deque[str] = deque(maxlen=lines)

    @property
    def text(self) -> str:
        """Everything that was kept."""
        return "".join(self._lines)

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Route file descriptor 2 through this object; children started meanwhile keep the route."""
        sys.stderr.flush()
        terminal = os.dup(2)
        read_end, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(write_end)
        threading.Thread(target=self._pump, args=(read_end, os.dup(terminal)), daemon=True).start()
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)

    def _pump(self, source: int, sink: int) -> None:
        with os.fdopen(source, "rb", buffering=0) as reader, os.fdopen(sink, "wb", buffering=0) as writer:
            while chunk := reader.read(65536):
                self._lines.extend(chunk.decode(errors="replace").splitlines(keepends=True))
                try:
                    writer.write(chunk)
                except OSError:
                    return


def explain(error: BaseException, log: str) -> RastEvalError:
    """The user's view of why vLLM could not start or go on.

    Args:
        error: what reached this process; with worker processes it often says no more than "see above".
        log: what those processes wrote.
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
    logged = [f"{kind}: {message}" for kind, message in LAST_ERROR.findall(log) if "See root cause" not in message]
    reason = causes[0] if "root cause" not in causes[0] or not logged else logged[-1]
    return BackendError(
        f"vLLM failed: {reason.strip().splitlines()[0].removesuffix('.')}.",
        "Set VLLM_LOGGING_LEVEL=INFO and repeat to see its log, or type `rast-eval doctor`.",
    )
