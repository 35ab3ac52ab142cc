"""Speculation changes the speed alone: greedy tokens are equal, sampled joints follow the exact distribution."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import chisquare

torch = pytest.importorskip("torch")

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding import hf_speculative  # noqa: E402
from rast_eval.decoding.hf import HFEngine, Row  # noqa: E402
from rast_eval.decoding.hf_speculative import SpeculativeHFEngine, verify  # noqa: E402
from rast_eval.decoding.loading import load_tokenizer  # noqa: E402
from rast_eval.decoding.rules import Operands, make_rule  # noqa: E402
from rast_eval.decoding.sampling import distribution  # noqa: E402
from rast_eval.decoding.speculation import Acceptance  # noqa: E402
from rast_eval.errors import UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.types import FusionRule, Request, Sampling, System  # noqa: E402

pytestmark = pytest.mark.slow

FAMILY = resolve_models(deltas=["tiny-m", "tiny-s:0.5"], base="tiny-l")
RAST = FAMILY.system("rast")
QUESTIONS = (
    "Tom has 37 coins. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?",
    "Eva has 12 pens. Mon finds 4 bags of 9. How many?",
)


def requests(seeds=(1,)):
    tokenizer = load_tokenizer(RAST.base)
    ids = [tuple(tokenizer(f"Q: {question}\nA:")["input_ids"]) for question in QUESTIONS]
    return [Request(str(i), j, row, seed) for i, row in enumerate(ids) for j, seed in enumerate(seeds)]


def tokens(engine, wanted, sampling):
    try:
        return {(c.problem_id, c.sample): c.token_ids for c in engine.generate(wanted, sampling, (), ())}
    finally:
        engine.close()


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_greedy_tokens_are_those_of_plain_decoding(length):
    greedy = Sampling(0.0, 1.0, 80)
    plain = tokens(HFEngine(RAST, EngineConfig()), requests(), greedy)
    engine = SpeculativeHFEngine(RAST, EngineConfig(speculate=length))
    assert tokens(engine, requests(), greedy) == plain
    assert 1 < engine.acceptance.tokens_per_pass <= length + 1
    assert len(engine.acceptance.accepted) == length


def test_the_token_limit_holds_within_a_draft():
    engine = SpeculativeHFEngine(RAST, EngineConfig(speculate=8))
    assert {len(row) for row in tokens(engine, requests(), Sampling(0.0, 1.0, 5)).values()} == {5}


def test_a_seed_gives_its_sample_again():
    sampling = Sampling(1.0, 0.95, 40)
    first, second = (
        tokens(SpeculativeHFEngine(RAST, EngineConfig(speculate=3)), requests((5, 6)), sampling) for _ in range(2)
    )
    assert first == second
    assert first["0", 0] != first["0", 1]


def test_a_single_model_has_no_drafter():
    with pytest.raises(UsageError, match="Nothing drafts"):
        SpeculativeHFEngine(System(RAST.base), EngineConfig(speculate=2))


class Toy:
    """Logits of three members over a vocabulary of five that depend on the last token, and what the rules make of them.

    Args:
        scale: spread of the delta; larger ones make the expert a worse drafter.
    """

    def __init__(self, seed, scale, sampling, rule="linear"):
        rng = np.random.default_rng(seed)
        base, delta, low = (torch.tensor(rng.normal(0, s, (6, 5)), dtype=torch.float32) for s in (1.0, scale, 1.0))
        members = Operands([base, low + delta, low], (1.0, 1.0, -1.0), ((1, 2),))
        self.p = distribution(make_rule(FusionRule.parse(rule))(members).logits, sampling)
        self.q = distribution(low + delta, sampling)

    def exact(self, count):
        """Probability of every sequence of `count` tokens after the start state 5."""
        found = {}
        for sequence in itertools.product(range(5), repeat=count):
            states = (5, *sequence)
            found[sequence] = math.prod(float(self.p[a, b]) for a, b in itertools.pairwise(states))
        return found

    def generate(self, seed, count, length, check=verify):
        """`count` tokens by drafting `length` at a time."""
        row, state, made = Row(Request("0", 0, (), seed), count), 5, []
        while len(made) < count:
            draft, at = [], state
            for _ in range(length):
                draft.append(hf_speculative._one(self.q[at], row))
                at = draft[-1]
            states = [state, *draft]
            made += check(self.p[states], self.q[states[:-1]], draft, row)
            state = made[-1]
        return tuple(made[:count])


def p_value(toy, count, length, runs, check=verify):
    exact = toy.exact(count)
    seen = dict.fromkeys(exact, 0)
    for seed in range(runs):
        seen[toy.generate(seed, count, length, check)] += 1
    often = [key for key, share in exact.items() if share * runs >= 5]
    observed = [*(seen[key] for key in often), runs - sum(seen[key] for key in often)]
    expected = [*(exact[key] * runs for key in often), (1 - sum(exact[key] for key in often)) * runs]
    if expected[-1] < 5:
        observed, expected = observed[:-1], expected[:-1]
    return chisquare(observed, np.array(expected) * sum(observed) / sum(expected)).pvalue


@pytest.mark.slow
@pytest.mark.parametrize(("length", "count", "top_p"), [(1, 2, 1.0), (3, 3, 1.0), (2, 3, 0.8)])
def test_joints_follow_the_exact_distribution(length, count, top_p):
    toy = Toy(3, 3.0, Sampling(1.0, top_p, 8))
    overlap = torch.minimum(toy.p, toy.q).sum(-1).mean()
    assert overlap < 0.7  # a drafter that is often wrong: what it gets right by itself proves nothing
    assert p_value(toy, count, length, 6000) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["gated:entropy=1.3", "masked:alpha=0.2", "contrastive:alpha=0.1,beta=0.5"])
def test_joints_under_a_rule_follow_its_exact_distribution(rule):
    toy, plain = (Toy(3, 3.0, Sampling(1.0, 0.95, 8), text) for text in (rule, "linear"))
    assert not torch.allclose(toy.p, plain.p), "the rule does something"
    assert p_value(toy, 3, 2, 20_000) > 1e-3


def test_a_biased_sampler_is_found_out():
    """Negative control: a rejected token replaced from p instead of from max(0, p - q)."""

    def biased(p, q, draft, row):
        for position, token in enumerate(draft):
            if row.uniforms.next() * float(q[position, token]) < float(p[position, token]):
                continue
            return [*draft[:position], hf_speculative._one(p[position], row)]
        return [*draft, hf_speculative._one(p[len(draft)], row)]

    assert p_value(Toy(3, 3.0, Sampling(1.0, 1.0, 8)), 2, 1, 6000, biased) < 1e-6


def test_acceptance_counts_by_position():
    acceptance = Acceptance()
    for accepted in (2, 0, 1):
        acceptance.count(2, accepted)
    assert (acceptance.drafted, acceptance.accepted, acceptance.passes) == ([3, 3], [2, 1], 3)
    assert acceptance.tokens_per_pass == 2.0
