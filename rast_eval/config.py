"""Frozen settings, built once in the command line and passed down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rast_eval.types import Models

AUTO = -1
"""Of `EngineConfig.speculate`: as many drafted tokens as measurement finds to pay."""


LOCAL = "local"
"""Of `EngineConfig.ray`: a Ray of this process's own, on the loopback interface, that ends with it."""


class LimitFrom(StrEnum):
    """Which problems a limit leaves: the benchmark's first ones, or a draw by the run's seed."""

    head = "head"
    random = "random"


@dataclass(frozen=True)
class CodeScoring:
    """How programs are judged; a scorer takes the fields that it names in its `options`.

    Attributes:
        rules: EvalPlus's time limits, `master` or `0.3.1`.
        lcb_io: the LiveCodeBench criterion that counts, `process` or `official`.
        unsafe: run programs without bubblewrap.
    """

    rules: str = "master"
    lcb_io: str = "process"
    unsafe: bool = False


DEFAULT_CODE = CodeScoring()


@dataclass(frozen=True)
class EngineConfig:
    """Where and how the models run; field names are vLLM's.

    Attributes:
        dtype: `auto` (the base's own; float32 on a CPU with transformers), or a torch dtype name.
        max_num_seqs: sequences decoded together; None leaves it to the backend.
        max_model_len: context in tokens; None for the members' smallest.
        speculate: tokens that an expert drafts a pass, 0 for plain decoding; AUTO finds the number while it runs.
        ray: address of a Ray cluster, `local` for one of this process's own, None where one engine is enough.
        head_dtype: of the members' heads, `float32` or `auto` for that of the other layers: bfloat16 logits between
            16 and 32 are 0.125 apart, and RAST adds three of them.
        hf_overrides: fields of config.json to replace in every member.
        extra: further keyword arguments for `vllm.LLM`.

    >>> import rast_eval
    >>> rast_eval.EngineConfig(backend="vllm", tensor_parallel_size=4).dtype
    'auto'
    """

    backend: str = "hf"
    dtype: str = "auto"
    head_dtype: str = "auto"
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    enforce_eager: bool = False
    speculate: int = 0
    seed: int = 0
    offline: bool = False
    ray: str | None = None
    hf_overrides: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def numbers(self) -> str:
        """All that decides how members compute, in words: `auto`, or `bfloat16, heads float32, {"rope_theta": 1e6}`."""
        heads = [f"heads {self.head_dtype}"] if self.head_dtype != "auto" else []
        replaced = [json.dumps(self.hf_overrides, sort_keys=True)] if self.hf_overrides else []
        return ", ".join([self.dtype, *heads, *replaced])

    @property
    def is_spread(self) -> bool:
        """Whether Ray places the engines."""
        return self.data_parallel_size > 1 or self.ray is not None


@dataclass(frozen=True)
class RunConfig:
    """Everything the flags of `run` decide. None means: what the benchmark's YAML says.

    Attributes:
        arms: e.g. `("base", "base@sampled", "rast")`; empty for all that the models can run.
        limit_from: which problems a limit leaves.
        until: half-width in points at which a cell stops sampling, as early as it may.
        shard: (i, m): this process takes every m-th problem starting at i.
        expert_prompt, antiexpert_prompt: templates of these members, where they read another one than the base.
        preset: a protocol of `presets.PRESETS`; single flags win over it.
        code: how programs are judged.

    >>> import rast_eval
    >>> rast_eval.RunConfig(rast_eval.models("32b", ["14b:0.7"]), arms=("rast",), benchmarks=("math500",)).models.arms
    ('base', 'rast', 'rl')
    """

    models: Models
    arms: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    n: int | None = None
    limit: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int = 0
    prompt: str | None = None
    expert_prompt: str | None = None
    antiexpert_prompt: str | None = None
    scorer: str | None = None
    engine: EngineConfig = field(default_factory=EngineConfig)
    data_dir: Path | None = None
    include_path: Path | None = None
    limit_from: LimitFrom = LimitFrom.head
    until: float | None = None
    shard: tuple[int, int] | None = None
    preset: str | None = None
    code: CodeScoring = DEFAULT_CODE
