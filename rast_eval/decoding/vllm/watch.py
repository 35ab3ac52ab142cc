"""Logits from which nothing can be drawn end the run, with the name of the member that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from vllm.distributed import tensor_model_parallel_all_reduce

from rast_eval.decoding.checks import not_finite


class LogitsWatch:
    """Looks at the logits of every step.

    On a GPU the answer is read one step later, when the device has it anyway, so that no step waits for it.
    """

    def __init__(self) -> None:
        self._asked: tuple[tuple[str, ...], Tensor, torch.cuda.Event | None] | None = None

    def look(self, fused: Tensor | None, logits: Mapping[str, Tensor], *, in_shards: bool = False) -> None:
        """Refuse a row whose largest fused logit is NaN or infinite.

        Args:
            fused: [tokens, V]; None on ranks that do not sample.
            logits: those that `fused` was made of, by their member's hub id or folder.
            in_shards: each rank holds other columns of `logits`; all of them look, so that all of them end.

        Raises:
            ModelError: names the members.
        """
        self.settle()
        # A sum is NaN or infinite where any of its logits is.
        sums = torch.stack([own.sum(-1, dtype=torch.float32).isfinite().all() for own in logits.values()])
        broken = sums.logical_not().float()
        if in_shards:
            broken = tensor_model_parallel_all_reduce(broken)
        if fused is None:
            return
        nothing_to_draw = fused.amax(-1).isfinite().all().logical_not().float()
        flags = torch.cat([nothing_to_draw[None], broken]).to("cpu", non_blocking=True)
        ready = None
        if fused.is_cuda:
            ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            ready.record()
        self._asked = tuple(logits), flags, ready
        if ready is None:
            self.settle()

    def settle(self) -> None:
        """Read the answer to the last look.

        Raises:
            ModelError: as `look`.
        """
        if self._asked is None:
            return
        (names, flags, ready), self._asked = self._asked, None
        if ready is not None:
            ready.synchronize()
        nothing_to_draw, *broken = flags.tolist()
        if nothing_to_draw:
            raise not_finite([name for name, is_broken in zip(names, broken, strict=True) if is_broken] or names)


def watch_one(model: Any, name: str) -> None:
    """Look at every step's logits of one of vLLM's own models."""
    watch, compute = LogitsWatch(), model.compute_logits

    def compute_logits(*args: Any, **kwargs: Any) -> Tensor | None:
        logits: Tensor | None = compute(*args, **kwargs)
        if logits is not None:
            watch.look(logits, {name: logits})
        return logits

    model.watch, model.compute_logits = watch, compute_logits
