"""How many 80 GB cards a system needs, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rast_eval.inputs.models import shape_of
from rast_eval.paper.memory import power_of_two
from rast_eval.types import System

CARD_BYTES = 80e9
USABLE = 0.9 * 0.75
"""Of a card's memory for weights: vLLM's share, and a quarter of it kept for the KV cache."""


def weight_bytes(system: System) -> float:
    """bfloat16 weights of all members; a member of unknown shape counts as nothing."""
    shapes = (shape_of(ref) for ref in system.members)
    return math.fsum(2.0 * shape.parameters for shape in shapes if shape)


def gpus_for(systems: Iterable[System]) -> int:
    """Least power of two of cards that holds the largest of the systems."""
    return power_of_two(max(map(weight_bytes, systems)) / (CARD_BYTES * USABLE))
