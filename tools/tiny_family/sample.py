"""Batched sampling from a tiny model with a key-value cache, for RL rollouts and for stopping decisions.

Rows lie right-padded in the cache, each at its own length, so that prompts of different lengths need no left padding;
a finished row's slot is given up once enough rows are done.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from tools.tiny_family.model import HEAD_DIM, TinyModel, rotary
from tools.tiny_family.tokenizer import EOS, PAD, VOCAB


def pad_right(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of token ids as one int64 matrix, padded at the end."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows])


@torch.inference_mode()
def sample(
    model: TinyModel,
    prompts: Sequence[Sequence[int]],
    group: int,
    max_tokens: int,
    generator: torch.Generator,
    greedy: bool = False,
) -> list[list[int]]:
    """`group` continuations of each prompt at temperature 1, prompt by prompt; the end token is kept where it came."""
    shape = model.shape
    lengths = torch.tensor([len(row) for row in prompts])
    ids = pad_right(prompts)
    count, longest = ids.shape
    cos, sin = rotary(torch.arange(longest + max_tokens))
    x = model.embed_tokens(ids)
    keys: list[Tensor] = []
    values: list[Tensor] = []
    for layer in model.layers:
        q, k, v = layer.qkv(x, cos[:longest], sin[:longest])  # type: ignore[operator]
        grouped = shape.heads != shape.kv_heads
        x = layer.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped))  # type: ignore[operator]
        for store, new in ((keys, k), (values, v)):
            cache = torch.zeros(count * group, shape.kv_heads, longest + max_tokens, HEAD_DIM)
            cache[:, :, :longest] = new.repeat_interleave(group, 0)
            store.append(cache)
    last = model.norm(x[torch.arange(count), lengths - 1]).repeat_interleave(group, 0)
    position = lengths.repeat_interleave(group)
    outputs: list[list[int]] = [[] for _ in range(count * group)]
    live = torch.arange(count * group)
    for _ in range(max_tokens):
        scores = model.logits(last)[:, :VOCAB]
        if greedy:
            token = scores.argmax(-1)
        else:
            noise = torch.empty_like(scores).exponential_(generator=generator)
            token = (torch.softmax(scores, -1) / noise).argmax(-1)
        for row, new_id in zip(live.tolist(), token.tolist(), strict=True):
            if not outputs[row] or outputs[row][-1] != EOS:
                outputs[row].append(new_id)
        alive = torch.tensor([outputs[row][-1] != EOS for row in live.tolist()])
        if not alive.any():
            break
        if alive.float().mean() < 0.8:
            live, token, position = live[alive], token[alive], position[alive]
            keys, values = [k[alive] for k in keys], [v[alive] for v in values]
        last = _decode(model, token, position, keys, values, cos[position], sin[position])
        position = position + 1
    return outputs


def _decode(
    model: TinyModel,
    token: Tensor,
    position: Tensor,
    keys: list[Tensor],
    values: list[Tensor],
    cos: Tensor,
    sin: Tensor,
) -> Tensor:
    """One decode step: hidden states `[rows, width]`, the caches extended in place at `position`."""
    shape, rows, end = model.shape, torch.arange(len(token)), int(position.max()) + 1
    mask = torch.where(torch.arange(end) <= position[:, None], 0.0, -torch.inf)[:, None, None]
    cos, sin = cos[:, None, None], sin[:, None, None]
    x = model.embed_tokens(token)[:, None]
    for layer, key, value in zip(model.layers, keys, values, strict=True):
        q, k, v = layer.qkv(x, cos, sin)  # type: ignore[operator]
        key[rows, :, position], value[rows, :, position] = k[:, :, 0], v[:, :, 0]
        q = q.reshape(len(token), shape.kv_heads, -1, HEAD_DIM)  # heads that share a key-value head side by side
        weights = torch.softmax(q @ key[:, :, :end].mT * HEAD_DIM**-0.5 + mask, -1)
        x = layer.finish(x, (weights @ value[:, :, :end]).reshape(len(token), shape.heads, 1, HEAD_DIM))  # type: ignore[operator]
    return model.norm(x[:, 0])  # type: ignore[no-any-return]
