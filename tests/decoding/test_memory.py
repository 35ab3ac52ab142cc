"""Sizes against the published checkpoints, and the flag that each verdict names."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rast_eval.config import EngineConfig
from rast_eval.decoding import memory
from rast_eval.decoding.checks import fit_context
from rast_eval.decoding.memory import check_memory, plan_memory, weight_bytes
from rast_eval.errors import OutOfMemory
from rast_eval.inputs.models import resolve_models
from rast_eval.types import Delta, ModelRef, System

CARD = 80 * 10**9
VLLM = EngineConfig(backend="vllm")


def system(base, delta):
    models = resolve_models(base, [delta])
    return System(models.base, models.deltas)


def test_sizes_of_a_published_trio():
    plan = plan_memory(system("32b", "14b"), VLLM, longest=16384, device=CARD)
    assert plan.weights == pytest.approx(2 * (32.76e9 + 2 * 14.77e9), rel=0.002)
    assert plan.kv_per_token == 2 * 2 * 8 * 128 * (64 + 2 * 48)
    assert (plan.devices_needed, plan.fits) == (2, False)


@pytest.mark.parametrize(
    ("base", "delta", "tensor_parallel", "longest", "says"),
    [
        ("32b", "14b", 1, 16384, "--tensor-parallel-size 2 fits"),
        ("32b", "14b", 2, 16384, "full sequences at once"),
        ("32b", "14b", 2, 131072, "--max-model-len"),
        ("32b", "1.5b", 1, 16384, "--tensor-parallel-size 2 fits"),
        ("llama3.1-70b", "llama3.1-8b", 4, 4096, "full sequences at once"),
    ],
)
def test_verdict_names_the_flag(base, delta, tensor_parallel, longest, says):
    config = EngineConfig(backend="vllm", tensor_parallel_size=tensor_parallel)
    plan = plan_memory(system(base, delta), config, longest=longest, device=CARD)
    assert says in plan.advice()
    assert plan.fits == ("full sequences" in plan.advice().rpartition(":")[2])


def test_the_proposed_context_and_card_count_do_fit():
    two = replace(VLLM, tensor_parallel_size=2)
    short = plan_memory(system("32b", "14b"), two, device=CARD)
    tokens = int(short.advice().rpartition("--max-model-len ")[2].split()[0])
    assert 16384 < tokens < short.context == 131072
    assert replace(short, context=tokens).fits
    assert not replace(short, context=tokens + 1).fits
    many = plan_memory(system("llama3.1-70b", "llama3.1-8b"), VLLM, longest=8192, device=CARD)
    assert replace(many, devices=many.devices_needed).fits
    assert not replace(many, devices=many.devices_needed // 2).fits


def test_unknown_shapes_have_no_plan():
    pair = Delta(ModelRef("some-org/unknown"), ModelRef("Qwen/Qwen2.5-7B"))
    assert plan_memory(System(ModelRef("Qwen/Qwen2.5-32B"), (pair,)), VLLM) is None


@pytest.mark.parametrize(
    ("quantization", "bytes_a_weight"),
    [
        ({"quant_method": "fp8"}, 1.0),
        ({"quant_method": "awq", "bits": 4}, 0.5),
        ({"quant_method": "gptq", "bits": 8}, 1.0),
        ({"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 4}}}}, 0.5),
        (None, 2.0),
    ],
)
def test_quantised_checkpoints_keep_wide_embeddings(tmp_path, quantization, bytes_a_weight):
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    shape |= {"intermediate_size": 128, "vocab_size": 1000, "max_position_embeddings": 512, "dtype": "bfloat16"}
    config = {"model_type": "qwen2", **shape, **({"quantization_config": quantization} if quantization else {})}
    (tmp_path / "config.json").write_text(json.dumps(config))
    plain = memory.shape_of(ModelRef(str(tmp_path))).parameters
    tables = 2 * 1000 * 64
    assert weight_bytes(ModelRef(str(tmp_path))) == int(tables * 2 + (plain - tables) * bytes_a_weight)


def test_weights_larger_than_the_device_are_refused_before_loading(monkeypatch):
    monkeypatch.setattr(memory, "gpu_bytes", lambda: 24 * 10**9)
    with pytest.raises(OutOfMemory, match=r"124\.6 GB") as caught:
        check_memory(system("32b", "14b"), EngineConfig(backend="vllm", max_model_len=16384))
    assert "--tensor-parallel-size 8" in caught.value.hint
    check_memory(system("32b", "14b"), EngineConfig(backend="vllm", tensor_parallel_size=8, max_model_len=16384))


def test_work_space_is_counted():
    """10 bytes a column and sequence for the logits, beside the widest layer and the hidden states of a step."""
    few, many = (
        plan_memory(system("7b", "1.5b"), replace(VLLM, max_num_seqs=rows), longest=4096, device=CARD)
        for rows in (64, 1064)
    )
    assert many.each - few.each == 10 * 151936 * 1000
    assert few.activations == 3 * 16384 * 2 * 18944
    assert few.sequences > many.sequences
    assert plan_memory(system("7b", "1.5b"), VLLM, device=24 * 10**9).activations == 3 * 8192 * 2 * 18944


def test_a_default_context_that_is_too_long_is_refused_and_a_fitted_one_is_not(monkeypatch):
    monkeypatch.setattr(memory, "gpu_bytes", lambda: 81559 << 20)
    trio, two = system("32b", "14b"), replace(VLLM, tensor_parallel_size=2)
    with pytest.raises(OutOfMemory, match=r"KV cache 85\.9 GB a full sequence") as caught:
        check_memory(trio, two)
    assert "--max-model-len" in caught.value.hint
    fitted = fit_context(trio, two, [300 + 16384, 17])
    assert fitted.max_model_len == 16896
    check_memory(trio, fitted)


def test_a_fitted_context_never_exceeds_the_models_nor_replaces_the_users():
    trio = system("7b", "1.5b")
    assert fit_context(trio, VLLM, [10**6]).max_model_len == 131072
    assert fit_context(trio, replace(VLLM, max_model_len=4096), [10**6]).max_model_len == 4096
    assert fit_context(trio, VLLM, []).max_model_len is None


def test_transformers_on_a_cpu_mean_float32(monkeypatch):
    monkeypatch.setattr(memory, "gpu_bytes", lambda: None)
    wide, told = (plan_memory(system("32b", "14b"), EngineConfig(dtype=dtype)) for dtype in ("auto", "bfloat16"))
    assert (wide.weights, wide.kv_per_token) == (2 * told.weights, 2 * told.kv_per_token)
    monkeypatch.setattr(memory, "gpu_bytes", lambda: CARD)
    assert plan_memory(system("32b", "14b"), EngineConfig()).weights == told.weights


def test_drafts_and_a_second_drafter_are_counted(monkeypatch):
    monkeypatch.delenv("VLLM_USE_V2_MODEL_RUNNER", raising=False)
    system = resolve_models("32b", ["14b"]).system("rast")
    small = resolve_models("14b").system("base")
    config = replace(VLLM, speculate=4, max_num_seqs=64)
    plain, v1 = (plan_memory(system, one, device=80 * 10**9) for one in (replace(config, speculate=0), config))
    assert v1.drafts == 4 * 64 * 4 * 152_064
    assert (plain.drafts, plain.weights) == (0, v1.weights)
    assert plan_memory(system, replace(config, max_num_seqs=None), device=80 * 10**9).drafts == 16 * v1.drafts
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", "1")
    v2 = plan_memory(system, config, device=80 * 10**9)
    alone = plan_memory(small, VLLM, device=80 * 10**9)
    assert v2.weights - v1.weights == alone.weights
    assert v2.kv_per_token - v1.kv_per_token == alone.kv_per_token
