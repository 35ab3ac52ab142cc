"""Pre-training of one size: AdamW and Muon over a curriculum of corpora, one pass each."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from tools.tiny_family.model import TinyModel
from tools.tiny_family.sample import pad_right
from tools.tiny_family.tokenizer import EOS

PROMPT_WEIGHT = 0.1  # of a prompt token in the loss: its names and numbers cannot be predicted
WARM_UP = 60  # batches
POOL = 32  # batches that are sorted by length together


@dataclass(frozen=True)
class Document:
    """Token ids and how many of them are the prompt."""

    ids: tuple[int, ...]
    prompt: int


def encode(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[Document]:
    """(prompt, completion) texts as token ids with an end token."""
    prompts = tokenizer.encode_batch([prompt for prompt, _ in pairs])
    completions = tokenizer.encode_batch([completion for _, completion in pairs])
    return [Document((*p.ids, *c.ids, EOS), len(p.ids)) for p, c in zip(prompts, completions, strict=True)]


def batches(documents: Sequence[Document], size: int, rng: random.Random) -> Iterator[list[Document]]:
    """Batches of documents of similar length, in an order that is shuffled within each pool."""
    for start in range(0, len(documents), size * POOL):
        pool = sorted(documents[start : start + size * POOL], key=lambda document: len(document.ids))
        parts = [pool[i : i + size] for i in range(0, len(pool), size)]
        rng.shuffle(parts)
        yield from parts


class Muon:
    """Momentum with orthogonalised updates for matrices (Jordan et al., 2024), equal shapes in one batch."""

    def __init__(self, parameters: Sequence[Tensor], lr: float, momentum: float = 0.95) -> None:
        self.lr, self.momentum = lr, momentum
        self.groups: dict[torch.Size, list[Tensor]] = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.buffers = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update at `scale` times the learning rate."""
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group if parameter.grad is not None])
            buffer = self.buffers[shape].lerp_(gradient, 1 - self.momentum)
            update = _orthogonal(gradient.lerp(buffer, self.momentum))
            rate = self.lr * scale * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1 - 0.01 * self.lr * scale).sub_(change, alpha=rate)


def _orthogonal(x: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices by five Newton–Schulz steps: `[count, rows, columns]`."""
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Pretraining:
    """Training of one model in place; `state_dict` and `load_state_dict` make it resumable after any `step`.

    The loss is divided by a constant, not by each batch's tokens: else batches of short documents, which are the
    direct answers, would weigh more.

    Attributes:
        done, total: batches.
        loss: mean over the last fifty batches or so, nats a completion token.
    """

    def __init__(self, model: TinyModel, documents: Sequence[Document], batch_size: int, lr: float, seed: int) -> None:
        self.model, self.lr = model, lr
        self.order = list(batches(documents, batch_size, random.Random(seed)))
        self.total, self.done, self.loss = len(self.order), 0, 0.0
        self.denominator = batch_size * sum(len(d.ids) - d.prompt for d in documents) / len(documents)
        matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
        rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
        self.muon = Muon(matrices, lr=4 * lr)
        self.adam = torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)

    def step(self) -> None:
        """One batch, one update."""
        scale = min((self.done + 1) / WARM_UP, 1) * (
            0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * self.done / self.total))
        )
        for group in self.adam.param_groups:
            group["lr"] = self.lr * scale
        loss = self._loss(self.order[self.done])
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adam.step()
        self.muon.step(scale)
        self.loss = 0.98 * self.loss + 0.02 * loss.item() if self.done else loss.item()
        self.done += 1

    def _loss(self, batch: Sequence[Document]) -> Tensor:
        ids = pad_right([document.ids for document in batch])
        weight = torch.zeros(ids.shape)
        for row, document in zip(weight, batch, strict=True):
            row[: document.prompt] = PROMPT_WEIGHT
            row[document.prompt : len(document.ids)] = 1.0
        keep = weight[:, 1:] > 0
        logits = self.model.logits(self.model.hidden(ids)[:, :-1][keep])
        return F.cross_entropy(logits, ids[:, 1:][keep], reduction="none") @ weight[:, 1:][keep] / self.denominator

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "adam": self.adam.state_dict(),
            "muon": self.muon.buffers,
            "done": self.done,
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.adam.load_state_dict(state["adam"])
        self.muon.buffers = state["muon"]
        self.done, self.loss = state["done"], state["loss"]
