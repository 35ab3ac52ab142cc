"""Every backend by its name. Adding one is one file and one line here; `types.Engine` is what it must do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec

from rast_eval.config import LOCAL, EngineConfig
from rast_eval.decoding.checks import check_layers, check_tokenizers
from rast_eval.decoding.fetching import fetch
from rast_eval.decoding.memory import check_memory, gpu_bytes, weight_bytes
from rast_eval.decoding.merging import check_shapes, merge
from rast_eval.decoding.speculation import drafter
from rast_eval.errors import BackendError, UnknownName, UsageError, install
from rast_eval.machine import shown_bytes
from rast_eval.types import Engine, System


def _hf(system: System, config: EngineConfig) -> Engine:
    if config.speculate and system.deltas:
        from rast_eval.decoding.hf_speculative import SpeculativeHFEngine

        return SpeculativeHFEngine(system, config)
    from rast_eval.decoding.hf import HFEngine

    return HFEngine(system, config)


def _vllm(system: System, config: EngineConfig) -> Engine:
    from rast_eval.decoding.vllm.engine import VLLMEngine

    engine: Engine = VLLMEngine(system, config)
    return engine


BACKENDS: dict[str, Callable[[System, EngineConfig], Engine]] = {
    "hf": _hf,
    "vllm": _vllm,
}


def check_engine(system: System, config: EngineConfig) -> None:
    """Refuse what no engine would start with, before anything is loaded.

    What depends on the machine is not asked where a cluster elsewhere does the work.

    Raises:
        UnknownName: no such backend.
        UsageError: flags that the backend cannot carry out, or weights to merge of different shapes.
        OutOfMemory: weights that are larger than the devices.
        BackendError: the backend, or Ray, is not installed.
    """
    if system.merged:
        check_shapes(system)
        system = system.loaded
    if config.backend not in BACKENDS:
        raise UnknownName("backend", config.backend, BACKENDS)
    if config.backend == "hf" and config.tensor_parallel_size * config.pipeline_parallel_size > 1:
        raise UsageError("The hf backend splits no model.", "Type --backend vllm to split one over several GPUs.")
    check_layers(system, config)
    drafter(system, config)
    if config.is_spread and find_spec("ray") is None:
        raise BackendError(
            "Ray is not installed; it runs several engines at once.",
            f"Type `{install('ray')}`, or leave out --ray and --data-parallel-size.",
        )
    if config.ray not in (None, LOCAL):
        return
    if config.backend == "vllm" and find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", f"Type `{install('vllm')}`, or --backend hf.")
    if config.backend == "vllm" and config.pipeline_parallel_size > 1 and gpu_bytes() is None:
        raise UsageError(
            "vLLM's CPU build cannot run pipeline stages, not even of a single model.",
            "Leave out --pipeline-parallel-size, or type --tensor-parallel-size instead.",
        )
    if "quantization" not in config.extra:
        check_memory(system, config)


def make_engine(system: System, config: EngineConfig) -> Engine:
    """Load a system for generation.

    Raises:
        RastEvalError: what `check_engine` refuses.
        TokenizerMismatch: members whose token ids mean different strings.
        ModelError: a checkpoint that is missing, gated or broken.
        BackendError: the backend cannot start.
    """
    check_engine(system, config)
    check_tokenizers(system)
    fetch(system.members)
    if system.merged and not config.is_spread:  # else each engine merges, where it runs
        system = merge(system)
    _say_what_loads(system, config)
    if config.is_spread:
        from rast_eval.decoding.ray import RayEngine

        return RayEngine(make_engine, system, config)
    return BACKENDS[config.backend](system, config)


def _say_what_loads(system: System, config: EngineConfig) -> None:
    """Loading takes minutes for large models, and compiling as long again, in silence otherwise."""
    sizes = [weight_bytes(ref, config.dtype) for ref in system.members]
    told = f", {shown_bytes(sum(filter(None, sizes)))} of weights" if all(sizes) else ""
    compiled = config.backend == "vllm" and not config.enforce_eager and gpu_bytes() is not None
    then = "; graphs are compiled, and kept for the next start with these models" if compiled else ""
    print(f"loading {', '.join(ref.label for ref in system.members)}{told}{then} …", file=sys.stderr, flush=True)
