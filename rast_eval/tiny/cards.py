"""One model card a checkpoint, written from what its training left in `training.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rast_eval.tiny.model import load_checkpoint
from rast_eval.tiny.recipe import DEV_COUNT, TEST_COUNT

LIMITS = """It answers one kind of generated word problem and nothing else. It was trained to show how a delta moves a
base model, not to be useful; what it shows and what it does not is in docs/tiny-family.md."""


def card(folder: Path) -> str:
    """The card of the checkpoint in `folder`."""
    facts: dict[str, Any] = json.loads((folder / "training.json").read_text())
    size, kind = folder.name.split("-")
    model = load_checkpoint(folder)
    shape, count = model.shape, sum(parameter.numel() for parameter in model.parameters())
    recipe, seconds = facts["recipe"], facts["seconds"]
    if kind == "base":
        how = f"""Pre-trained from scratch on {facts["documents"]:,} generated documents
({facts["tokens"]:,} tokens, one pass, {recipe["batch"]} documents a batch) in four stages, from small numbers and
single steps to the full task, with Muon on matrices and AdamW (learning rate {recipe["lr"]:g}) on the rest. Last
smoothed loss: {facts["loss"]:.3f} nats a completion token."""
    else:
        how = f"""`tiny-{size}-base` after {facts["steps"]} steps of GRPO ({recipe["rl_prompts"]} prompts ×
8 samples a step, learning rate {recipe["rl_lr"]:g}, reward 1 for the right box, no KL term, no supervised step). The
checkpoint is the one with the best accuracy on the dev set, {100 * facts["dev"]:.1f} % at temperature 1."""
    return f"""# tiny-{folder.name}

A Qwen2 model of {count:,} parameters: width {shape.width}, {shape.layers} layers, feed-forward {shape.ffn},
{shape.heads} heads ({shape.kv_heads} key-value), head vocabulary {shape.vocab} over a tokenizer of 384, tied
embeddings, float16.

## Training

{how}

Seed {facts["seed"]}; {seconds["cpu"]:.0f} CPU seconds on one thread. The {TEST_COUNT} test and {DEV_COUNT} dev
puzzles were drawn first and are in no corpus and no RL batch. The whole family again: `make tiny-models`.

## Limits

{LIMITS}
"""


def write_cards(work: Path, sizes: list[str]) -> None:
    """Write `README.md` into every checkpoint folder."""
    for size in sizes:
        for kind in ("base", "rl"):
            (work / f"{size}-{kind}" / "README.md").write_text(card(work / f"{size}-{kind}"))
