"""What speculative RAST drafts with, what it accepts, and when it is refused; the same for both backends.

The expert is a member of the fused model anyway: it drafts γ tokens, one fused pass verifies them, and exact
rejection sampling keeps the distribution. docs/speculation.md says when that pays.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from rast_eval.config import AUTO, EngineConfig
from rast_eval.errors import UsageError
from rast_eval.inputs.models import shape_of
from rast_eval.inputs.shapes import config_of
from rast_eval.types import ModelRef, System

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
"""Keys of a config.json whose layers choose among experts of their own."""

BALANCE = 300.0
"""Tokens that a pass of an H100 works on while it reads the weights: 990 TFLOP/s over 3.35 TB/s, bf16."""


RUNNER = "VLLM_USE_V2_MODEL_RUNNER"
"""vLLM's own switch. On V1 the composite's expert drafts, a draft model has CUDA graphs, and a step that is to draft
nothing costs nothing; V2 loads the expert a second time, and has neither."""

MOST_DRAFTED = 8
"""Drafted tokens that AUTO goes up to: more were never faster."""


@dataclass
class Acceptance:
    """What became of the drafted tokens.

    Attributes:
        passes: fused passes that gave a token, each of which gives one more than were accepted.
        drafted, accepted: by position in the draft, from the first one on.
    """

    passes: int = 0
    drafted: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)

    @property
    def tokens_per_pass(self) -> float:
        """Mean tokens that one fused pass gives."""
        return 1 + sum(self.accepted) / max(1, self.passes)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the drafted tokens that stood, by position."""
        return tuple(a / d for a, d in zip(self.accepted, self.drafted, strict=True) if d)

    def count(self, drafted: int, accepted: int) -> None:
        """Add one pass."""
        self.add(Acceptance(1, [1] * drafted, [1] * accepted))

    def clear(self) -> None:
        """Count anew."""
        self.passes, self.drafted, self.accepted = 0, [], []

    def add(self, other: Acceptance) -> None:
        """Add what happened elsewhere, or in another pass."""
        self.passes += other.passes
        for counts, more in ((self.drafted, other.drafted), (self.accepted, other.accepted)):
            counts.extend([0] * (max(len(other.drafted), len(other.accepted)) - len(counts)))
            for position, value in enumerate(more):
                counts[position] += value


def most_drafted(config: EngineConfig) -> int:
    """Tokens that are drafted at most a pass."""
    return MOST_DRAFTED if config.speculate == AUTO else config.speculate


def described(expert: ModelRef, config: EngineConfig, acceptance: Acceptance, **facts: Any) -> dict[str, Any]:
    """What a manifest keeps, JSON-serialisable: who drafts, how many tokens, what became of them."""
    drafted = "auto" if config.speculate == AUTO else config.speculate
    return {"drafter": expert.label, "drafted": drafted, **facts, "acceptance": asdict(acceptance)}


def uses_v2() -> bool:
    """Whether vLLM's V2 model runner was asked for; V1 speculates unless it was."""
    return os.environ.get(RUNNER) == "1"


def resident(system: System, config: EngineConfig) -> tuple[ModelRef, ...]:
    """Models whose weights and KV cache an engine holds: the members, and on V2 the expert that drafts once more."""
    expert = _planned(system, config)
    return (*system.members, *([expert] if expert is not None and uses_v2() else []))


def draft_bytes(system: System, config: EngineConfig, rows: int) -> int:
    """Bytes of the distributions, float32, that all sequences decoded together keep of their drafted tokens.

    Args:
        rows: sequences that are decoded together.
    """
    shapes = [shape for ref in system.members if (shape := shape_of(ref))]
    if _planned(system, config) is None or not shapes:
        return 0
    return 4 * rows * most_drafted(config) * min(shape.vocab_size for shape in shapes)


def _planned(system: System, config: EngineConfig) -> ModelRef | None:
    """Who drafts on vLLM; None also where it will be refused."""
    with suppress(UsageError):
        return drafter(system, config) if config.backend == "vllm" else None
    return None


def drafter(system: System, config: EngineConfig) -> ModelRef | None:
    """The expert that drafts for `system`: the first whose columns all members share; None without a delta or γ.

    Raises:
        UsageError: speculation is asked for where it is not shown to be exact.
    """
    if not config.speculate or not system.deltas:
        return None
    if config.pipeline_parallel_size > 1:
        raise UsageError(
            "vLLM drafts no tokens across pipeline stages.",
            "Type --tensor-parallel-size in place of --pipeline-parallel-size, or --speculate off.",
        )
    columns = {ref: shape.vocab_size for ref in system.members if (shape := shape_of(ref)) is not None}
    shared = min(columns.values(), default=0)
    experts = [delta.expert for delta in system.deltas]
    fitting = [expert for expert in experts if columns.get(expert, shared) == shared]
    if not fitting:
        raise UsageError(
            f"{experts[0].label} cannot draft: its {columns[experts[0]]:,} columns are more than the {shared:,} that "
            "all members share.",
            "Choose a delta whose vocabulary is no larger than the base's, or type --speculate off.",
        )
    for ref in system.members:
        if any((config_of(ref) or {}).get(key) for key in EXPERTS):
            raise UsageError(
                f"{ref.label} is a mixture of experts, for which speculation was never shown to be exact.",
                "Type --speculate off.",
            )
    return fitting[0]


def tokens_per_pass(acceptance: float, drafted: int) -> float:
    """Expected tokens of one fused pass, (1 − α^(γ+1)) / (1 − α): every drafted token stands with probability α."""
    return float(drafted + 1) if acceptance == 1.0 else (1 - acceptance ** (drafted + 1)) / (1 - acceptance)


def modelled_speed(
    base: float, expert: float, acceptance: float, drafted: int, batch: float = 1.0, balance: float = BALANCE
) -> float:
    """Tokens a second against plain RAST where reading weights takes all the time, until work does.

    A pass over t tokens of a sequence reads the weights once and works on `batch` · t of them: it costs
    weight_bytes · max(1, batch · t / balance). Plain RAST reads base and two small models for one token; a speculative
    pass reads them for γ + 1, after γ passes of the expert for one.

    Args:
        base, expert: bytes of weights, or anything proportional to them; the antiexpert is taken to be as large.
        balance: tokens that a pass works on while it reads the weights.
    """

    def cost(weight_bytes: float, tokens: int) -> float:
        return weight_bytes * max(1.0, batch * tokens / balance)

    plain = cost(base + 2 * expert, 1)
    speculative = cost(base + 2 * expert, drafted + 1) + drafted * cost(expert, 1)
    return plain / speculative * tokens_per_pass(acceptance, drafted)
