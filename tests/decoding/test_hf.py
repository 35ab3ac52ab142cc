"""The transformers backend against a plain float64 loop, one request at a time, without a cache."""

import pytest

torch = pytest.importorskip("torch")

from rast_eval.config import EngineConfig, RunConfig  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.hf import Row, Stopper  # noqa: E402
from rast_eval.decoding.loading import load_model, load_tokenizer  # noqa: E402
from rast_eval.errors import ModelError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.runs import plan  # noqa: E402
from rast_eval.types import Request, Sampling, System  # noqa: E402

FAMILY = resolve_models()
RAST = FAMILY.system("rast")


@pytest.fixture(scope="module")
def requests():
    config = RunConfig(FAMILY, limit=6)
    built = plan.build(config)
    cell = next(cell for cell in built.cells if cell.arm == "rast")
    ids = plan.prompts_of(built, cell, load_tokenizer(FAMILY.base))
    return [r for r in plan.requests(built, cell, ids) if r.sample < 2]


def generate(system, requests, sampling, stop=(), **config):
    engine = make_engine(system, EngineConfig(**config))
    found = {(c.problem_id, c.sample): c for c in engine.generate(requests, sampling, stop, ())}
    engine.close()
    assert set(found) == {(r.problem_id, r.sample) for r in requests}
    return found


@pytest.mark.slow
def test_greedy_equals_equation_3_in_float64_without_batch_or_cache(requests):
    models = [load_model(ref, torch.float64, "cpu") for ref in RAST.members]
    batched = generate(RAST, requests[::2], Sampling(0.0, 1.0, 40))
    for request in requests[::2]:
        ids = list(request.prompt_token_ids)
        for _ in range(40):
            with torch.no_grad():
                logits = [model(torch.tensor([ids])).logits[0, -1] for model in models]
            shared = min(len(each) for each in logits)
            base, expert, antiexpert = (each[:shared] for each in logits)
            token = int((base + (expert - antiexpert)).argmax())
            if token == 0:
                break
            ids.append(token)
        assert batched[request.problem_id, 0].token_ids == tuple(ids[len(request.prompt_token_ids) :])


@pytest.mark.slow
def test_a_sample_does_not_depend_on_its_batch_or_order(requests):
    sampling = Sampling(1.0, 0.95, 60)
    together = generate(RAST, requests, sampling)
    alone = generate(RAST, requests[::-1], sampling, max_num_seqs=1)
    assert {key: c.output for key, c in together.items()} == {key: c.output for key, c in alone.items()}
    assert len({together["0", sample].output for sample in range(2)}) == 2


def test_a_stop_string_ends_and_is_cut(requests):
    whole = generate(RAST, requests[:1], Sampling(0.0, 1.0, 60))["0", 0]
    assert whole.finish_reason == "stop"
    cut = generate(RAST, requests[:1], Sampling(0.0, 1.0, 60), stop=("boxed", "answer is"))["0", 0]
    assert (cut.output, cut.finish_reason, cut.stop_reason) == (
        whole.output[: whole.output.index("answer is")], "stop", "answer is")  # fmt: skip


def test_the_token_limit_and_the_context_are_lengths(requests):
    assert generate(RAST, requests[:1], Sampling(0.0, 1.0, 3))["0", 0].finish_reason == "length"
    room = len(requests[0].prompt_token_ids) + 5
    found = generate(RAST, requests[:1], Sampling(0.0, 1.0, 60), max_model_len=room)["0", 0]
    assert (found.num_tokens, found.finish_reason) == (5, "length")


def test_stop_tokens_are_named():
    tokenizer = load_tokenizer(FAMILY.base)
    stopper = Stopper(tokenizer, frozenset({0}), [7], [])
    row = Row(Request("0", 0, (1,), 0), 10)
    assert stopper.check(row, 20) is None
    assert stopper.check(row, 7).stop_reason == 7
    assert stopper.check(Row(Request("0", 0, (1,), 0), 10), 0).stop_reason is None


def test_one_model_and_a_zero_delta_are_the_same(requests):
    half = resolve_models(weight=0.0).system("rast")
    base = generate(System(FAMILY.base), requests[:2], Sampling(0.0, 1.0, 30))
    zero = generate(half, requests[:2], Sampling(0.0, 1.0, 30))
    assert [c.output for c in base.values()] == [c.output for c in zero.values()]


@pytest.mark.parametrize(
    ("sampling", "draft"), [(Sampling(0.0, 1.0, 8), 0), (Sampling(1.0, 0.95, 8), 0), (Sampling(1.0, 1.0, 8), 2)]
)
@pytest.mark.parametrize(("role", "value"), [(0, torch.nan), (1, torch.inf), (2, -torch.inf)])
def test_logits_that_are_not_finite_name_their_member(requests, sampling, draft, role, value):
    engine = make_engine(RAST, EngineConfig(speculate=draft))
    with torch.no_grad():
        engine.models[role].get_output_embeddings().weight[5] = value
    with pytest.raises(ModelError, match=f"The logits of {RAST.members[role].label} are not finite"):
        list(engine.generate(requests[:2], sampling, (), ()))
