"""Progress on stderr: bars in a terminal, a line now and then in a log; the time left of a cell and of all cells."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOG_EVERY_S = 20.0


class Progress:
    """Counts finished samples and generated tokens, cell by cell.

    The time left of all cells takes the mean time of a sample so far, loading and grading included.

    Args:
        missing: samples to generate in all cells together.
    """

    def __init__(self, missing: int) -> None:
        self._missing, self._made = missing, 0
        self._began = time.monotonic()

    @contextmanager
    def cell(self, label: str, total: int, done: int = 0) -> Iterator[None]:
        """Show one cell while the block runs.

        Args:
            label: what is being done, e.g. `rast on gsm8k`.
            total: samples of the cell.
            done: samples that an earlier run already holds.
        """
        self._label, self._total, self._count, self._done, self._tokens = label, total, done, done, 0
        self._started = self._logged = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description:<24}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:>12}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[overall]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(label, total=total, completed=done, rate="", overall="")
            with self._bar:
                yield
        else:
            yield
            self._log(time.monotonic())

    def advance(self, tokens: int) -> None:
        """One more sample of so many tokens is finished."""
        self._count += 1
        self._made += 1
        self._tokens += tokens
        moment = time.monotonic()
        if self._bar:
            rate = f"{self._rate(moment):,.0f} tok/s"
            self._bar.update(self._task, advance=1, rate=rate, overall=f"all cells: {self._overall(moment)}")
        elif moment - self._logged >= LOG_EVERY_S:
            self._log(moment)

    def _rate(self, moment: float) -> float:
        return self._tokens / max(moment - self._started, 1e-9)

    def _overall(self, moment: float) -> str:
        """`120/400 new samples, 0:02:10 left`."""
        left = (moment - self._began) / max(self._made, 1) * (self._missing - self._made)
        return f"{self._made}/{self._missing} new samples, {clock(left)} left"

    def _log(self, moment: float) -> None:
        elapsed = moment - self._started
        left = elapsed / max(self._count - self._done, 1) * (self._total - self._count)
        self._logged = moment
        ending = f"{clock(left)} left" if self._count < self._total else clock(elapsed)
        told = f"{self._count}/{self._total} samples, {self._rate(moment):,.0f} tok/s, {ending}"
        print(f"{self._label}: {told}; all cells: {self._overall(moment)}", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """`1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
