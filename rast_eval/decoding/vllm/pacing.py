"""`--speculate auto`: how many tokens to draft at each batch size, found by measuring while the run goes on.

vLLM's scheduler asks a table how many tokens to draft for a batch. The table here times the steps that it causes. What
a step with γ drafted tokens costs against a plain one is measured by batches of 1, 2–3, 4–7, … sequences; which share
of the tokens stands does not depend on the batch, so it is counted over all of them. γ is what gives most tokens a
second by the two. Drafting never changes a distribution, so trying costs time alone, and of that no more than `SHARE`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

WINDOW = 6
"""Steps timed at what is in use before another number is tried."""

TRIED = 4
"""Steps timed at another number."""

SHARE = 0.015
"""Of all time, what trying may lose."""

SMALL = 3
"""Up to so many sequences a first try is not put off: a pass waits for memory there, so it hardly costs anything."""

UNKNOWN_LOSS = 0.3
"""Share of a step that is taken to be lost by the first try at a larger batch."""

LOOK = 16
"""Steps after which the choice is made again by what was counted meanwhile."""

REFRESH = 600
"""Steps after which costs are measured again: contexts grow."""

MARGIN = 1.03
"""A change must promise so much more: timing is noisy, plain decoding is safe."""

MEMORY = 200.0
"""Passes of a sequence that the shares of standing tokens are taken over."""

LITTLE = 8.0
"""Passes that they weigh once costs are measured again: the text may be another by then."""

PRIOR = 0.7
"""Share of first tokens that stand, before any did."""


class _Shares:
    """Which share of drafted tokens stood, of those whose forerunners did, by place in the draft."""

    def __init__(self) -> None:
        self._reached: list[float] = []
        self._stood: list[float] = []

    def count(self, drafted: int, stood: int) -> None:
        missing = [0.0] * (drafted - len(self._reached))
        self._reached += missing
        self._stood += missing
        self.weigh(1 - 1 / MEMORY)
        for place in range(min(drafted, stood + 1)):
            self._reached[place] += 1
            self._stood[place] += place < stood

    def weigh(self, factor: float) -> None:
        self._reached = [count * factor for count in self._reached]
        self._stood = [count * factor for count in self._stood]

    def forget(self) -> None:
        if self._reached and self._reached[0] > LITTLE:
            self.weigh(LITTLE / self._reached[0])

    def tokens(self, drafts: int) -> float:
        """Expected tokens of a pass; a place of which little is known is taken to be as the one before it."""
        total = standing = 1.0
        share = PRIOR
        for place in range(drafts):
            if place < len(self._reached):
                share = (self._stood[place] + share) / (self._reached[place] + 1)
            standing *= share
            total += standing
        return total


@dataclass
class _Batches:
    """What is known about one range of batch sizes.

    Attributes:
        cost: duration of a step against a plain one, by drafted tokens.
        drafts: in use; trying: tried just now, None while nothing is.
        usual: median seconds of a step at `drafts`, the last time that it was looked at.
        age: steps since costs were measured.
        told: whether drafting paid when that was last said.
    """

    cost: dict[int, float] = field(default_factory=lambda: {0: 1.0})
    drafts: int = 0
    trying: int | None = None
    seconds: list[float] = field(default_factory=list)
    skip: int = 0
    usual: float = 0.0
    lost: float = 0.0
    age: int = 0
    told: bool | None = None


class Pacer:
    """vLLM's lookup from batch size to drafted tokens, by measured tokens a second.

    Args:
        largest: most tokens to draft.
        settling: steps after a change that still verify what was drafted before it.
        told: called with one sentence whenever a range of batch sizes is decided.
    """

    def __init__(
        self,
        largest: int,
        settling: int = 1,
        told: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._choices = [0, *(1 << i for i in range(largest.bit_length()) if 1 << i < largest), largest]
        self._settling = settling
        self._told = told or (lambda text: print(text, file=sys.stderr, flush=True))
        self._clock = clock
        self._shares = _Shares()
        self._ranges: dict[int, _Batches] = {}
        self._last: tuple[int, float] | None = None
        self._elapsed = self._lost = 0.0

    def __getitem__(self, batch: int) -> int:
        """Tokens to draft for a batch of so many sequences."""
        found = self._ranges.setdefault(batch.bit_length(), _Batches())
        return found.drafts if found.trying is None else found.trying

    def count(self, batch: int, tokens: int, verified: Iterable[tuple[int, int]], *, decoding: bool) -> None:
        """A step of `batch` sequences gave so many tokens.

        Args:
            verified: (drafted, stood) of each sequence that had drafted tokens.
            decoding: whether it read no prompt; other steps are not comparable.
        """
        for drafted, stood in verified:
            self._shares.count(drafted, stood)
        now, size = self._clock(), batch.bit_length()
        last, self._last = self._last, (size, now)
        if last is None or last[0] != size:
            return
        seconds = now - last[1]
        self._elapsed += seconds
        found = self._ranges.setdefault(size, _Batches())
        if found.trying is not None:  # also what settling and prompts cost
            rate = batch * self._shares.tokens(found.drafts) / found.usual
            found.lost += seconds - tokens / rate if decoding else 0.0
        if not decoding:
            return
        if found.skip:
            found.skip -= 1
            return
        found.age += 1
        found.seconds.append(seconds)
        if found.trying is not None:
            if len(found.seconds) >= TRIED:
                self._tried(size, found)
        elif len(found.seconds) >= (WINDOW if found.told is None else LOOK):
            found.usual = statistics.median(found.seconds)
            found.seconds.clear()
            self._look(size, found)

    def _speed(self, found: _Batches, drafts: int) -> float:
        """Expected tokens of a step over its duration, both against plain decoding."""
        return self._shares.tokens(drafts) / self._cost(found, drafts)

    def _cost(self, found: _Batches, drafts: int) -> float:
        """Measured, or on the line through the two nearest that were."""
        if drafts in found.cost:
            return found.cost[drafts]
        near = sorted(found.cost, key=lambda known: (abs(known - drafts), known))[:2]
        if len(near) < 2:
            return float("inf")
        a, b = near
        return max(1.0, found.cost[a] + (found.cost[b] - found.cost[a]) / (b - a) * (drafts - a))

    def _look(self, size: int, found: _Batches) -> None:
        """Take the fastest known number, and try one that promises more, if there is time to lose."""
        best = max(found.cost, key=lambda drafts: self._speed(found, drafts))
        if self._speed(found, best) > MARGIN * self._speed(found, found.drafts) or (best == 0 != found.drafts):
            self._use(found, best)
            return
        if found.age >= REFRESH:
            self._shares.forget()
            self._try(found, next((d for d in sorted(found.cost) if d != found.drafts), self._first(size)))
            found.age = 0
            return
        if len(found.cost) == 1:
            candidate = self._first(size)
        else:
            unknown = [drafts for drafts in self._choices if drafts not in found.cost]
            candidate = max(unknown, key=lambda drafts: self._speed(found, drafts), default=0)
            if candidate == 0 or self._speed(found, candidate) < MARGIN * self._speed(found, found.drafts):
                self._say(size, found)
                return
        if self._affordable(size, found, candidate):
            self._try(found, candidate)

    def _first(self, size: int) -> int:
        """What is tried first: what pays for more sequences, or few tokens."""
        paying = [other.drafts for place, other in self._ranges.items() if place > size and other.told]
        return paying[0] if paying else self._choices[min(2 if 1 << (size - 1) <= SMALL else 1, len(self._choices) - 1)]

    def _affordable(self, size: int, found: _Batches, drafts: int) -> bool:
        if len(found.cost) > 1:
            gain = self._speed(found, drafts) / self._speed(found, found.drafts)
            loss = max(0.0, self._cost(found, drafts) * (1 - gain))
        elif any(place < size and other.told is False for place, other in self._ranges.items()):
            loss = 2 * UNKNOWN_LOSS
        elif 1 << (size - 1) <= SMALL or any(place > size and other.told for place, other in self._ranges.items()):
            return True
        else:
            loss = UNKNOWN_LOSS
        return self._lost + loss * (TRIED + self._settling) * found.usual <= SHARE * self._elapsed

    def _use(self, found: _Batches, drafts: int) -> None:
        found.drafts, found.trying, found.skip = drafts, None, self._settling
        found.seconds.clear()

    def _try(self, found: _Batches, drafts: int) -> None:
        found.trying, found.skip, found.lost = drafts, self._settling, 0.0

    def _tried(self, size: int, found: _Batches) -> None:
        """Keep what the tried number costs."""
        assert found.trying is not None
        ratio, tried = statistics.median(found.seconds) / found.usual, found.trying
        if tried:
            found.cost[tried] = found.cost[found.drafts] * ratio
        else:  # the measure of all the others
            scale = 1 / (ratio * found.cost[found.drafts])
            found.cost = {drafts: cost * scale if drafts else 1.0 for drafts, cost in found.cost.items()}
        self._lost += max(0.0, found.lost)
        current, speed = found.drafts, self._speed(found, found.drafts)
        best = max(found.cost, key=lambda drafts: self._speed(found, drafts))
        self._use(found, best if self._speed(found, best) > MARGIN * speed else current)

    def _say(self, size: int, found: _Batches) -> None:
        """One sentence where it is decided first, or otherwise than before."""
        if found.told == bool(found.drafts):
            return
        found.told = bool(found.drafts)
        first, last = 1 << (size - 1), (1 << size) - 1
        many = "1 sequence" if last == 1 else f"{first} to {last} sequences"
        gain = f"{found.drafts} drafted tokens, {self._speed(found, found.drafts):.2f} × plain decoding"
        self._told(f"speculation at {many}: {gain if found.drafts else 'plain decoding, drafting does not pay'}")


def _scheduler(base: Any) -> Any:
    """vLLM's scheduler class `base` with a `Pacer` for its table."""

    class Paced(base):  # type: ignore[misc]
        """Asks a `Pacer` how many tokens to draft, and tells it what came of each step."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            ahead = bool(kwargs["vllm_config"].scheduler_config.async_scheduling)
            self.dynamic_sd_lookup = Pacer(self.num_spec_tokens, settling=1 + ahead)

        def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
            """As vLLM's, timed."""
            scheduled = scheduler_output.num_scheduled_tokens
            drafted = scheduler_output.scheduled_spec_decode_tokens
            decoding = bool(scheduled) and all(
                count == 1 + len(drafted.get(request, ())) for request, count in scheduled.items()
            )
            given = dict(zip(model_runner_output.req_ids, model_runner_output.sampled_token_ids, strict=False))
            verified = [(len(ids), len(given[request]) - 1) for request, ids in drafted.items() if given.get(request)]
            tokens = sum(map(len, given.values()))
            self.dynamic_sd_lookup.count(len(scheduled), tokens, verified, decoding=decoding)
            return super().update_from_output(scheduler_output, model_runner_output)

    return Paced


def _paced(*args: Any, vllm_config: Any, **kwargs: Any) -> Any:
    """A `Paced` scheduler over the one that vLLM would take itself."""
    if vllm_config.scheduler_config.async_scheduling:
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler as Own
    else:
        from vllm.v1.core.sched.scheduler import Scheduler as Own
    return _scheduler(Own)(*args, vllm_config=vllm_config, **kwargs)


def __getattr__(name: str) -> Any:
    # vLLM imports a scheduler by its name, in the process that schedules; the module itself needs no vLLM.
    if name == "PacedScheduler":
        return _paced
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
