"""A 4-bit expert beside 16-bit members: its own quantisation, its own list of layers left alone."""

from __future__ import annotations

import json
import random
import shutil

import pytest

pytest.importorskip("vllm")

import torch
import vllm._custom_ops  # noqa: F401 - loads the kernels asked about below

from rast_eval.config import EngineConfig
from rast_eval.decoding.vllm import VLLMEngine
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not torch.cuda.is_available() and not hasattr(torch.ops._C, "cpu_gemm_wna16"),
        reason="vLLM's build for this processor has no 4-bit kernel",
    ),
]

LEFT_ALONE = ["lm_head", "model.layers.1.mlp.down_proj"]
GROUP = 32


def quantise(source, packed, plain):
    """Write `source` with 4-bit weights, and the same rounded weights in 16 bits."""
    from safetensors.torch import load_file, save_file

    for folder in (packed, plain):
        shutil.copytree(source, folder)
    small, wide = {}, {}
    for name, tensor in load_file(source / "model.safetensors").items():
        module = name.removesuffix(".weight")
        if "_proj" not in name or tensor.ndim != 2 or module in LEFT_ALONE:
            small[name] = wide[name] = tensor
            continue
        groups = tensor.float().unflatten(1, (-1, GROUP))
        scale = (groups.abs().amax(-1, keepdim=True) / 7).half()
        levels = (groups / scale.float()).round().clamp(-8, 7)
        wide[name] = (levels * scale.float()).flatten(1).half()
        nibbles = (levels.flatten(1).to(torch.int64) + 8).unflatten(1, (-1, 8))
        words = sum(nibbles[..., i] << (4 * i) for i in range(8))
        small[f"{module}.weight_packed"] = torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)
        small[f"{module}.weight_scale"] = scale.squeeze(-1)
        small[f"{module}.weight_shape"] = torch.tensor(tensor.shape)
    save_file(small, packed / "model.safetensors", metadata={"format": "pt"})
    save_file(wide, plain / "model.safetensors", metadata={"format": "pt"})
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": GROUP}
    config = json.loads((packed / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "ignore": LEFT_ALONE,
        "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": None, "weights": weights}},
    }
    (packed / "config.json").write_text(json.dumps(config))


def shared_head(one, other, length=8):
    return sum(one[key][:length] == other[key][:length] for key in one)


def test_quantised_expert_equals_its_rounded_weights(tmp_path, tiny, greedy_oracle):
    quantise(tiny / "s-rl", tmp_path / "packed", tmp_path / "plain")
    draw = random.Random(0)
    rows = [tuple(draw.randrange(2, 400) for _ in range(draw.randrange(3, 40))) for _ in range(20)]
    pair = Delta(ModelRef(str(tmp_path / "packed")), ModelRef(str(tiny / "s-base")))
    # The CPU kernel for 4 bits computes in bfloat16, so a near-tie may fall the other way after a while.
    engine = VLLMEngine(System(ModelRef(str(tiny / "m-base")), (pair,)), EngineConfig(backend="vllm", dtype="bfloat16"))
    try:
        requests = [Request(str(index), 0, row, seed=index) for index, row in enumerate(rows)]
        greedy = Sampling(temperature=0.0, top_p=1.0, max_tokens=24)
        outputs = {int(c.problem_id): list(c.token_ids) for c in engine.generate(requests, greedy, [], [])}
    finally:
        engine.close()

    def loop(expert):
        deltas = [(expert, tiny / "s-base", 1.0)]
        return {i: greedy_oracle(tiny / "m-base", deltas, list(row), 24) for i, row in enumerate(rows)}

    rounded, original = loop(tmp_path / "plain"), loop(tiny / "s-rl")
    assert shared_head(outputs, rounded) >= 16
    assert shared_head(outputs, rounded) > shared_head(outputs, original)
