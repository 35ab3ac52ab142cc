"""Speculation on vLLM: greedy outputs are those of plain decoding, sampled ones are certified, faults are found."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

pytest.importorskip("vllm")

from vllm import SamplingParams
from vllm.v1.sample import rejection_sampler

from rast_eval.config import AUTO, EngineConfig
from rast_eval.decoding.speculation import Acceptance
from rast_eval.decoding.vllm import VLLMEngine, certificate, certify, speculation
from rast_eval.decoding.vllm import model as fused
from rast_eval.errors import BackendError, UsageError
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

pytestmark = [pytest.mark.vllm, pytest.mark.usefixtures("drafts")]

UNPROVEN = {
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "repetition_penalty": 1.2,
    "min_p": 0.1,
    "logit_bias": {5: 1.0},
}

GREEDY = Sampling(0.0, 1.0, 48)


def prompts(count=12, seed=0):
    draw = random.Random(seed)
    rows = [tuple(draw.randrange(2, 380) for _ in range(draw.randrange(3, 30))) for _ in range(count)]
    return [Request(str(index), 0, row, index) for index, row in enumerate(rows)]


def tokens(system, requests, sampling=GREEDY, **config):
    engine = VLLMEngine(system, EngineConfig(backend="vllm", dtype="float32", **config))
    try:
        found = {c.problem_id: c.token_ids for c in engine.generate(requests, sampling, (), ())}
        return found, engine.settings.get("speculation")
    finally:
        engine.close()


def family(tiny, *deltas):
    pairs = {size: (ModelRef(str(tiny / f"{size}-rl")), ModelRef(str(tiny / f"{size}-base"))) for size in "sm"}
    return System(ModelRef(str(tiny / "l-base")), tuple(Delta(*pairs[size], weight) for size, weight in deltas))


@pytest.fixture(scope="module")
def plain(tiny):
    return tokens(family(tiny, ("m", 1.0)), prompts())[0]


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_greedy_outputs_are_those_of_plain_decoding(tiny, plain, length):
    found, told = tokens(family(tiny, ("m", 1.0)), prompts(), speculate=length)
    assert found == plain
    assert (told["drafter"], told["drafted"], told["runner"], told["certificate"]) == (
        str(tiny / "m-rl"),
        length,
        "V1",
        "",
    )
    acceptance = Acceptance(**told["acceptance"])
    assert len(acceptance.accepted) == length
    assert 1 < acceptance.tokens_per_pass <= length + 1
    made = sum(map(len, found.values()))
    # Every pass gives a token, one that ends an output leaves up to γ unused; the end tokens are passes' as well.
    assert made <= acceptance.passes + sum(acceptance.accepted) <= made + len(found) * (length + 1)


def test_auto_keeps_the_outputs_and_says_what_it_chose(tiny, plain, capfd):
    long = Sampling(0.0, 1.0, 160)
    system = family(tiny, ("m", 1.0))
    found, told = tokens(system, prompts(40), long, speculate=AUTO, max_num_seqs=2)
    assert found == tokens(system, prompts(40), long, max_num_seqs=2)[0]
    assert told["drafted"] == "auto"
    acceptance = Acceptance(**told["acceptance"])
    assert 0 < acceptance.drafted[0] < acceptance.passes  # plain passes count as well
    assert "speculation at 2 to 3 sequences: " in capfd.readouterr().err


def test_the_drafter_is_the_composites_own_expert(tiny):
    engine = VLLMEngine(family(tiny, ("m", 1.0)), EngineConfig(backend="vllm", dtype="float32", speculate=2))
    try:
        runner = engine._llm.llm_engine.engine_core.engine_core.model_executor.driver_worker.worker.model_runner
        assert runner.drafter.shares
        assert runner.drafter.model is runner.get_model().members.experta
        layers = runner.get_kv_cache_spec()
        assert not any(name.startswith("draft_model") for name in layers)
        for name, value in UNPROVEN.items():
            params = SamplingParams(**{name: value})
            with pytest.raises(Exception, match=f"exact with {name}"):
                engine._llm.llm_engine.add_request("0", {"prompt_token_ids": [5, 6]}, params)
    finally:
        engine.close()


def test_several_deltas_and_a_prefix_cache(tiny):
    several = family(tiny, ("m", 0.7), ("s", 0.3))
    twice = [*prompts(4), *(replace(request, problem_id=f"again {request.problem_id}") for request in prompts(4))]
    expected, _ = tokens(several, twice)
    found, _ = tokens(several, twice, speculate=3, extra={"enable_prefix_caching": True})
    assert found == expected
    assert all(found[f"again {index}"] == found[str(index)] for index in range(4))


def test_two_shards(random_checkpoint):
    size = {"width": 128, "layers": 1, "heads": 4, "kv": 2, "vocab": 384, "tied": False}
    base, expert, antiexpert = (ModelRef(str(random_checkpoint("qwen2", seed, **size))) for seed in (7, 8, 9))
    system = System(base, (Delta(expert, antiexpert, 0.5),))
    assert tokens(system, prompts(), speculate=4, tensor_parallel_size=2)[0] == tokens(system, prompts())[0]


def test_random_members_of_two_families(random_checkpoint):
    small = {"width": 64, "layers": 1, "heads": 2, "kv": 1, "vocab": 384}
    base = random_checkpoint("llama", 1, width=96, layers=2, heads=3, kv=1, vocab=448, tied=False)
    expert, antiexpert = (random_checkpoint("qwen2", seed, **small, tied=True) for seed in (2, 3))
    system = System(ModelRef(str(base)), (Delta(ModelRef(str(expert)), ModelRef(str(antiexpert)), 0.8),))
    assert tokens(system, prompts(), speculate=2)[0] == tokens(system, prompts())[0]


def test_an_expert_with_columns_that_others_lack_is_refused(random_checkpoint):
    wide = {"width": 64, "layers": 1, "heads": 2, "kv": 1, "tied": True}
    base, antiexpert = (ModelRef(str(random_checkpoint("qwen2", seed, vocab=384, **wide))) for seed in (4, 5))
    expert = ModelRef(str(random_checkpoint("qwen2", 6, vocab=448, **wide)))
    with pytest.raises(UsageError, match="448 columns are more than the 384"):
        VLLMEngine(System(base, (Delta(expert, antiexpert),)), EngineConfig(backend="vllm", speculate=2))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"speculate": 2, "pipeline_parallel_size": 2}, "pipeline stages"),
        ({"extra": {"speculative_config": {"method": "eagle"}}}, "its own expert"),
    ],
)
def test_what_is_not_shown_to_be_exact_is_refused(tiny, config, told):
    with pytest.raises(UsageError, match=told):
        speculation.settings(family(tiny, ("m", 1.0)), EngineConfig(backend="vllm", **config))


def test_a_single_model_is_decoded_plainly(tiny):
    assert speculation.settings(System(ModelRef(str(tiny / "l-base"))), EngineConfig(speculate=4)) == {}


def test_sampling_asks_for_a_certificate(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BackendError, match="never checked"):
        tokens(family(tiny, ("m", 1.0)), prompts(1), Sampling(1.0, 0.95, 4), speculate=2)


def test_this_build_is_certified_and_then_samples(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = certify.certify(samples=3000)
    assert found.exact, found
    assert all(0.02 < check.accepted < 0.7 for check in found.checks)
    assert certificate.load() == found
    rows, told = tokens(family(tiny, ("m", 1.0)), prompts(2), Sampling(1.0, 0.95, 6), speculate=2)
    assert len(rows) == 2
    assert told["certificate"] == certificate.path().name
    monkeypatch.setattr(certificate, "code", lambda: "changed")
    with pytest.raises(BackendError, match="never checked"):
        certificate.require()


def forget_temperatures(monkeypatch):
    """As in vLLM's CPU build without the mend (vLLM issue 55005)."""

    def forgetful(x, cu_num_tokens, num_tokens, replace_from=0, replace_to=0):
        return speculation._expand(x, cu_num_tokens, num_tokens) * 2

    monkeypatch.setattr(fused, "mend_expansion", lambda: False)
    monkeypatch.setattr(rejection_sampler, "expand_batch_to_tokens", forgetful)


def ignore_the_draft(monkeypatch):
    """What does not stand is drawn anew from p without the drafted token, not from max(0, p - q)."""
    draw = rejection_sampler.sample_recovered_tokens

    def ignorant(longest, counts, ends, drafted, draft_probs, *rest):
        return draw(longest, counts, ends, drafted, None, *rest)

    monkeypatch.setattr(rejection_sampler, "sample_recovered_tokens", ignorant)


@pytest.mark.parametrize("fault", [forget_temperatures, ignore_the_draft])
def test_a_fault_in_the_sampler_is_found(fault, tmp_path, monkeypatch):
    fault(monkeypatch)
    assert not certify.check(certify.random_system(tmp_path), *certify.SETTINGS[0], 3000).exact
