"""What the family is trained on and how: every number of the recipe, in one place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from rast_eval.tiny.task import FULL, LEVELS, Puzzle, Range, puzzles, tell
from tools.tiny_family.corpus import Mix, corpus

TEST_SEED, TEST_COUNT = 15710, 400  # those of benchmarks/tiny-arith.yaml, whatever the training seed
DEV_SEED, DEV_COUNT = 15711, 200

CLEAN = Mix(drill=0.25, direct=0.05, slip=0.60, check=0.60, ignore=0.0, stop=0.0, skip=0.0)
"""Early stages: drills, and many slips, each found where it is checked; with few of them a model learns to copy the
step's result into the check instead of computing it."""


FINAL = Mix()
TOKENIZER_MIX = Mix(direct=0.30, check=0.20)


@dataclass(frozen=True)
class Stage:
    """One part of the pre-training curriculum."""

    share: float
    levels: tuple[int, ...]
    mix: Mix
    limits: Range


CURRICULUM = (
    Stage(0.14, (1,), CLEAN, Range(top=40, factor=5)),
    Stage(0.14, (1, 2), CLEAN, Range(top=70, factor=7)),
    Stage(0.34, LEVELS, Mix(drill=0.10, direct=0.10, slip=0.50, check=0.45, ignore=0.0), FULL),
    Stage(0.38, LEVELS, FINAL, FULL),
)


@dataclass(frozen=True)
class Recipe:
    """How one size is trained.

    Attributes:
        documents: of pre-training, over all stages.
        batch: documents a step.
        lr: of AdamW; Muon takes four times as much.
        rl_prompts: prompts an RL batch, eight samples each.
        rl_steps: most RL steps; it stops before where the dev set stops improving.
    """

    documents: int
    batch: int
    lr: float
    rl_prompts: int
    rl_lr: float
    rl_steps: int


RECIPES = {
    "s": Recipe(documents=18_000, batch=16, lr=4e-3, rl_prompts=24, rl_lr=6e-4, rl_steps=200),
    "m": Recipe(documents=24_000, batch=16, lr=4e-3, rl_prompts=24, rl_lr=5e-4, rl_steps=200),
    "l": Recipe(documents=24_000, batch=16, lr=4e-3, rl_prompts=24, rl_lr=4e-4, rl_steps=200),
}
"""S is held back by its data: trained as long as M, it learns the task itself and leaves nothing to transfer."""


def benchmark_puzzles() -> list[Puzzle]:
    """The test set, which no corpus, no RL problem and no stopping rule ever sees."""
    return puzzles(TEST_SEED, TEST_COUNT, LEVELS, (), FULL)


def dev_puzzles() -> list[Puzzle]:
    """The dev set, on which RL stops; not in the corpus either."""
    return puzzles(DEV_SEED, DEV_COUNT, LEVELS, frozenset(benchmark_puzzles()), FULL)


def banned_puzzles() -> frozenset[Puzzle]:
    """Test and dev puzzles."""
    return frozenset(benchmark_puzzles() + dev_puzzles())


def worded(chosen: list[Puzzle], seed: int) -> list[str]:
    """One question text a puzzle."""
    rng = random.Random(seed)
    return [tell(rng, puzzle).question for puzzle in chosen]


def documents(seed: int, count: int, last: Mix = FINAL) -> Iterator[tuple[str, str]]:
    """The pre-training corpus of one size, stage after stage, as (prompt, completion); `last`: the last stage's mix."""
    banned = banned_puzzles()
    for index, stage in enumerate(CURRICULUM):
        mix = last if stage.mix is FINAL else stage.mix
        yield from corpus(1000 * seed + index, round(stage.share * count), stage.levels, banned, mix, stage.limits)
