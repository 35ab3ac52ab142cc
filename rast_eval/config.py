"""Frozen settings, built once in the command line and passed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Backend = Literal["hf", "vllm"]


@dataclass(frozen=True)
class ModelRef:
    """A checkpoint: `ModelRef("Qwen/Qwen2.5-32B", "main")` or a local folder.

    Attributes:
        path: hub id or absolute local path.
        revision: git revision on the hub; None for its default branch or a local folder.
        name: short name for tables, e.g. `32b`.
    """

    path: str
    revision: str | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """Short name where there is one, else the path."""
        return self.name or self.path


@dataclass(frozen=True)
class Delta:
    """ΔR = weight · (expert − antiexpert), Eq. 3.

    Attributes:
        weight: λ, any finite number.
    """

    expert: ModelRef
    antiexpert: ModelRef
    weight: float = 1.0


@dataclass(frozen=True)
class System:
    """What generates: one model, or a base with its deltas."""

    base: ModelRef
    deltas: tuple[Delta, ...] = ()

    @property
    def members(self) -> tuple[ModelRef, ...]:
        """Distinct checkpoints, the base first; one that is used twice stands once."""
        unique = {(self.base.path, self.base.revision): self.base}
        for delta in self.deltas:
            for ref in (delta.expert, delta.antiexpert):
                unique.setdefault((ref.path, ref.revision), ref)
        return tuple(unique.values())

    @property
    def weights(self) -> tuple[float, ...]:
        """Coefficient of each member's logits in the fused logits, aligned with `members`."""
        total = {(ref.path, ref.revision): 0.0 for ref in self.members}
        total[self.base.path, self.base.revision] += 1.0
        for delta in self.deltas:
            total[delta.expert.path, delta.expert.revision] += delta.weight
            total[delta.antiexpert.path, delta.antiexpert.revision] -= delta.weight
        return tuple(total.values())


@dataclass(frozen=True)
class Sampling:
    """How one token is drawn from the fused logits.

    Attributes:
        temperature: 0 means greedy.
        top_p: nucleus mass in (0, 1].
        max_tokens: limit on generated tokens.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int = 16384

    @property
    def greedy(self) -> bool:
        """Whether every step takes the most probable token."""
        return self.temperature == 0.0


@dataclass(frozen=True)
class CodeScoring:
    """How programs are judged; the math scorers need none of it.

    Attributes:
        rules: EvalPlus's time limits, `master` or `0.3.1`.
        lcb_io: the LiveCodeBench verdict that counts, `process` or `official`.
        unsafe: run programs without bubblewrap.
    """

    rules: str = "master"
    lcb_io: str = "process"
    unsafe: bool = False

    def options(self, scorer: str) -> dict[str, Any]:
        """Keyword arguments of `scoring.get_scorer` for `scorer`."""
        if scorer == "evalplus":
            return {"rules": self.rules, "unsafe": self.unsafe}
        return {"lcb_io": self.lcb_io, "unsafe": self.unsafe} if scorer == "livecodebench" else {}


DEFAULT_CODE = CodeScoring()


@dataclass(frozen=True)
class EngineConfig:
    """Where and how the models run; field names are vLLM's.

    Attributes:
        dtype: `auto` (the base's own; float32 on a CPU with transformers), or a torch dtype name.
        max_num_seqs: sequences decoded together; None leaves it to the backend.
        max_model_len: context in tokens; None for the members' smallest.
        extra: further keyword arguments for `vllm.LLM`.
    """

    backend: Backend = "hf"
    dtype: str = "auto"
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    enforce_eager: bool = False
    seed: int = 0
    offline: bool = False
    extra: dict[str, object] = field(default_factory=dict)
