"""A head of another dtype than the layers below it, for transformers; vLLM has its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WideHead(nn.Module):
    """A head that multiplies in its own dtype, whatever its input's is.

    Args:
        head: the model's own; its weights are copied, so that tied embeddings stay as they are.
    """

    def __init__(self, head: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.weight = nn.Parameter(head.weight.detach().to(dtype, copy=True), requires_grad=False)
        self.bias = None if head.bias is None else nn.Parameter(head.bias.detach().to(dtype), requires_grad=False)

    def forward(self, states: Tensor) -> Tensor:
        """Logits, (…, vocabulary), in the head's dtype."""
        return nn.functional.linear(states.to(self.dtype), self.weight, self.bias)


def widen_head(model: Any, dtype: torch.dtype) -> None:
    """Let a transformers model compute its logits in `dtype`."""
    head = model.get_output_embeddings()
    if head.weight.dtype != dtype:
        model.set_output_embeddings(WideHead(head, dtype))
