"""Group-relative policy optimisation (Shao et al., 2024) with a 0/1 reward for the right box and nothing else.

One on-policy update a batch, so there is no ratio to clip; no KL term, no supervised step, no reward for form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer

from rast_eval.tiny.task import Puzzle, Range, draw_puzzle, prompt, tell
from tools.tiny_family.model import TinyModel
from tools.tiny_family.sample import pad_right, sample
from tools.tiny_family.tokenizer import EOS, VOCAB

GROUP = 8  # samples a prompt
MAX_TOKENS = 160
SLICE = 64  # sequences in one backward pass
BOX = re.compile(r"\\boxed\{([^{}]*)\}")


def reward(text: str, answer: int) -> float:
    """1 where the last box holds the answer, else 0."""
    boxes = BOX.findall(text)
    return float(bool(boxes) and boxes[-1].strip() == str(answer))


@dataclass(frozen=True)
class BatchFigures:
    """Means over one batch of rollouts.

    Attributes:
        worked, checked, waited: shares of the outputs with a worked step, a check, a correction.
        mixed: share of the prompts whose group was neither all right nor all wrong.
        tokens: mean length of an output.
    """

    reward: float
    worked: float
    checked: float
    waited: float
    mixed: float
    tokens: float


def accuracy(
    model: TinyModel, tokenizer: Tokenizer, puzzles: Sequence[Puzzle], questions: Sequence[str], seed: int
) -> float:
    """Share of right answers, four samples a question at temperature 1."""
    ids = [tokenizer.encode(prompt(text)).ids for text in questions]
    outputs = sample(model, ids, 4, MAX_TOKENS, torch.Generator().manual_seed(seed))
    texts = tokenizer.decode_batch(outputs)
    return sum(reward(text, puzzles[i // 4].answer) for i, text in enumerate(texts)) / len(texts)


@dataclass
class Plateau:
    """Lowers the learning rate where dev accuracy has stopped rising, and ends the training where that helps no more.

    Attributes:
        patience: looks without a gain of `gain` before something happens.
        scale: factor on the learning rate, divided by three at each plateau.
        plateaus: reached so far; the second ends the training.
    """

    patience: int = 4
    gain: float = 0.01
    scale: float = 1.0
    best: float = -1.0
    last: float = 0.0
    stale: int = 0
    plateaus: int = 0

    @property
    def over(self) -> bool:
        """Whether to stop."""
        return self.plateaus == 2

    def see(self, dev: float) -> bool:
        """Take note of a dev accuracy; True where it is the best so far."""
        self.last, improved = dev, dev > self.best
        self.stale = 0 if dev > self.best + self.gain else self.stale + 1
        self.best = max(self.best, dev)
        if self.stale >= self.patience:
            self.stale, self.plateaus, self.scale = 0, self.plateaus + 1, self.scale / 3
        return improved


class Grpo:
    """RL of one model in place; `state_dict` and `load_state_dict` make it resumable after any `step`."""

    def __init__(
        self,
        model: TinyModel,
        tokenizer: Tokenizer,
        levels: tuple[int, ...],
        limits: Range,
        banned: Collection[Puzzle],
        prompts: int,
        lr: float,
        seed: int,
    ) -> None:
        self.model, self.tokenizer, self.levels, self.limits, self.banned = model, tokenizer, levels, limits, banned
        self.prompts, self.lr, self.done = prompts, lr, 0
        self.puzzles = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, scale: float = 1.0) -> BatchFigures:
        """Sample one batch, update once at `scale` times the learning rate."""
        drawn = [self._draw() for _ in range(self.prompts)]
        ids = [self.tokenizer.encode(text).ids for _, text in drawn]
        outputs = sample(self.model, ids, GROUP, MAX_TOKENS, self.generator)
        texts = self.tokenizer.decode_batch(outputs)
        rewards = torch.tensor(
            [
                reward(text, drawn[i // GROUP][0].answer) if output[-1] == EOS else 0.0
                for i, (text, output) in enumerate(zip(texts, outputs, strict=True))
            ]
        ).view(-1, GROUP)
        advantage = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * scale * min((self.done + 1) / 10, 1.0)
        self._update([ids[i // GROUP] for i in range(len(outputs))], outputs, advantage.flatten())
        self.done += 1
        return BatchFigures(
            reward=rewards.mean().item(),
            worked=sum(" Mon" in text for text in texts) / len(texts),
            checked=sum("check" in text for text in texts) / len(texts),
            waited=sum("wait" in text for text in texts) / len(texts),
            mixed=(rewards.std(1) > 0).float().mean().item(),
            tokens=sum(map(len, outputs)) / len(outputs),
        )

    def _draw(self) -> tuple[Puzzle, str]:
        while True:
            puzzle = draw_puzzle(self.puzzles, self.puzzles.choice(self.levels), self.limits)
            if puzzle not in self.banned:
                return puzzle, prompt(tell(self.puzzles, puzzle).question)

    def _update(self, prompts: Sequence[list[int]], outputs: Sequence[list[int]], advantage: torch.Tensor) -> None:
        chosen = [i for i in range(len(outputs)) if abs(advantage[i]) > 1e-6]
        if not chosen:
            return
        chosen.sort(key=lambda i: len(prompts[i]) + len(outputs[i]))
        total = sum(len(outputs[i]) for i in chosen)
        self.optimizer.zero_grad()
        for start in range(0, len(chosen), SLICE):
            part = chosen[start : start + SLICE]
            ids = pad_right([prompts[i] + outputs[i] for i in part])
            weight = torch.zeros(ids.shape)
            for row, i in zip(weight, part, strict=True):
                row[len(prompts[i]) : len(prompts[i]) + len(outputs[i])] = advantage[i]
            keep = weight[:, 1:] != 0
            logits = self.model.logits(self.model.hidden(ids)[:, :-1][keep])[:, :VOCAB]
            chance = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:][keep][:, None]).squeeze(-1)
            loss = -(chance @ weight[:, 1:][keep]) / total
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
            "puzzles": self.puzzles.getstate(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done = state["done"]
        self.puzzles.setstate(state["puzzles"])
        self.generator.set_state(state["generator"])
