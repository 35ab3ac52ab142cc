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
    weights, ids = _nucleus(logits, sampling)
    choice = pick(weights, uniforms)
    return choice if ids is None else ids.gather(-1, choice.unsqueeze(-1)).squeeze(-1)


def distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """The probabilities that `draw` draws by; all of them on the most probable token when greedy.

    Args:
        logits: float32 [B, V].

    Returns:
        float32 [B, V], each row sums to 1.
    """
    if sampling.greedy:
        return torch.nn.functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    weights, ids = _nucleus(logits, sampling)
    if ids is not None:
        weights = torch.zeros_like(weights).scatter_(-1, ids, weights)
    return weights / weights.sum(dim=-1, keepdim=True)


def pick(weights: Tensor, uniforms: Tensor) -> Tensor:
    """One column a row by the inverse CDF; columns of weight 0 are never picked.

    Args:
        weights: float [B, V], not negative, with a positive sum a row.
        uniforms: float [B] in [0, 1].

    Returns:
        int64 [B].
    """
    cumulative = weights.cumsum(dim=-1, dtype=torch.float64)
    target = uniforms.to(torch.float64).unsqueeze(-1) * cumulative[:, -1:]
    choice = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    columns = torch.arange(1, weights.shape[-1] + 1, device=weights.device)
    return torch.minimum(choice, (weights > 0).to(torch.int64).mul(columns).amax(-1) - 1)


def _nucleus(logits: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor | None]:
    """Probabilities with those outside the nucleus at 0, sorted, with their columns; unsorted and None for top-p 1."""
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p >= 1.0:
        return probabilities, None
    probabilities, ids = probabilities.sort(dim=-1, descending=True, stable=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    return probabilities.masked_fill(before >= sampling.top_p, 0.0), ids
