"""Whether weights and KV cache fit, from config files alone, and which flag to change where they do not."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

from rast_eval.config import LOCAL, EngineConfig
from rast_eval.decoding.speculation import draft_bytes, resident
from rast_eval.errors import OutOfMemory
from rast_eval.inputs.models import shape_of
from rast_eval.inputs.shapes import DTYPE_BYTES, config_of
from rast_eval.types import ModelRef, System

GB = 1e9


@dataclass(frozen=True)
class MemoryPlan:
    """What a system needs, in bytes over all devices of one engine.

    Attributes:
        weights: of all members; a checkpoint that is used twice counts once, an expert that drafts beside itself twice.
        drafts: distributions of the tokens that an expert drafts.
        kv_per_token: keys and values of all members.
        context: tokens of the longest sequence that is planned for.
        devices: GPUs of one engine: tensor × pipeline parallel size.
        device: bytes of one device; None where there is none to ask about.
        share: part of it that the engine may use.
    """

    weights: int
    drafts: int
    kv_per_token: int
    context: int
    devices: int
    device: int | None
    share: float

    @property
    def budget(self) -> float:
        """Bytes that all devices grant; infinite where there is no device."""
        return math.inf if self.device is None else self.device * self.share * self.devices - self.drafts

    @property
    def sequences(self) -> int | None:
        """Sequences of full length whose KV cache fits beside the weights; None without a device."""
        if self.device is None:
            return None
        return max(0, int((self.budget - self.weights) // max(1, self.kv_per_token * self.context)))

    @property
    def fits(self) -> bool:
        """Whether one sequence of full length can be decoded."""
        return self.sequences != 0

    @property
    def devices_needed(self) -> int | None:
        """Smallest power of two of such devices that holds weights and one sequence."""
        if self.device is None:
            return None
        need = (self.weights + self.drafts + self.kv_per_token * self.context) / (self.device * self.share)
        return 1 << max(0, math.ceil(math.log2(need)))

    def advice(self) -> str:
        """One sentence: what fits, or what does not and which flag changes it."""
        need = f"weights {_size(self.weights)}, KV cache {_size(self.kv_per_token * self.context)} a full sequence"
        need += f", drafts {_size(self.drafts)}" if self.drafts else ""
        if self.device is None:
            return f"{need}."
        have = f"{self.devices} × {_size(self.device)} × {self.share:g}"
        if self.fits:
            return f"{need}: {have} holds {self.sequences} full sequences at once."
        if self.weights < self.budget:
            tokens = int((self.budget - self.weights) // max(1, self.kv_per_token))
            return f"{need}: {have} is too little; --max-model-len {tokens} fits."
        return f"{need}: {have} is too little; --tensor-parallel-size {self.devices_needed} fits."


def plan_memory(
    system: System, config: EngineConfig, *, longest: int | None = None, device: int | None = None
) -> MemoryPlan | None:
    """What `system` needs under `config`; None where a member's shape is unknown.

    Args:
        longest: prompt and output tokens of the longest sequence; None for the whole context window.
        device: bytes of one device; None for this machine's, if it has a GPU.
    """
    members = resident(system, config)
    shapes = [shape_of(ref) for ref in members]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    limits = [config.max_model_len, longest, *(shape.max_position_embeddings for shape in known)]
    dtype, device = meant_dtype(config), device or gpu_bytes()
    return MemoryPlan(
        weights=sum(weight_bytes(ref, dtype) or 0 for ref in members),
        drafts=draft_bytes(system, config, device),
        kv_per_token=sum(shape.kv_bytes_per_token(DTYPE_BYTES.get(dtype, 2)) for shape in known),
        context=min(limit for limit in limits if limit),
        devices=config.tensor_parallel_size * config.pipeline_parallel_size,
        device=device,
        share=config.gpu_memory_utilization,
    )


def weight_bytes(ref: ModelRef, dtype: str = "auto") -> int | None:
    """Bytes of a member's weights; embeddings and head of a quantised checkpoint stay in 16 bits."""
    shape = shape_of(ref)
    if shape is None:
        return None
    config = config_of(ref) or {}
    wide = DTYPE_BYTES.get(dtype, 2)
    if dtype == "auto":
        wide = DTYPE_BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), 2)
    bits = quantized_bits(config)
    if bits is None:
        return shape.parameters * wide
    tables = shape.vocab_size * shape.hidden_size * (1 if shape.tie_word_embeddings else 2)
    return int(tables * wide + (shape.parameters - tables) * bits / 8)


def quantized_bits(config: dict[str, Any]) -> int | None:
    """Bits of a linear layer's weight by the checkpoint's `quantization_config`; None where it has none."""
    settings = config.get("quantization_config") or config.get("compression_config")
    if not settings:
        return None
    groups = settings.get("config_groups") or {}
    grouped = [group["weights"]["num_bits"] for group in groups.values() if group.get("weights")]
    declared = settings.get("bits") or settings.get("w_bit") or (max(grouped) if grouped else None)
    if declared is None and settings.get("load_in_4bit"):
        declared = 4
    return int(declared or 8)  # fp8 and int8 formats name no width


def meant_dtype(config: EngineConfig) -> str:
    """`config.dtype`, where `auto` means float32 on a CPU with transformers: half precision is emulated there."""
    emulated = config.dtype == "auto" and config.backend == "hf" and runs_on_cpu(config)
    return "float32" if emulated else config.dtype


def runs_on_cpu(config: EngineConfig) -> bool:
    """Whether engines run on this machine, and it has no GPU."""
    return config.ray in (None, LOCAL) and gpu_bytes() is None


def gpu_bytes() -> int | None:
    """Memory of the smallest visible GPU; None on a machine without any."""
    import torch

    if not torch.cuda.is_available():
        return None
    return min(torch.cuda.get_device_properties(index).total_memory for index in range(torch.cuda.device_count()))


def check_memory(system: System, config: EngineConfig) -> None:
    """Refuse an engine whose weights alone are larger than its devices, before anything is loaded.

    Raises:
        OutOfMemory: names the sizes and the flag to change.
    """
    plan = plan_memory(system, config, device=gpu_bytes() or main_memory())
    if plan is not None and plan.weights > plan.budget:
        have = f"{plan.devices} × {_size(plan.device or 0)} × --gpu-memory-utilization {plan.share:g}"
        more = "--tensor-parallel-size" if config.backend == "vllm" else "--backend vllm with --tensor-parallel-size"
        raise OutOfMemory(
            f"The weights of {system.label} take {_size(plan.weights)}, and {have} is less.",
            f"Type {more} {plan.devices_needed}, or choose smaller models.",
        )


def main_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _size(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB / 10 else f"{count / 1e6:.1f} MB"
