"""Two tensor-parallel workers and two replicas give the tokens of one engine; λ reaches all of them."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.util import find_spec

import pytest

pytest.importorskip("vllm")

from rast_eval.config import EngineConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.errors import UsageError
from rast_eval.types import Delta, FusionRule, ModelRef, Request, Sampling, System

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=24)


def random_trio(random_checkpoint, family, **more):
    """Heads of 512 and 416 rows, which two workers can add up shard by shard only if both are padded alike."""
    base = random_checkpoint(family, 1, width=128, layers=2, heads=4, kv=2, vocab=512, tied=family == "gemma2", **more)
    small = {"width": 64, "layers": 2, "heads": 2, "kv": 2, "vocab": 416, "tied": True, **more}
    return base, random_checkpoint(family, 2, **small), random_checkpoint(family, 3, **small)


@pytest.fixture(scope="module")
def trio(random_checkpoint):
    return random_trio(random_checkpoint, "qwen2")


def system_of(trio, weight):
    base, expert, antiexpert = (ModelRef(str(folder)) for folder in trio)
    return System(base, (Delta(expert, antiexpert, weight),))


WITH_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.mark.parametrize(
    "parallel", [{"tensor_parallel_size": 2}, pytest.param({"data_parallel_size": 2}, marks=WITH_RAY)]
)
def test_parallel_engines_equal_the_plain_loop(parallel, trio, greedy_oracle):
    draw = random.Random(3)
    rows = [tuple(draw.randrange(2, 400) for _ in range(draw.randrange(3, 40))) for _ in range(8)]
    requests = [Request(str(index), 0, row, seed=index) for index, row in enumerate(rows)]
    engine = make_engine(system_of(trio, 1.0), EngineConfig(backend="vllm", dtype="float32", **parallel))
    try:
        for weight in (1.0, 0.3):
            engine.reweight(system_of(trio, weight))
            outputs = {int(c.problem_id): c.token_ids for c in engine.generate(requests, GREEDY, [], [])}
            deltas = [(trio[1], trio[2], weight)]
            expected = [tuple(greedy_oracle(trio[0], deltas, list(row), 24)) for row in rows]
            assert [outputs[index] for index in range(len(rows))] == expected
    finally:
        engine.close()


def test_a_members_own_logits_are_computed_on_every_shard(random_checkpoint, greedy_oracle):
    """Gemma 2 has no `lm_head`, and caps its logits: a cap this low decides tokens."""
    gemma = {"head_dim": 32, "query_pre_attn_scalar": 32, "final_logit_softcapping": 2.0}
    members = random_trio(random_checkpoint, "gemma2", attn_logit_softcapping=None, sliding_window=16, **gemma)
    requests = [Request(str(index), 0, (5, 17, 40, 8 + index) * 8, index) for index in range(4)]
    engine = make_engine(system_of(members, 1.0), EngineConfig(backend="vllm", dtype="float32", tensor_parallel_size=2))
    try:
        outputs = {int(c.problem_id): list(c.token_ids) for c in engine.generate(requests, GREEDY, [], [])}
    finally:
        engine.close()
    deltas = [(members[1], members[2], 1.0)]
    expected = [greedy_oracle(members[0], deltas, row.prompt_token_ids, 24) for row in requests]
    assert [outputs[index] for index in range(len(requests))] == expected
    assert len({tuple(row) for row in expected}) > 1


def test_pipeline_stages_are_refused_on_a_cpu(trio):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the refusal is for CPUs")
    config = EngineConfig(backend="vllm", dtype="float32")
    with pytest.raises(UsageError, match="pipeline"):
        make_engine(system_of(trio, 1.0), replace(config, pipeline_parallel_size=2))


@pytest.mark.parametrize("shards", [1, 2])
def test_rules_give_the_tokens_of_the_plain_loop(shards, trio):
    """One process, two workers and transformers agree; the rule changes in place and counts what it does."""
    draw = random.Random(3)
    rows = [tuple(draw.randrange(2, 400) for _ in range(draw.randrange(3, 40))) for _ in range(4)]
    requests = [Request(str(index), 0, row, seed=index) for index, row in enumerate(rows)]
    texts = (
        "gated:entropy=4.5",
        "masked:alpha=0.3",
        "contrastive:beta=0.5",
        "contrastive:alpha=0.3,beta=0.5",
        "linear",
    )
    found = {}
    for backend in ({"backend": "hf"}, {"backend": "vllm", "tensor_parallel_size": shards}):
        engine = make_engine(system_of(trio, 1.0), EngineConfig(dtype="float32", **backend))
        try:
            for text in texts:
                engine.reweight(replace(system_of(trio, 1.0), rule=FusionRule.parse(text)))
                before = engine.activity if backend["backend"] == "hf" else (0, 0)
                outputs = {c.problem_id: c.token_ids for c in engine.generate(requests, GREEDY, [], [])}
                counted = [now - then for now, then in zip(engine.activity, before, strict=True)]
                found.setdefault(text, []).append((outputs, counted if text.startswith(("gated", "masked")) else None))
        finally:
            engine.close()
    for text, (plain, ours) in found.items():
        assert plain == ours, text
    assert 0 < found[texts[0]][0][1][0] < found[texts[0]][0][1][1]
    assert len({str(outputs) for (outputs, _), _ in found.values()}) == len(texts)


@pytest.mark.usefixtures("drafts")
def test_speculation_keeps_the_greedy_tokens_of_a_rule(trio):
    base, expert, antiexpert = (ModelRef(str(folder)) for folder in trio)
    system = System(base, (Delta(expert, antiexpert),), FusionRule.parse("gated:entropy=4.5"))
    requests = [Request(str(index), 0, (5, 17, 40, 8 + index), index) for index in range(4)]
    tokens = []
    for drafted in (0, 3):
        engine = make_engine(system, EngineConfig(backend="vllm", dtype="float32", speculate=drafted))
        try:
            tokens.append({c.problem_id: c.token_ids for c in engine.generate(requests, GREEDY, [], [])})
        finally:
            engine.close()
    assert tokens[0] == tokens[1]
