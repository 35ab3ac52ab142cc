"""`gated`: deltas only where the base is unsure, or where they have something to say; elsewhere the base alone.

The gate by the base's certainty is that of nudging (arXiv 2410.09300); the one by the delta's own size is open where
RL moved the small model's distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import torch

from rast_eval.decoding.rules import Fused, Operands, Scope, parameter


@dataclass(frozen=True)
class Gated:
    """Open where both thresholds are reached; with both at 0 it is Eq. 3.

    Attributes:
        entropy: of the base's distribution at temperature 1, in nats.
        disagreement: total variation between an expert and its antiexpert, in [0, 1]; the largest of all deltas.
    """

    entropy: float = parameter(inf)
    disagreement: float = parameter(1)

    scope: ClassVar[Scope] = "whole"

    def __call__(self, members: Operands) -> Fused:
        """Eq. 3 behind the gate; active where the gate is open."""
        base = members.base
        is_open = torch.ones(base.shape[:-1], dtype=torch.bool, device=base.device)
        if self.entropy > 0:
            is_open &= torch.special.entr(base.softmax(dim=-1)).sum(dim=-1) >= self.entropy
        if self.disagreement > 0:
            moved = [
                (members.logits[a].float().softmax(dim=-1) - members.logits[b].float().softmax(dim=-1)).abs().sum(-1)
                for a, b in members.pairs
            ]
            is_open &= torch.stack(moved).amax(dim=0) / 2 >= self.disagreement
        return Fused(torch.where(is_open.unsqueeze(-1), members.linear(), base), is_open)
