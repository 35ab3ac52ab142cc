"""vLLM's greedy tokens equal a plain float32 loop's; samples depend on their seed alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

pytest.importorskip("vllm")

from rast_eval.config import EngineConfig
from rast_eval.decoding.hf import HFEngine
from rast_eval.decoding.vllm import VLLMEngine
from rast_eval.errors import BackendError, ModelError, PromptTooLong, UsageError
from rast_eval.inputs.models import shape_of
from rast_eval.types import Delta, FusionRule, ModelRef, Request, Sampling, System

pytestmark = pytest.mark.vllm

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=64)
CONFIG = EngineConfig(backend="vllm", dtype="float32")


def system_of(base, deltas):
    pairs = (Delta(ModelRef(str(expert)), ModelRef(str(anti)), weight) for expert, anti, weight in deltas)
    return System(ModelRef(str(base)), tuple(pairs))


def prompts(count=20, seed=0):
    draw = random.Random(seed)
    return [tuple(draw.randrange(2, 400) for _ in range(draw.randrange(3, 40))) for _ in range(count)]


def requests_of(rows):
    return [Request(str(index), 0, row, seed=2**62 + index) for index, row in enumerate(rows)]


def assert_equals_oracle(engine, oracle, base, deltas, count=20):
    rows = prompts(count)
    outputs = {int(c.problem_id): c for c in engine.generate(requests_of(rows), GREEDY, [], [])}
    expected = [oracle(base, deltas, row, 64) for row in rows]
    assert [list(outputs[index].token_ids) for index in range(len(rows))] == expected
    assert sum(map(len, expected)) > 30 * count
    assert all(outputs[i].num_tokens == len(row) for i, row in enumerate(expected))


def set_norm(worker, place, values):
    """Replace the weights of a member's last norm; returns what they were."""
    model = worker.model_runner.get_model()
    weight = list(getattr(model, "members", [model]))[place].model.norm.weight.data
    before = weight.clone()
    weight[:] = values
    return before


@pytest.fixture(scope="class")
def tiny_engine(tiny):
    engine = VLLMEngine(system_of(tiny / "m-base", [(tiny / "s-rl", tiny / "s-base", 1.0)]), CONFIG)
    yield engine
    engine.close()


class TestTinyFamily:
    """One engine for all of them; two in one process would share vLLM's global state."""

    def test_tiny_family_equals_plain_loop(self, tiny_engine, greedy_oracle, tiny):
        assert_equals_oracle(tiny_engine, greedy_oracle, tiny / "m-base", [(tiny / "s-rl", tiny / "s-base", 1.0)])

    def test_lambda_changes_in_place(self, tiny_engine, greedy_oracle, tiny):
        before = tiny_engine.system
        deltas = [(tiny / "s-rl", tiny / "s-base", 0.3)]
        tiny_engine.reweight(system_of(tiny / "m-base", deltas))
        try:
            assert_equals_oracle(tiny_engine, greedy_oracle, tiny / "m-base", deltas)
            with pytest.raises(UsageError, match="Only λ"):
                tiny_engine.reweight(system_of(tiny / "m-rl", deltas))
        finally:
            tiny_engine.reweight(before)

    def test_a_sample_depends_on_its_seed_alone(self, tiny_engine):
        sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=48)
        requests = requests_of(prompts(12, seed=1))
        together = {c.problem_id: c.token_ids for c in tiny_engine.generate(requests, sampling, [], [])}
        reversed_half = {c.problem_id: c.token_ids for c in tiny_engine.generate(requests[:6][::-1], sampling, [], [])}
        assert {key: together[key] for key in reversed_half} == reversed_half
        other = [replace(request, seed=request.seed + 100) for request in requests]
        changed = {c.problem_id: c.token_ids for c in tiny_engine.generate(other, sampling, [], [])}
        assert changed != together

    def test_stops_and_lengths(self, tiny_engine, tiny):
        tokenizers = pytest.importorskip("tokenizers")
        tokenizer = tokenizers.Tokenizer.from_file(str(tiny / "m-base" / "tokenizer.json"))
        prompt = tuple(tokenizer.encode("Q: Tom has 37 coins. Mon buys 6 bags of 7. How many?\nA:").ids)
        request = Request("0", 3, prompt, seed=1)

        (whole,) = tiny_engine.generate([request], replace(GREEDY, max_tokens=200), [], [])
        assert (whole.finish_reason, whole.stop_reason, whole.sample) == ("stop", None, 3)
        assert whole.output == tokenizer.decode(list(whole.token_ids))
        assert whole.token_ids[-1] != 0

        (cut,) = tiny_engine.generate([request], GREEDY, ["answer", "zzz"], [])
        assert (cut.finish_reason, cut.stop_reason) == ("stop", "answer")
        assert cut.output == whole.output.split("answer")[0]

        end = whole.token_ids[4]
        (at_id,) = tiny_engine.generate([request], GREEDY, [], [end])
        assert (at_id.finish_reason, at_id.stop_reason) == ("stop", end)
        assert at_id.token_ids == whole.token_ids[: whole.token_ids.index(end)]

        (short,) = tiny_engine.generate([request], replace(GREEDY, max_tokens=5), [], [])
        assert (short.finish_reason, short.num_tokens, short.token_ids) == ("length", 5, whole.token_ids[:5])

    def test_an_abandoned_batch_leaves_the_engine_usable(self, tiny_engine):
        requests = requests_of(prompts(6))
        outputs = tiny_engine.generate(requests, GREEDY, [], [])
        first = next(outputs)
        outputs.close()
        again = {c.problem_id: c for c in tiny_engine.generate(requests, GREEDY, [], [])}
        assert len(again) == 6
        assert again[first.problem_id] == first

    def test_prompt_that_fills_the_context_is_refused(self, tiny_engine, tiny):
        window = shape_of(ModelRef(str(tiny / "s-rl"))).max_position_embeddings
        with pytest.raises(PromptTooLong, match=str(window)):
            list(tiny_engine.generate([Request("0", 0, (5,) * window, 0)], GREEDY, [], []))

    @pytest.mark.parametrize("rule", ["linear", "gated:entropy=0.1"])
    @pytest.mark.parametrize(("place", "value"), [(0, "nan"), (1, "inf"), (2, "-inf")])
    def test_logits_that_are_not_finite_name_their_member(self, tiny_engine, rule, place, value):
        before = tiny_engine.system
        tiny_engine.reweight(replace(before, rule=FusionRule.parse(rule)))
        kept = tiny_engine._llm.collective_rpc(set_norm, args=(place, float(value)))[0]
        try:
            with pytest.raises(ModelError, match=f"The logits of {before.members[place].label} are not finite"):
                list(tiny_engine.generate(requests_of(prompts(2)), GREEDY, [], []))
        finally:
            tiny_engine._llm.collective_rpc(set_norm, args=(place, kept))
            tiny_engine._llm.llm_engine.abort_request(["0", "1"])
            tiny_engine.reweight(before)


@pytest.mark.parametrize("base_family", ["qwen2", "llama"])
def test_random_ensembles_equal_plain_loop(base_family, random_checkpoint, greedy_oracle):
    """Other widths, depths, KV heads, families and vocabularies; two deltas that share their antiexpert."""
    other = {"qwen2": "llama", "llama": "qwen2"}[base_family]
    base = random_checkpoint(base_family, 1, width=128, layers=3, heads=4, kv=2, vocab=512, tied=False)
    first = random_checkpoint(other, 2, width=64, layers=2, heads=2, kv=2, vocab=416, tied=True)
    second = random_checkpoint(base_family, 3, width=96, layers=1, heads=3, kv=1, vocab=448, tied=False)
    shared = random_checkpoint(other, 4, width=64, layers=2, heads=2, kv=1, vocab=448, tied=True)
    deltas = [(first, shared, 0.8), (second, shared, 0.5)]
    other_weights = [(first, shared, -0.3), (second, shared, 1.2)]
    for engine_class in (VLLMEngine, HFEngine):
        engine = engine_class(system_of(base, deltas), CONFIG)
        assert len(engine.system.members) == 4
        try:
            assert_equals_oracle(engine, greedy_oracle, base, deltas)
            engine.reweight(system_of(base, other_weights))
            assert_equals_oracle(engine, greedy_oracle, base, other_weights, count=5)
        finally:
            engine.close()


@pytest.mark.slow
def test_widths_heads_and_windows_of_each_member(random_checkpoint, greedy_oracle):
    """The base is the narrowest, has the smallest heads, and alone a window, shorter than the prompts."""
    base = random_checkpoint("mistral", 1, width=64, layers=2, heads=2, kv=2, vocab=512, tied=False, sliding_window=8)
    expert = random_checkpoint("llama", 2, width=128, layers=1, heads=2, kv=1, vocab=448, tied=True)
    antiexpert = random_checkpoint("qwen2", 3, width=96, layers=2, heads=3, kv=3, vocab=448, tied=False)
    engine = VLLMEngine(system_of(base, [(expert, antiexpert, 0.8)]), CONFIG)
    try:
        assert_equals_oracle(engine, greedy_oracle, base, [(expert, antiexpert, 0.8)], count=8)
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["embedded", "random"])
def test_compiled_engines_equal_the_plain_loop(family, tiny, random_checkpoint, greedy_oracle):
    """Compiling takes a minute of one core each."""
    base, expert, antiexpert = tiny / "s-base", tiny / "s-rl", tiny / "s-base"
    if family == "random":
        small = {"layers": 1, "heads": 2, "kv": 1, "tied": True}
        base = random_checkpoint("qwen2", 1, width=128, vocab=512, **small)
        expert, antiexpert = (random_checkpoint("llama", seed, width=64, vocab=448, **small) for seed in (2, 3))
    engine = VLLMEngine(system_of(base, [(expert, antiexpert, 1.0)]), replace(CONFIG, extra={"enforce_eager": False}))
    try:
        assert_equals_oracle(engine, greedy_oracle, base, [(expert, antiexpert, 1.0)], count=8)
    finally:
        engine.close()


@pytest.mark.slow
def test_overrides_and_head_dtype_reach_every_member(random_checkpoint):
    """Members of 512 tokens take a prompt of 600, and their heads compute in float32."""
    small = {"width": 64, "layers": 1, "heads": 2, "kv": 1, "vocab": 448, "tied": True}
    base, expert, antiexpert = (random_checkpoint("qwen2", seed, **small) for seed in (1, 2, 3))
    config = replace(CONFIG, dtype="bfloat16", head_dtype="float32", hf_overrides={"max_position_embeddings": 1024})
    engine = VLLMEngine(system_of(base, [(expert, antiexpert, 1.0)]), config)
    try:
        (done,) = engine.generate([Request("0", 0, (5, 17, 40) * 200, 0)], replace(GREEDY, max_tokens=8), [], [])
        assert done.num_tokens > 0
        model = engine._llm.llm_engine.model_executor.driver_worker.model_runner.get_model()
        assert {str(one.head_dtype) for each in model.processors.values() for one in each} == {"torch.float32"}
        contexts = {one.hf_config.max_position_embeddings for one in model.members.model_configs}
        assert contexts == {1024}
    finally:
        engine.close()


def test_one_model_alone_needs_no_composite(greedy_oracle, tiny):
    engine = VLLMEngine(system_of(tiny / "s-rl", []), CONFIG)
    try:
        assert_equals_oracle(engine, greedy_oracle, tiny / "s-rl", [])
        engine._llm.collective_rpc(set_norm, args=(0, float("nan")))
        with pytest.raises(ModelError, match=f"The logits of {tiny / 's-rl'} are not finite"):
            list(engine.generate(requests_of(prompts(2)), GREEDY, [], []))
    finally:
        engine.close()


def test_broken_engine_settings_end_in_one_sentence(tiny):
    system = system_of(tiny / "s-rl", [])
    with pytest.raises(BackendError, match="vLLM failed"):
        VLLMEngine(system, replace(CONFIG, extra={"tokenizer_mode": "no-such-mode"}))
