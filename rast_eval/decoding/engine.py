"""Choosing a backend: the one place that knows them all."""

from __future__ import annotations

from importlib.util import find_spec

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_tokenizers
from rast_eval.errors import BackendError, UnknownName
from rast_eval.types import Engine, System

BACKENDS = ("hf", "vllm")


def make_engine(system: System, config: EngineConfig) -> Engine:
    """Load a system for generation.

    Raises:
        TokenizerMismatch: members whose token ids mean different strings.
        ModelError: a checkpoint that is missing, gated or broken.
        BackendError: the backend is not installed or cannot start.
    """
    if config.backend not in BACKENDS:
        raise UnknownName("backend", config.backend, BACKENDS)
    check_tokenizers(system)
    if config.data_parallel_size > 1 or config.ray:
        from rast_eval.decoding.ray import RayEngine

        return RayEngine(system, config)
    if config.backend == "hf":
        if config.speculate and system.deltas:
            from rast_eval.decoding.hf_speculative import SpeculativeHFEngine

            return SpeculativeHFEngine(system, config)
        from rast_eval.decoding.hf import HFEngine

        return HFEngine(system, config)
    if find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", "Type `make setup-vllm`, or --backend hf.")
    from rast_eval.decoding.vllm.engine import VLLMEngine

    engine: Engine = VLLMEngine(system, config)
    return engine
