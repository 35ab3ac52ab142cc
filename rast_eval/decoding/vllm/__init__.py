"""RAST inside vLLM: a model type `rast` that runs all members of a system as one model.

vLLM calls `register` through the entry point `vllm.general_plugins` in each of its processes, so that any of its
entry points loads a composite directory: `vllm.LLM(DIR)`, the OpenAI server, a benchmark script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rast_eval.decoding.vllm.engine import VLLMEngine

__all__ = ["VLLMEngine", "register"]


def register() -> None:
    """Make the model type `rast` known to transformers and vLLM; idempotent, and imports no model code."""
    from transformers import AutoConfig
    from vllm import ModelRegistry

    from rast_eval.decoding.vllm.config import ARCHITECTURE, RastConfig
    from rast_eval.decoding.vllm.speculation import refuse_unproven_sampling

    AutoConfig.register(RastConfig.model_type, RastConfig, exist_ok=True)
    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, f"rast_eval.decoding.vllm.model:{ARCHITECTURE}")
    refuse_unproven_sampling()


def __getattr__(name: str) -> Any:
    # Importing the engine must not cost the processes that only register the plugin.
    if name == "VLLMEngine":
        from rast_eval.decoding.vllm.engine import VLLMEngine

        return VLLMEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
