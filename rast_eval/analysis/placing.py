"""Where a whole model goes on a machine with several cards: on one of them, or its layers over several in turn.

The passes of Figures 4 and 5 need every logit and so run on transformers, where tensor parallelism does not help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rast_eval.errors import BackendError, OutOfMemory

KEPT_FREE = 0.1
"""Share of a card's memory for caches, logits and the libraries."""


def room_of_cards() -> dict[int, int]:
    """Bytes that each card of this machine has left for weights."""
    import torch

    cards = range(torch.cuda.device_count())
    memory = [torch.cuda.mem_get_info(card) for card in cards]
    return {card: int(free - KEPT_FREE * total) for card, (free, total) in zip(cards, memory, strict=True)}


def place(model: Any, room: Mapping[int, int]) -> Any:
    """The model on the first card that holds it, else its layers over several; on the CPU without a card.

    Raises:
        OutOfMemory: all cards together do not hold it.
        BackendError: it needs several, and accelerate is missing.
    """
    if not room:
        return model
    need = model.get_memory_footprint()
    fitting = [card for card, free in room.items() if free >= need]
    if fitting:
        return model.to(f"cuda:{fitting[0]}")
    layers = layers_over(model, room)
    from accelerate import dispatch_model

    return dispatch_model(model, device_map=layers)


def layers_over(model: Any, room: Mapping[int, int]) -> dict[str, int]:
    """Which card holds which part of a model, the first card filled first.

    Raises:
        OutOfMemory, BackendError: as `place`.
    """
    try:
        from accelerate import infer_auto_device_map
    except ImportError as error:
        raise BackendError(
            "One of these models is larger than a card, and accelerate, which spreads layers over several, is missing.",
            "Type `pip install accelerate`, or take smaller models.",
        ) from error
    found = infer_auto_device_map(model, max_memory=dict(room), no_split_module_classes=model._no_split_modules)
    if outside := [part for part, card in found.items() if card not in room]:
        raise OutOfMemory(
            f"{len(room)} cards with {sum(room.values()) / 1e9:.0f} GB left do not hold a model of "
            f"{model.get_memory_footprint() / 1e9:.0f} GB: no room for {outside[0]}.",
            "Take more or larger cards; `rast-eval paper make figure4 figure5 --dry-run` says how many.",
        )
    return {part: int(card) for part, card in found.items()}
