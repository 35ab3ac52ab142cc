"""RAST with plain transformers: the reference that every other backend is compared with.

All members see the same left-padded batch, each with its own KV cache; their last-position logits are
fused by Eq. 3 and one token a row is drawn. A request's random numbers depend on its seed alone, so a
sample does not depend on the batch it sat in, up to the rounding of batched matrix products.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rast_eval import machine
from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_finite, check_same_members, context_length
from rast_eval.decoding.devices import runs_on_cpu
from rast_eval.decoding.heads import widen_head
from rast_eval.decoding.loading import end_token_ids, load_model, load_tokenizer
from rast_eval.decoding.memory import meant_dtype
from rast_eval.decoding.rules import combine
from rast_eval.decoding.sampling import UniformStream, draw
from rast_eval.errors import OutOfMemory
from rast_eval.inputs.models import shape_of
from rast_eval.inputs.shapes import DTYPE_BYTES
from rast_eval.types import Completion, Request, Sampling, System

SMALL = 50_000_000
"""Below this many parameters one thread is faster: a second one was 16 times slower on a busy two-core machine."""

COMPACT_BELOW = 7 / 8
"""Finished rows ride along until fewer than this share of the batch is live: dropping them copies every cache."""


class Row:
    """One request while it is being decoded."""

    def __init__(self, request: Request, limit: int) -> None:
        self.request = request
        self.limit = limit
        self.tokens: list[int] = []
        self.uniforms = UniformStream(request.seed)
        self.done = False


class Stopper:
    """Decides after each token whether a row is finished, and what its output is.

    Args:
        end_ids: ids that end an output silently; `stop_ids` are reported as the stop reason.
        stop: strings that end an output; the output is cut before the earliest one.
    """

    def __init__(self, tokenizer: Any, end_ids: frozenset[int], stop_ids: Sequence[int], stop: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.end_ids = end_ids
        self.stop_ids = frozenset(stop_ids)
        self.stop = tuple(stop)
        # A stop string spans at most one token a character; four more cover bytes of a split character.
        self.window = max(map(len, self.stop), default=0) + 4

    def check(self, row: Row, token: int) -> Completion | None:
        """The completion that `token` finishes, None while the row goes on."""
        if token in self.end_ids or token in self.stop_ids:
            return self._completion(row, "stop", None if token in self.end_ids else token)
        row.tokens.append(token)
        if self.stop:
            tail = self._text(row.tokens[-self.window :])
            if any(stop in tail for stop in self.stop):
                text = self._text(row.tokens)
                found = [(text.find(stop), stop) for stop in self.stop if stop in text]
                if found:
                    cut, reason = min(found)
                    return self._completion(row, "stop", reason, text[:cut])
        return self._completion(row, "length", None) if len(row.tokens) >= row.limit else None

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _completion(self, row: Row, finish: Any, reason: str | int | None, text: str | None = None) -> Completion:
        row.done = True
        return Completion(
            problem_id=row.request.problem_id,
            sample=row.request.sample,
            output=self._text(row.tokens) if text is None else text,
            num_tokens=len(row.tokens),
            finish_reason=finish,
            stop_reason=reason,
            token_ids=tuple(row.tokens),
        )


class HFEngine:
    """Implements `types.Engine` with transformers on one device.

    Raises:
        ModelError: a member cannot be loaded.
        OutOfMemory: weights or caches do not fit.
    """

    def __init__(self, system: System, config: EngineConfig) -> None:
        self.system, self.config = system, config
        self.device = "cpu" if runs_on_cpu() else "cuda"
        dtype = meant_dtype(config)
        self.dtype = (
            dtype if dtype == "auto" else getattr(torch, {"half": "float16", "float": "float32"}.get(dtype, dtype))
        )
        if self.device == "cpu" and self._parameters() < SMALL:
            torch.set_num_threads(1)
        self.models = [load_model(ref, self.dtype, self.device, config.hf_overrides) for ref in system.members]
        if config.head_dtype != "auto":
            for model in self.models:
                widen_head(model, getattr(torch, config.head_dtype))
        self.tokenizer = load_tokenizer(system.base)
        self.end_ids = end_token_ids(system.base)
        self.context = context_length(system, config)
        self.activity = (0, 0)

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `types.Engine`."""
        import transformers

        base = self.models[0]
        return {
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(0) if self.device == "cuda" else "cpu",
            "dtype": str(base.dtype).removeprefix("torch."),
            "max_model_len": self.context,
            "attention": getattr(base.config, "_attn_implementation", None),
        }

    def _parameters(self) -> int:
        shapes = [shape_of(ref) for ref in self.system.members]
        return sum(shape.parameters if shape else SMALL for shape in shapes)

    def reweight(self, system: System) -> None:
        """Go on with other λ or rule: same members, same weights in memory.

        Raises:
            UsageError: `system` has other members.
        """
        check_same_members(self.system, system)
        self.system = system

    def close(self) -> None:
        """Free the models' memory."""
        self.models = []
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield completions as rows finish; requests of like length share a batch.

        Raises:
            OutOfMemory: the batch does not fit.
            ModelError: a member's logits are NaN or infinite.
        """
        stopper = Stopper(self.tokenizer, self.end_ids, stop_token_ids, stop)
        queue = sorted(requests, key=lambda request: request.prompt_length)
        while queue:
            size = self._batch_size(queue, sampling)
            batch, queue = queue[:size], queue[size:]
            try:
                yield from self._decode([Row(request, self._limit(request, sampling)) for request in batch],
                                        sampling, stopper)  # fmt: skip
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise OutOfMemory(
                    f"There is not enough memory to decode {size} sequences together.",
                    f"Type --max-num-seqs {max(1, size // 4)}, or a smaller --max-tokens.",
                ) from error

    def _limit(self, request: Request, sampling: Sampling) -> int:
        room = (self.context or sys.maxsize) - request.prompt_length
        return max(1, min(sampling.max_tokens, room))

    def _batch_size(self, queue: Sequence[Request], sampling: Sampling) -> int:
        if self.config.max_num_seqs:
            return self.config.max_num_seqs
        shapes = [shape for ref in self.system.members if (shape := shape_of(ref))]
        bytes_each = 4 if self.dtype == torch.float32 else DTYPE_BYTES["auto"]
        tokens = queue[-1].prompt_length + self._limit(queue[-1], sampling)
        sequence = max(1, tokens * sum(shape.kv_bytes_per_token(bytes_each) for shape in shapes))
        on_card = self.device == "cuda"
        free = int(torch.cuda.mem_get_info()[0] * 0.8) if on_card else machine.available_memory() // 4
        return max(1, min(256, free // sequence))

    @torch.inference_mode()
    def _decode(self, rows: list[Row], sampling: Sampling, stopper: Stopper) -> Iterator[Completion]:
        from transformers import DynamicCache

        views, places = self._views(rows)
        caches = [DynamicCache(config=model.config) for model in self.models]
        while True:
            members = [
                self._last_logits(model, cache, *views[place])
                for model, cache, place in zip(self.models, caches, places, strict=True)
            ]
            logits, active = combine(self.system, members)
            check_finite(logits, members, self.system)
            if active is not None:
                self._count([acted for row, acted in zip(rows, active.tolist(), strict=True) if not row.done])
            uniforms = None
            if not sampling.greedy:
                uniforms = torch.tensor([row.uniforms.next() for row in rows], device=self.device)
            tokens = draw(logits, sampling, uniforms)
            for row, token in zip(rows, tokens.tolist(), strict=True):
                if not row.done and (completion := stopper.check(row, token)):
                    yield completion
            live = [index for index, row in enumerate(rows) if not row.done]
            if not live:
                return
            views = [
                (tokens.unsqueeze(-1), torch.cat([mask, mask.new_ones(len(rows), 1)], dim=-1), positions[:, -1:] + 1)
                for _, mask, positions in views
            ]
            if len(live) < COMPACT_BELOW * len(rows):
                keep = torch.tensor(live, device=self.device)
                rows = [rows[index] for index in live]
                views = [(ids[keep], mask[keep], positions[keep]) for ids, mask, positions in views]
                for cache in caches:
                    cache.batch_select_indices(keep)

    def _count(self, acted: Sequence[bool]) -> None:
        self.activity = (self.activity[0] + sum(acted), self.activity[1] + len(acted))

    def _views(self, rows: Sequence[Row]) -> tuple[list[tuple[Tensor, Tensor, Tensor]], list[int]]:
        """What is read first, as (ids, mask, positions), and which of them each member reads."""
        own = list(zip(*(row.request.member_token_ids for row in rows), strict=True))
        padded = map(self._left_pad, own or [tuple(row.request.prompt_token_ids for row in rows)])
        views = [(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0)) for ids, mask in padded]
        return views, [place if own else 0 for place in range(len(self.models))]

    def _left_pad(self, prompts: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        longest = max(map(len, prompts))
        ids = torch.tensor([(0,) * (longest - len(prompt)) + prompt for prompt in prompts], device=self.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.device)
        return ids, mask

    @staticmethod
    def _last_logits(model: Any, cache: Any, ids: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Logits [B, V] of the last position; extends the member's cache."""
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]  # type: ignore[no-any-return]
