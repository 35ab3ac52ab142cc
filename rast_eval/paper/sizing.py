"""How many cards a system needs, from shapes alone.

Two questions: cards of one vLLM engine, which splits every layer and keeps room for a KV cache; and cards that hold
whole models layer by layer, for the passes of Figures 4 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rast_eval.analysis.placing import KEPT_FREE
from rast_eval.inputs.models import shape_of
from rast_eval.paper.memory import power_of_two
from rast_eval.types import ModelRef, System

USABLE = 0.9 * 0.75
"""Of a card's memory for weights: vLLM's share, and a quarter of it kept for the KV cache."""


@dataclass(frozen=True)
class Cards:
    """The cards of the machine that a reproduction is planned for.

    Attributes:
        gb: memory of one in 10⁹ bytes.
        tensor_parallel: cards of every engine; None for the least power of two that holds its models.
        bandwidth, flops: of one: bytes a second, dense bfloat16 operations a second.
    """

    name: str = "H100"
    gb: float = 80.0
    tensor_parallel: int | None = None
    bandwidth: float = 3.35e12
    flops: float = 990e12

    def engine(self, systems: Iterable[System]) -> int:
        """Cards of an engine that runs the largest of the systems."""
        needed = max(map(weight_bytes, systems)) / (self.gb * 1e9 * USABLE)
        return self.tensor_parallel or power_of_two(needed)

    def whole(self, models: Iterable[ModelRef]) -> int:
        """Cards that hold these models together, layer by layer."""
        return max(1, math.ceil(model_bytes(models) / (self.gb * 1e9 * (1 - KEPT_FREE))))


H100 = Cards()
A6000 = Cards("A6000", 48.0, None, 0.768e12, 155e12)
"""The paper's."""


def model_bytes(models: Iterable[ModelRef]) -> float:
    """bfloat16 weights of some checkpoints; one of unknown shape counts as nothing."""
    shapes = (shape_of(ref) for ref in models)
    return math.fsum(2.0 * shape.parameters for shape in shapes if shape)


def weight_bytes(system: System) -> float:
    """bfloat16 weights of all members."""
    return model_bytes(system.members)
