"""`contrastive`: what Eq. 3 says, set off against the first delta's antiexpert as the amateur (arXiv 2309.09117).

    logits = (1 + beta) · linear − beta · antiexpert, among the tokens that `linear` finds plausible

With λ = 0 `linear` is the base, and this is contrastive decoding of the base against the small model.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch

from rast_eval.decoding.rules import Fused, Operands, Scope, parameter
from rast_eval.decoding.rules.masked import plausible


@dataclass(frozen=True)
class Contrastive:
    """Strength of the contrast and share of the favourite that a plausible token has; with both at 0 it is Eq. 3."""

    beta: float = parameter(inf)
    alpha: float = parameter(1)

    @property
    def scope(self) -> Scope:
        """Without a mask every column stands for itself."""
        return "whole" if self.alpha else "elementwise"

    def __call__(self, members: Operands) -> Fused:
        """Contrasted logits; active where the mask took the best token, everywhere without one."""
        strong = members.linear()
        if self.beta == 0:
            return plausible(strong, strong, self.alpha)
        amateur = members.logits[members.pairs[0][1]]
        contrasted = torch.add(strong * (1 + self.beta), amateur.float(), alpha=-self.beta)
        return plausible(contrasted, strong, self.alpha) if self.alpha else Fused(contrasted, None)
