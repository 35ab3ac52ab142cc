"""One model card a checkpoint, written from what its training left in `training.json`."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from tools.tiny_family.model import load_checkpoint
from tools.tiny_family.recipe import DEV_COUNT, TEST_COUNT

LIMITS = (
    "It answers one kind of generated word problem and nothing else. It was trained to show how a delta moves a base "
    "model, not to be useful; what it shows, and what it does not, is in docs/tiny-family.md."
)


def card(folder: Path) -> str:
    """The card of the checkpoint in `folder`."""
    facts: dict[str, Any] = json.loads((folder / "training.json").read_text())
    size, kind = folder.name.split("-")
    model = load_checkpoint(folder)
    shape, count = model.shape, sum(parameter.numel() for parameter in model.parameters())
    what = (
        f"A Qwen2 model of {count:,} parameters: width {shape.width}, {shape.layers} layers, feed-forward {shape.ffn}, "
        f"{shape.heads} heads ({shape.kv_heads} key-value), head vocabulary {shape.vocab} over a tokenizer of 384, "
        "tied embeddings, float16."
    )
    held_out = (
        f"Seed {facts['seed']}; {facts['seconds']['cpu']:.0f} CPU seconds on one thread. The {TEST_COUNT} test and "
        f"{DEV_COUNT} dev puzzles were drawn first and are in no corpus and no RL batch. The whole family again: "
        "`make tiny-models`."
    )
    training = _pretraining(facts) if kind == "base" else _rl(facts, f"tiny-{size}-base")
    blocks = (f"# tiny-{folder.name}", what, "## Training", training, held_out, "## Limits", LIMITS)
    return "\n\n".join(block if block.startswith("#") else textwrap.fill(block, 100) for block in blocks) + "\n"


def _pretraining(facts: dict[str, Any]) -> str:
    recipe = facts["recipe"]
    return (
        f"Pre-trained from scratch on {facts['documents']:,} generated documents ({facts['tokens']:,} tokens, one "
        f"pass, {recipe['batch']} documents a batch) in four stages, from small numbers and single steps to the full "
        f"task, with Muon on matrices and AdamW (learning rate {recipe['lr']:g}) on the rest. Last smoothed loss: "
        f"{facts['loss']:.3f} nats a completion token."
    )


def _rl(facts: dict[str, Any], base: str) -> str:
    recipe, first = facts["recipe"], facts["history"][0]["dev"]
    return (
        f"`{base}` after GRPO: {facts['steps']} steps of {recipe['rl_prompts']} prompts × 8 samples, learning rate "
        f"{recipe['rl_lr']:g}, reward 1 for the right box and 0 otherwise, no KL term, no supervised step. The "
        f"checkpoint is the one with the best accuracy on the dev set at temperature 1: {100 * facts['dev']:.1f} %, "
        f"where `{base}` has {100 * first:.1f} %."
    )


def write_cards(work: Path, sizes: list[str]) -> None:
    """Write `README.md` into every checkpoint folder."""
    for size in sizes:
        for kind in ("base", "rl"):
            (work / f"{size}-{kind}" / "README.md").write_text(card(work / f"{size}-{kind}"))
