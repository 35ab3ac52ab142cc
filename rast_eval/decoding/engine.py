"""Every backend by its name. Adding one is one file and one line here; `types.Engine` is what it must do."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_tokenizers
from rast_eval.errors import BackendError, UnknownName, install
from rast_eval.types import Engine, System


def _hf(system: System, config: EngineConfig) -> Engine:
    if config.speculate and system.deltas:
        from rast_eval.decoding.hf_speculative import SpeculativeHFEngine

        return SpeculativeHFEngine(system, config)
    from rast_eval.decoding.hf import HFEngine

    return HFEngine(system, config)


def _vllm(system: System, config: EngineConfig) -> Engine:
    if find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", f"Type `{install('vllm')}`, or --backend hf.")
    from rast_eval.decoding.vllm.engine import VLLMEngine

    engine: Engine = VLLMEngine(system, config)
    return engine


BACKENDS: dict[str, Callable[[System, EngineConfig], Engine]] = {
    "hf": _hf,
    "vllm": _vllm,
}


def make_engine(system: System, config: EngineConfig) -> Engine:
    """Load a system for generation.

    Raises:
        UnknownName: no such backend.
        TokenizerMismatch: members whose token ids mean different strings.
        ModelError: a checkpoint that is missing, gated or broken.
        BackendError: the backend is not installed or cannot start.
    """
    if config.backend not in BACKENDS:
        raise UnknownName("backend", config.backend, BACKENDS)
    check_tokenizers(system)
    if config.data_parallel_size > 1 or config.ray:
        from rast_eval.decoding.ray import RayEngine

        return RayEngine(make_engine, system, config)
    return BACKENDS[config.backend](system, config)
