"""`masked`: Eq. 3 among the tokens that the base finds plausible (arXiv 2210.15097, Section 3.3; 2309.09117)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rast_eval.decoding.rules import Fused, Operands, Scope, parameter


@dataclass(frozen=True)
class Masked:
    """A token stays where the base gives it at least `alpha` times what its favourite has; 0 is Eq. 3."""

    alpha: float = parameter(1)

    scope: ClassVar[Scope] = "whole"

    def __call__(self, members: Operands) -> Fused:
        """Eq. 3 with implausible tokens at −inf."""
        return plausible(members.linear(), members.base, self.alpha)


def plausible(scores: Tensor, judge: Tensor, alpha: float) -> Fused:
    """`scores` where p(t) ≥ alpha · max p under `judge`, −inf elsewhere; active where the best token had to go.

    Args:
        scores, judge: float32 [..., V].
    """
    if alpha == 0:
        return Fused(scores, torch.zeros(scores.shape[:-1], dtype=torch.bool, device=scores.device))
    stays = judge >= judge.amax(dim=-1, keepdim=True) + torch.tensor(alpha).log()
    gone = ~stays.gather(-1, scores.argmax(dim=-1, keepdim=True)).squeeze(-1)
    return Fused(scores.masked_fill(~stays, -torch.inf), gone)
