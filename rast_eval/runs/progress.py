"""Progress on stderr: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

LOG_EVERY_S = 20.0


class Progress:
    """Counts finished samples and generated tokens of one cell.

    Args:
        label: what is being done, e.g. `rast on gsm8k`.
        total: samples to do.
        done: samples that an earlier run already holds.
    """

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self.label, self.total, self.count, self.tokens = label, total, done, 0
        self._start_count = done
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
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(label, total=total, completed=done, rate="")

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        elif kind is None:
            self._log(time.monotonic())

    def advance(self, tokens: int) -> None:
        """One more sample of so many tokens is finished."""
        self.count += 1
        self.tokens += tokens
        moment = time.monotonic()
        if self._bar:
            self._bar.update(self._task, advance=1, rate=f"{self._rate(moment):,.0f} tok/s")
        elif moment - self._logged >= LOG_EVERY_S:
            self._log(moment)

    def _rate(self, moment: float) -> float:
        return self.tokens / max(moment - self._started, 1e-9)

    def _log(self, moment: float) -> None:
        elapsed = moment - self._started
        fresh = self.count - self._start_count
        left = elapsed / fresh * (self.total - self.count) if fresh else 0.0
        self._logged = moment
        ending = f"{left:.0f} s left" if self.count < self.total else f"{elapsed:.0f} s"
        rate = self._rate(moment)
        print(
            f"{self.label}: {self.count}/{self.total} samples, {rate:,.0f} tok/s, {ending}", file=sys.stderr, flush=True
        )
