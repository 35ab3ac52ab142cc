"""Tasks over several sandboxes; what ran out of time is tried once more, alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from rast_eval.scoring.code.sandbox.client import Sandbox

T = TypeVar("T")


def run_pool(
    tasks: Sequence[Callable[[Sandbox], T]],
    timed_out: Callable[[T], bool],
    workers: int | None = None,
    unsafe: bool = False,
) -> list[T]:
    """Results in the order of `tasks`, each run in the sandbox of some worker.

    A result that is `timed_out` counts only if it is so again with no other task running, whatever the number of
    workers: load must not change a verdict.

    Args:
        workers: sandboxes at a time; None for one a core.

    Raises:
        SandboxError: see `Sandbox`.
    """
    count = max(1, min(workers or len(os.sched_getaffinity(0)), len(tasks)))
    results: dict[int, T] = {}
    order = iter(range(len(tasks)))
    lock, stop = threading.Lock(), threading.Event()

    def work() -> None:
        with Sandbox(unsafe) as sandbox:
            while not stop.is_set():
                with lock:
                    index = next(order, None)
                if index is None:
                    return
                results[index] = tasks[index](sandbox)

    with ThreadPoolExecutor(count, "sandbox") as pool:
        try:
            for future in as_completed([pool.submit(work) for _ in range(count)]):
                future.result()
        finally:
            stop.set()
    again = [index for index in range(len(tasks)) if timed_out(results[index])]
    if again:
        with Sandbox(unsafe) as alone:
            for index in again:
                results[index] = tasks[index](alone)
    return [results[index] for index in range(len(tasks))]
