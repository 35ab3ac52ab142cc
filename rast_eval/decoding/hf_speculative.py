"""Speculative RAST with transformers: the expert drafts, one fused pass verifies, the distribution stays.

The expert is a member anyway, so its drafting passes give its share of the fused logits too: base and antiexpert read
the γ drafted tokens in one pass each. A drafted token t stands with probability min(1, p(t)/q(t)), p being the fused
distribution and q the expert's; the first one that falls is drawn anew from max(0, p − q), and after γ that stand one
more comes from p (Leviathan et al. 2023, arXiv 2211.17192; with fused logits Yuan et al. 2024, arXiv 2311.08981).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rast_eval.config import AUTO, EngineConfig
from rast_eval.decoding.checks import check_finite
from rast_eval.decoding.hf import HFEngine, Row, Stopper
from rast_eval.decoding.rules import combine
from rast_eval.decoding.sampling import distribution, pick
from rast_eval.decoding.speculation import Acceptance, described, drafter
from rast_eval.errors import UsageError
from rast_eval.types import Completion, Request, Sampling, System

AUTO_DRAFT = 4
"""Tokens drafted where the number is left open: alone with its request there is no batch to decide by."""


def verify(p: Tensor, q: Tensor, draft: Sequence[int], row: Row) -> list[int]:
    """The tokens that one pass gives: the drafted ones that stand, and one more.

    Args:
        p: float [γ + 1, V], fused distributions before each drafted token and after the last.
        q: float [γ, V], the drafter's distributions, from which `draft` was drawn.
        row: whose uniform numbers decide.
    """
    for position, token in enumerate(draft):
        if row.uniforms.next() * float(q[position, token]) < float(p[position, token]):
            continue
        residual = (p[position] - q[position]).clamp(min=0)
        return [*draft[:position], _one(residual if float(residual.sum()) > 0 else p[position], row)]
    return [*draft, _one(p[len(draft)], row)]


def _one(weights: Tensor, row: Row) -> int:
    return int(pick(weights.unsqueeze(0), torch.tensor([row.uniforms.next()], device=weights.device)))


class SpeculativeHFEngine(HFEngine):
    """`HFEngine` with `config.speculate` drafted tokens a pass (`AUTO`: four), one request at a time.

    Greedy outputs are those of plain decoding; sampled ones have its distribution, but not its tokens for a seed.

    Raises:
        UsageError: the system has no delta whose expert could draft.
    """

    def __init__(self, system: System, config: EngineConfig) -> None:
        draft = drafter(system, config)
        if draft is None:
            raise UsageError("Nothing drafts for a single model.", "Leave out --speculate, or add --delta.")
        super().__init__(system, config)
        self.expert, self.drafts = system.members.index(draft), System(draft)
        self.most = AUTO_DRAFT if config.speculate == AUTO else config.speculate
        self.acceptance = Acceptance()

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `types.Engine`."""
        drafts = described(self.system.members[self.expert], self.config, self.acceptance)
        return {**super().settings, "speculation": drafts}

    def reweight(self, system: System) -> None:
        """As `HFEngine`'s; what became of drafts is counted anew."""
        if system != self.system:
            self.acceptance = Acceptance()
        super().reweight(system)

    def _batch_size(self, queue: Sequence[Request], sampling: Sampling) -> int:
        return 1

    @torch.inference_mode()
    def _decode(self, rows: list[Row], sampling: Sampling, stopper: Stopper) -> Iterator[Completion]:
        from transformers import DynamicCache

        (row,) = rows
        caches = [DynamicCache(config=model.config) for model in self.models]
        pending = list(row.request.prompt_token_ids)
        while True:
            known = caches[0].get_seq_length() + len(pending)
            length = min(self.most, row.limit - len(row.tokens) - 1)
            draft, q, own = self._draft(caches[self.expert], pending, length, sampling, row)
            logits = [
                own if index == self.expert else self._logits(model, cache, [*pending, *draft], length + 1)
                for index, (model, cache) in enumerate(zip(self.models, caches, strict=True))
            ]
            fused, active = combine(self.system, logits)
            check_finite(fused, logits, self.system)
            p = distribution(fused, sampling)
            tokens = verify(p, q, draft, row)
            if active is not None:
                self._count(active.tolist()[: len(tokens)])
            self.acceptance.count(length, len(tokens) - 1)
            for token in tokens:
                if completion := stopper.check(row, token):
                    yield completion
                    return
            for cache in caches:
                cache.crop(known + len(tokens) - 1)
            pending = tokens[-1:]

    def _draft(
        self, cache: Any, pending: Sequence[int], length: int, sampling: Sampling, row: Row
    ) -> tuple[list[int], Tensor, Tensor]:
        """Drafted tokens, their distributions [length, V], and the expert's logits [length + 1, V]."""
        width = min(model.config.get_text_config().vocab_size for model in self.models)
        logits, q, draft = [], [], []
        ids = list(pending)
        for step in range(length + 1):
            logits.append(self._logits(self.models[self.expert], cache, ids, 1))
            if step < length:
                check_finite(logits[-1], logits[-1:], self.drafts)
                q.append(distribution(logits[-1][:, :width].float(), sampling))
                draft.append(_one(q[-1][0], row))
                ids = draft[-1:]
        return draft, torch.cat(q) if q else logits[0][:0, :width], torch.cat(logits)

    def _logits(self, model: Any, cache: Any, ids: Sequence[int], keep: int) -> Tensor:
        """Logits [keep, V] after the last `keep` of `ids`; extends the cache."""
        batch = torch.tensor([list(ids)], device=self.device)
        output = model(input_ids=batch, past_key_values=cache, use_cache=True, logits_to_keep=keep)
        return output.logits[0]  # type: ignore[no-any-return]
