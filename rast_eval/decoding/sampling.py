"""Drawing one token a row, reproducibly and independently of the batch it sits in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rast_eval.types import Sampling


class UniformStream:
    """The uniform numbers of one request: number t decides token t, whatever else is in the batch.

    Args:
        seed: the request's 63-bit seed.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(seed))
        self._buffer: list[float] = []

    def next(self) -> float:
        """The next number in [0, 1)."""
        if not self._buffer:
            self._buffer = self._generator.random(64)[::-1].tolist()
        return self._buffer.pop()


def draw(logits: Tensor, sampling: Sampling, uniforms: Tensor | None = None) -> Tensor:
    """One token id a row: temperature first, then top-p, then the inverse CDF at the row's uniform.

    Args:
        logits: float32 [B, V].
        uniforms: float [B] in [0, 1); not needed for greedy.

    Returns:
        int64 [B]. Ties go to the smallest id when greedy.
    """
    if sampling.greedy:
        return logits.argmax(dim=-1)
    if uniforms is None:
        raise ValueError("sampling needs one uniform number a row")
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    ids = None
    if sampling.top_p < 1.0:
        probabilities, ids = probabilities.sort(dim=-1, descending=True, stable=True)
        before = probabilities.cumsum(dim=-1) - probabilities
        probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)
    target = uniforms.to(torch.float64).unsqueeze(-1) * cumulative[:, -1:]
    choice = torch.searchsorted(cumulative, target, right=True)
    last = (probabilities > 0).to(torch.int64).mul(torch.arange(1, probabilities.shape[-1] + 1)).amax(-1) - 1
    choice = torch.minimum(choice.squeeze(-1), last.to(choice.device))
    return choice if ids is None else ids.gather(-1, choice.unsqueeze(-1)).squeeze(-1)
