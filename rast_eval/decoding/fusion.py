"""Eq. 3 of arXiv 2506.15710 as one pure function, used by every backend.

    logits = base + Σ_k λ_k (expert_k − antiexpert_k)

With λ = 1 and one delta this is RAST; the same equation is proxy tuning and DExperts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def fuse(logits: Sequence[Tensor], weights: Sequence[float], width: int | None = None) -> Tensor:
    """Fused logits of all members.

    Args:
        logits: one tensor [..., V_m] a member, any float dtype; V_m may differ by head padding.
        weights: each member's coefficient: 1 for the base, ±λ for a delta's expert and antiexpert.
        width: columns of the result; those beyond the smallest V_m are −inf. Default: the smallest V_m.

    Returns:
        float32 [..., width], accumulated in float32 in the order of the members.

    Raises:
        ValueError: no member, or not one weight for each.

    >>> import rast_eval, torch
    >>> base, expert, antiexpert = torch.tensor([1.0, 2.0, 9.0]), torch.tensor([3.0, 0.0]), torch.tensor([0.5, 0.5])
    >>> rast_eval.fuse([base, expert, antiexpert], [1.0, 1.0, -1.0], width=3)
    tensor([3.5000, 1.5000,   -inf])
    """
    if not logits or len(logits) != len(weights):
        raise ValueError(f"{len(logits)} members need as many weights, not {len(weights)}")
    shared = min(member.shape[-1] for member in logits)
    # The only float32 copy: with 152,064 columns and a batch of 64 each further one would move 78 MB a step.
    fused = logits[0][..., :shared].to(torch.float32, copy=True)
    if weights[0] != 1.0:
        fused.mul_(weights[0])
    for member, weight in zip(logits[1:], weights[1:], strict=True):
        fused.add_(member[..., :shared], alpha=weight)
    if width is None or width == shared:
        return fused
    padding = fused.new_full((*fused.shape[:-1], width - shared), -torch.inf)
    return torch.cat([fused, padding], dim=-1)
