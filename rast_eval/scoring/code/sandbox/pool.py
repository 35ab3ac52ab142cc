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
    """`Pool.run` in a pool of its own, with no more workers than tasks."""
    with Pool(len(tasks), workers, unsafe) as pool:
        return pool.run(tasks, timed_out)


class Pool:
    """Sandboxes that start at once, while their user still prepares the tasks of one `run`.

    Args:
        most: number of tasks that may come.
        workers: sandboxes at a time; None for one a core.

    Raises:
        SandboxError: see `Sandbox`.
    """

    def __init__(self, most: int, workers: int | None = None, unsafe: bool = False) -> None:
        count = min(workers or len(os.sched_getaffinity(0)), most)
        self._unsafe = unsafe
        self._sandboxes = [Sandbox(unsafe) for _ in range(count)]

    def __enter__(self) -> Pool:
        for sandbox in self._sandboxes:
            sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._sandboxes:
            sandbox.close()

    def run(self, tasks: Sequence[Callable[[Sandbox], T]], timed_out: Callable[[T], bool]) -> list[T]:
        """Results in the order of `tasks`, each run in the sandbox of some worker.

        A result that is `timed_out` counts only if it is so again with no other task running, whatever the number of
        workers: load must not change a grade.
        """
        results: dict[int, T] = {}
        order = iter(range(len(tasks)))
        lock, stop = threading.Lock(), threading.Event()

        def work(sandbox: Sandbox) -> None:
            with sandbox:
                while not stop.is_set():
                    with lock:
                        index = next(order, None)
                    if index is None:
                        return
                    results[index] = tasks[index](sandbox)

        if tasks:
            with ThreadPoolExecutor(len(self._sandboxes), "sandbox") as pool:
                try:
                    for future in as_completed([pool.submit(work, sandbox) for sandbox in self._sandboxes]):
                        future.result()
                finally:
                    stop.set()
        again = [index for index in range(len(tasks)) if timed_out(results[index])]
        if again:
            with Sandbox(self._unsafe) as alone:
                for index in again:
                    results[index] = tasks[index](alone)
        return [results[index] for index in range(len(tasks))]
