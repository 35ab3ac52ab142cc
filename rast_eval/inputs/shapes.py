"""The shape of a decoder-only checkpoint, read from its config.json without loading its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rast_eval.types import ModelRef

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "auto": 2, "half": 2, "float": 4}


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a Llama- or Qwen2-like decoder; field names are those of transformers' configs."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    tie_word_embeddings: bool = False
    attention_bias: bool = False

    @property
    def parameters(self) -> int:
        """Number of weights: embeddings, attention, gated MLP, norms and head."""
        hidden, q = self.hidden_size, self.num_attention_heads * self.head_dim
        kv = self.num_key_value_heads * self.head_dim
        attention = hidden * q + 2 * hidden * kv + q * hidden + (q + 2 * kv if self.attention_bias else 0)
        layer = attention + 3 * hidden * self.intermediate_size + 2 * hidden
        embeddings = self.vocab_size * hidden * (1 if self.tie_word_embeddings else 2)
        return embeddings + self.num_hidden_layers * layer + hidden

    def kv_bytes_per_token(self, dtype_bytes: int = 2) -> int:
        """Bytes of keys and values that one token occupies in the cache."""
        return 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim * dtype_bytes


def from_config(config: dict[str, Any]) -> ModelShape | None:
    """Shape from a config.json; None where the architecture is not a plain decoder."""
    config = {**config, **config.get("text_config", {})} if "hidden_size" not in config else config
    try:
        heads = int(config["num_attention_heads"])
        values = {
            **config,
            "num_key_value_heads": config.get("num_key_value_heads") or heads,
            "head_dim": config.get("head_dim") or int(config["hidden_size"]) // heads,
            "attention_bias": config.get("attention_bias", config.get("model_type") == "qwen2"),
            "tie_word_embeddings": config.get("tie_word_embeddings", False),
        }
        return ModelShape(**{field.name: values[field.name] for field in fields(ModelShape)})
    except (KeyError, TypeError, ValueError):
        return None


def config_of(ref: ModelRef) -> dict[str, Any] | None:
    """The checkpoint's config.json from its folder or the local hub cache; None where it is in neither."""
    path = Path(ref.path) / "config.json"
    if not path.is_file():
        from huggingface_hub import try_to_load_from_cache

        try:
            cached = try_to_load_from_cache(ref.path, "config.json", revision=ref.revision)
        except ValueError:
            return None
        if not isinstance(cached, str):
            return None
        path = Path(cached)
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None
