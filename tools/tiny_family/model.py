"""A Qwen2 model of a few hundred thousand parameters, written for fast training and sampling on one CPU core.

It computes what `transformers.Qwen2ForCausalLM` computes (RMSNorm, rotary positions, grouped-query attention with
biased q, k, v, SwiGLU, tied embeddings) and reads and writes its checkpoints, without the overhead that dominates at
this size. A test compares the logits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

HEAD_DIM = 32  # the smallest that vLLM's CPU attention takes
CONTEXT = 8192
ROPE_THETA = 10_000.0


@dataclass(frozen=True)
class Shape:
    """Sizes of one model; `vocab` is the tokenizer's, padded as in the real families.

    The width is heads × `HEAD_DIM`: vLLM takes a Qwen2 model's head size to be width / heads, whatever its config says.
    """

    width: int
    layers: int
    ffn: int
    heads: int
    kv_heads: int
    vocab: int

    def __post_init__(self) -> None:
        if self.width != self.heads * HEAD_DIM:
            raise ValueError(f"{self.heads} heads of {HEAD_DIM} do not make a width of {self.width}")


SHAPES = {
    "s": Shape(width=64, layers=2, ffn=160, heads=2, kv_heads=2, vocab=416),
    "m": Shape(width=96, layers=3, ffn=256, heads=3, kv_heads=3, vocab=448),
    "l": Shape(width=128, layers=3, ffn=384, heads=4, kv_heads=2, vocab=480),
}


def rotary(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the rotary angles: `[...]` → two of `[..., HEAD_DIM]`, float32."""
    frequency = ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float32) / HEAD_DIM)
    angle = positions[..., None].float() * frequency
    angle = torch.cat((angle, angle), -1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of `x` `[..., HEAD_DIM]`, halves as in Qwen2."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Norm(nn.Module):
    """RMS normalisation with a learned scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` → the same shape."""
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-6)


class Layer(nn.Module):
    """Attention and SwiGLU; parameter names are those of the checkpoint."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.input_layernorm = Norm(shape.width)
        self.post_attention_layernorm = Norm(shape.width)
        kv = shape.kv_heads * HEAD_DIM
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": nn.Linear(shape.width, shape.heads * HEAD_DIM),
                "k_proj": nn.Linear(shape.width, kv),
                "v_proj": nn.Linear(shape.width, kv),
                "o_proj": nn.Linear(shape.heads * HEAD_DIM, shape.width, bias=False),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(shape.width, shape.ffn, bias=False),
                "up_proj": nn.Linear(shape.width, shape.ffn, bias=False),
                "down_proj": nn.Linear(shape.ffn, shape.width, bias=False),
            }
        )

    def qkv(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`[batch, time, width]` → rotated q and k, and v: `[batch, heads, time, HEAD_DIM]`."""
        x = self.input_layernorm(x)
        q, k, v = (
            self.self_attn[name](x).unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual stream after attention output and feed-forward."""
        x = x + self.self_attn["o_proj"](attended.transpose(1, 2).flatten(2))
        y = self.post_attention_layernorm(x)
        hidden = F.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y)
        return x + self.mlp["down_proj"](hidden)  # type: ignore[no-any-return]


class TinyModel(nn.Module):
    """The whole model, float32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                nn.init.normal_(parameter, std=0.02)

    def hidden(self, ids: Tensor) -> Tensor:
        """Final hidden states of `ids` `[batch, time]`, which start at position 0: `[batch, time, width]`."""
        cos, sin = rotary(torch.arange(ids.shape[1]))
        x = self.embed_tokens(ids)
        grouped = self.shape.heads != self.shape.kv_heads
        for layer in self.layers:
            q, k, v = layer.qkv(x, cos, sin)  # type: ignore[operator]
            x = layer.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped))  # type: ignore[operator]
        return self.norm(x)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """`[..., width]` → `[..., vocab]` through the tied embedding."""
        return F.linear(hidden, self.embed_tokens.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of `ids` `[batch, time]`: `[batch, time, vocab]`."""
        return self.logits(self.hidden(ids))


def save_checkpoint(model: TinyModel, folder: Path) -> None:
    """Write `config.json`, `generation_config.json` and float16 `model.safetensors` as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = model.shape
    config: dict[str, Any] = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "intermediate_size": shape.ffn,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocab,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-06,
        "rope_theta": ROPE_THETA,
        "max_position_embeddings": CONTEXT,
        "max_window_layers": shape.layers,
        "sliding_window": None,
        "use_sliding_window": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": 0,
        "pad_token_id": 1,
        "torch_dtype": "float16",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 0, "pad_token_id": 1}, indent=2) + "\n")
    weights = {f"model.{name}": value.detach().half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors lets the owner alone read it


def load_checkpoint(folder: Path) -> TinyModel:
    """The model that `save_checkpoint` wrote, in float32."""
    config = json.loads((folder / "config.json").read_text())
    model = TinyModel(
        Shape(
            width=config["hidden_size"],
            layers=config["num_hidden_layers"],
            ffn=config["intermediate_size"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            vocab=config["vocab_size"],
        )
    )
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name.removeprefix("model."): value.float() for name, value in weights.items()})
    return model
