"""Whether weights, KV cache and work space fit, from config files alone, and which flag to change where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rast_eval import machine
from rast_eval.config import LOCAL, EngineConfig
from rast_eval.decoding.checks import context_length
from rast_eval.decoding.speculation import draft_bytes, resident
from rast_eval.errors import OutOfMemory
from rast_eval.inputs.models import shape_of
from rast_eval.inputs.shapes import DTYPE_BYTES, config_of
from rast_eval.machine import main_memory, shown_bytes
from rast_eval.types import ModelRef, System

LOGIT_BYTES = 10
"""Of one column of one row: a member's logits in 16 bits, the fused ones and the probabilities in 32."""

USEFUL_CONTEXT = 1024
"""A shorter context is not worth proposing."""

LARGE_CARD = 70 << 30
"""From so much memory on vLLM decodes more sequences together: (sequences, tokens of a step)."""
BATCH_LARGE, BATCH_SMALL = (1024, 16384), (256, 8192)


@dataclass(frozen=True)
class MemoryPlan:
    """What a system needs, in bytes over all devices of one engine.

    Attributes:
        weights: of all members; a checkpoint that is used twice counts once, an expert that drafts beside itself twice.
        drafts: distributions of the tokens that an expert drafts.
        activations: of the widest layer of a full step.
        each: on every device: hidden states of a full step, fused logits of all sequences.
        kv_per_token: keys and values of all members.
        context: tokens of the longest sequence that is planned for.
        devices: GPUs of one engine: tensor × pipeline parallel size.
        device: bytes of one device; None where there is none to ask about.
        share: part of it that the engine may use.
    """

    weights: int
    drafts: int
    activations: int
    each: int
    kv_per_token: int
    context: int
    devices: int
    device: int | None
    share: float

    def room(self, devices: int) -> float:
        """Bytes for KV cache on so many devices; negative where not even the weights fit, infinite without a device."""
        if self.device is None:
            return math.inf
        return (self.device * self.share - self.each) * devices - self.weights - self.drafts - self.activations

    @property
    def sequences(self) -> int | None:
        """Sequences of full length whose KV cache fits beside the weights; None without a device."""
        if self.device is None:
            return None
        return max(0, int(self.room(self.devices) // max(1, self.kv_per_token * self.context)))

    @property
    def fits(self) -> bool:
        """Whether one sequence of full length can be decoded."""
        return self.sequences != 0

    @property
    def devices_needed(self) -> int | None:
        """Smallest power of two of such devices that holds one sequence of full length; None if no number does."""
        sizes = (1 << power for power in range(11))
        enough = (size for size in sizes if self.room(size) >= self.kv_per_token * self.context)
        return None if self.device is None else next(enough, None)

    @property
    def flag(self) -> str:
        """The flag that makes it fit, as typed."""
        tokens = int(self.room(self.devices) // max(1, self.kv_per_token)) if self.device is not None else 0
        if tokens >= USEFUL_CONTEXT:
            return f"--max-model-len {tokens}"
        if self.devices_needed is not None:
            return f"--tensor-parallel-size {self.devices_needed}"
        return "--max-num-seqs 8"

    def advice(self) -> str:
        """One sentence: what fits, or what does not and which flag changes it."""
        sequence = shown_bytes(self.kv_per_token * self.context)
        need = f"weights {shown_bytes(self.weights)}, KV cache {sequence} a full sequence"
        need += f", drafts {shown_bytes(self.drafts)}" if self.drafts else ""
        if self.device is None:
            return f"{need}."
        work = self.activations / self.devices + self.each
        have = f"{self.devices} × {shown_bytes(self.device)} × {self.share:g}"
        need = f"{need}, work space {shown_bytes(work)} a device"
        if self.fits:
            return f"{need}: {have} holds {self.sequences} full sequences at once."
        return f"{need}: {have} is too little; {self.flag} fits."


def plan_memory(
    system: System, config: EngineConfig, *, longest: int | None = None, device: int | None = None
) -> MemoryPlan | None:
    """What `system` needs under `config`; None where a member's shape is unknown.

    Args:
        longest: prompt and output tokens of the longest sequence; None for the whole context window.
        device: bytes of one device; None for this machine's, if it has a GPU.
    """
    system = system.loaded
    members = resident(system, config)
    shapes = [shape for ref in members if (shape := shape_of(ref))]
    context = context_length(system, config)
    if len(shapes) < len(members) or context is None:
        return None
    dtype, device = meant_dtype(config), device or gpu_bytes()
    wide = DTYPE_BYTES.get(dtype, 2)
    rows, tokens = BATCH_LARGE if device is not None and device >= LARGE_CARD else BATCH_SMALL
    if config.backend == "hf":  # the rows that fit are decoded together, and no step is filled up
        rows, tokens = 1, 1
    rows = config.max_num_seqs or rows
    hidden = [shape.hidden_size for shape in shapes]
    return MemoryPlan(
        weights=sum(weight_bytes(ref, dtype) or 0 for ref in members),
        drafts=draft_bytes(system, config, rows),
        # Gate and up projection, and their product, of the one layer that is computed.
        activations=3 * tokens * wide * max(shape.intermediate_size for shape in shapes),
        # Residual, input and two copies of what all members return; logits of the sequences that are sampled.
        each=tokens * wide * 2 * (max(hidden) + sum(hidden))
        + LOGIT_BYTES * rows * min(shape.vocab_size for shape in shapes),
        kv_per_token=sum(shape.kv_bytes_per_token(wide) for shape in shapes),
        context=min(context, longest or context),
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
    """Memory of the smallest visible GPU, asked of its driver; None on a machine without any."""
    return machine.card_bytes()


def check_memory(system: System, config: EngineConfig) -> None:
    """Refuse an engine that cannot hold its weights, its work space and one sequence, before anything is loaded.

    Raises:
        OutOfMemory: names the sizes and the flag to change.
        BackendError: the driver of this machine's GPU does not answer.
    """
    plan = plan_memory(system, config, device=gpu_bytes() or main_memory())
    if plan is not None and not plan.fits:
        told, _, _ = plan.advice().rpartition(";")
        more = "" if config.backend == "vllm" or "tensor" not in plan.flag else "--backend vllm with "
        raise OutOfMemory(
            f"{system.label} does not fit: {told}.",
            f"Type {more}{plan.flag}, or choose smaller models.",
        )
