"""`--speculate auto`: how many tokens to draft at each batch size, found by measuring while the run goes on.

vLLM's scheduler asks a table how many tokens to draft for a batch. The table here times the steps it causes: for
batches of 1, 2–3, 4–7, … sequences it tries nothing, then 1, 2, 4, … drafted tokens as long as each is faster than the
one before, keeps the fastest, and looks again now and then. Drafting never changes a distribution, so trying is free
of all but time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WINDOW = 12
"""Steps timed at each number of drafted tokens; the first two of them still hold what was drafted before."""

SETTLING = 2
REFRESH = 600
"""Steps at the fastest setting before the alternatives next to it are timed again."""

MARGIN = 1.03
"""A larger draft must be so much faster than a smaller one to be taken: timing is noisy, plain decoding is safe."""


@dataclass
class _Batches:
    """What is known about one range of batch sizes."""

    drafts: list[int]
    speeds: dict[int, float] = field(default_factory=dict)
    current: int = 0
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    settled: bool = False

    def start(self, draft: int) -> None:
        self.current, self.steps, self.tokens, self.seconds = draft, 0, 0, 0.0


class Pacer:
    """vLLM's lookup from batch size to drafted tokens, by measured tokens a second.

    Args:
        largest: most tokens to draft.
        told: called with one sentence whenever a range of batch sizes is decided.
    """

    def __init__(
        self, largest: int, told: Callable[[str], None] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        powers = [1 << i for i in range(largest.bit_length()) if 1 << i < largest]
        self._drafts = [0, *powers, largest]
        self._told = told or (lambda text: print(text, file=sys.stderr, flush=True))
        self._clock = clock
        self._ranges: dict[int, _Batches] = {}
        self._last: tuple[int, float] | None = None

    def __getitem__(self, batch: int) -> int:
        """Tokens to draft for a batch of so many sequences."""
        return self._range(batch).current

    def record(self, batch: int, tokens: int, *, decoding: bool) -> None:
        """A step of `batch` sequences gave so many tokens.

        Args:
            decoding: whether it read no prompt; other steps are not comparable.
        """
        now, size = self._clock(), batch.bit_length()
        last, self._last = self._last, (size, now)
        if not decoding or last is None or last[0] != size:
            return
        found = self._range(batch)
        found.steps += 1
        if found.steps > SETTLING:
            found.tokens += tokens
            found.seconds += now - last[1]
        if found.steps >= (REFRESH if found.settled else WINDOW):
            self._decide(size, found)

    def _range(self, batch: int) -> _Batches:
        return self._ranges.setdefault(batch.bit_length(), _Batches(self._drafts))

    def _decide(self, size: int, found: _Batches) -> None:
        found.speeds[found.current] = found.tokens / max(found.seconds, 1e-9)
        if found.settled:  # time its neighbours again
            place = found.drafts.index(found.current)
            for other in found.drafts[max(0, place - 1) : place + 2]:
                if other != found.current:
                    found.speeds.pop(other, None)
            found.settled = False
        best = self._best(found)
        place = found.drafts.index(best)
        neighbours = [0, *found.drafts[max(0, place - 1) : place + 2]]
        untimed = [draft for draft in neighbours if draft not in found.speeds]
        if untimed:
            found.start(untimed[0])
            return
        found.settled = True
        found.start(best)
        first, last = 1 << (size - 1), (1 << size) - 1
        many = f"{first} sequences" if first == last else f"{first} to {last} sequences"
        gain = found.speeds[best] / found.speeds[0]
        what = (
            f"{best} drafted tokens, {gain:.2f} × plain decoding" if best else "plain decoding, drafting does not pay"
        )
        self._told(f"speculation at {many.replace('1 sequences', '1 sequence')}: {what}")

    @staticmethod
    def _best(found: _Batches) -> int:
        best = min(found.speeds)
        for draft in sorted(found.speeds):
            if found.speeds[draft] > MARGIN * found.speeds[best]:
                best = draft
        return best


def _scheduler(base: Any) -> Any:
    """vLLM's scheduler class `base` with a `Pacer` for its table."""

    class Paced(base):  # type: ignore[misc]
        """Asks a `Pacer` how many tokens to draft, and tells it what came of each step."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.dynamic_sd_lookup = Pacer(self.num_spec_tokens)

        def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
            """As vLLM's, timed."""
            scheduled = scheduler_output.num_scheduled_tokens
            drafted = scheduler_output.scheduled_spec_decode_tokens
            decoding = bool(scheduled) and all(
                count == 1 + len(drafted.get(request, ())) for request, count in scheduled.items()
            )
            tokens = sum(map(len, model_runner_output.sampled_token_ids))
            self.dynamic_sd_lookup.record(len(scheduled), tokens, decoding=decoding)
            return super().update_from_output(scheduler_output, model_runner_output)

    return Paced


def __getattr__(name: str) -> Any:
    # vLLM imports a scheduler by its name, in the process that schedules; the module itself needs no vLLM.
    if name == "PacedScheduler":
        from vllm.v1.core.sched.scheduler import Scheduler

        return _scheduler(Scheduler)
    if name == "PacedAsyncScheduler":
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler

        return _scheduler(AsyncScheduler)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
