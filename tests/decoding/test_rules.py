"""What every rule must keep: neutral parameters are Eq. 3, constants change nothing, rows stand alone."""

import pytest

torch = pytest.importorskip("torch")

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.fusion import fuse  # noqa: E402
from rast_eval.decoding.loading import load_tokenizer  # noqa: E402
from rast_eval.decoding.rules import RULES, Operands, combine, make_rule  # noqa: E402
from rast_eval.errors import UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.types import Delta, FusionRule, ModelRef, Request, Sampling, System  # noqa: E402

TEXTS = [
    "gated:entropy=2.5",
    "gated:disagreement=0.95",
    "gated:entropy=1,disagreement=0.2",
    "masked:alpha=0.1",
    "contrastive:beta=0.5",
    "contrastive:alpha=0.1,beta=0.5",
]
REFS = [ModelRef(name) for name in "abcde"]
SYSTEM = System(REFS[0], (Delta(REFS[1], REFS[2], 0.7), Delta(REFS[3], REFS[4], -0.3)))


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(7)
    return [3 * torch.randn(40, width, generator=generator) for width in (64, 60, 60, 61, 60)]


def ruled(text):
    return System(SYSTEM.base, SYSTEM.deltas, FusionRule.parse(text))


@pytest.mark.parametrize("name", RULES)
def test_neutral_parameters_are_equation_3_bit_for_bit(name, logits):
    assert torch.equal(combine(ruled(name), logits).logits, fuse(logits, SYSTEM.weights))


@pytest.mark.parametrize("text", TEXTS)
def test_a_constant_added_to_a_member_changes_nothing(text, logits):
    found, active = combine(ruled(text), logits)
    assert not torch.allclose(found.softmax(-1), fuse(logits, SYSTEM.weights).softmax(-1)), "the rule does something"
    for place in range(len(logits)):
        shifted = [row + 4 * (index == place) for index, row in enumerate(logits)]
        again, still = combine(ruled(text), shifted)
        torch.testing.assert_close(again.softmax(-1), found.softmax(-1), rtol=1e-4, atol=1e-6)
        assert active is None or torch.equal(active, still)


@pytest.mark.parametrize("text", TEXTS)
def test_rows_stand_alone_and_inputs_stay(text, logits):
    kept = [row.clone() for row in logits]
    found, active = combine(ruled(text), logits)
    for row in (0, 17):
        alone = combine(ruled(text), [member[row : row + 1] for member in logits])
        assert torch.equal(alone.logits[0], found[row])
        assert active is None or alone.active[0] == active[row]
    assert all(map(torch.equal, kept, logits))


@pytest.mark.parametrize("text", ["linear", *TEXTS])
def test_elementwise_rules_may_be_computed_shard_by_shard(text, logits):
    rule, shared = make_rule(FusionRule.parse(text)), [row[:, :60] for row in logits]
    parts = [[row[:, a : a + 30] for row in shared] for a in (0, 30)]
    shards = torch.cat([rule(Operands(part, SYSTEM.weights, SYSTEM.pairs)).logits for part in parts], dim=-1)
    assert torch.equal(shards, combine(ruled(text), logits).logits) == (rule.scope == "elementwise")


def test_formulas_against_float64(logits):
    base, expert, antiexpert, other, low = (row[:, :60].double() for row in logits)
    linear = base + 0.7 * (expert - antiexpert) - 0.3 * (other - low)
    p = base.softmax(-1)
    moved = [(a.softmax(-1) - b.softmax(-1)).abs().sum(-1) / 2 for a, b in ((expert, antiexpert), (other, low))]
    is_open = (-(p * p.log()).sum(-1) >= 1) & (torch.maximum(*moved) >= 0.2)
    found, active = combine(ruled(TEXTS[2]), logits)
    assert torch.equal(active, is_open)
    assert 0 < is_open.sum() < len(is_open)
    torch.testing.assert_close(found.double(), torch.where(is_open[:, None], linear, base), rtol=1e-4, atol=1e-4)

    stays = p >= 0.1 * p.amax(-1, keepdim=True)
    found, active = combine(ruled("masked:alpha=0.1"), logits)
    torch.testing.assert_close(found.double(), linear.masked_fill(~stays, -torch.inf), rtol=1e-4, atol=1e-4)
    assert torch.equal(active, found.argmax(-1) != linear.argmax(-1))

    strong = linear.softmax(-1)
    stays = strong >= 0.1 * strong.amax(-1, keepdim=True)
    wanted = (1.5 * linear - 0.5 * antiexpert).masked_fill(~stays, -torch.inf)
    found, _ = combine(ruled("contrastive:alpha=0.1,beta=0.5"), logits)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gatd", "no rule named"),
        ("gated:entrpy=1", "no parameter of the rule gated"),
        ("gated:entropy=-1", "at least 0"),
        ("masked:alpha=2", "between 0 and 1"),
        ("masked:alpha", "NAME:param"),
        ("masked:alpha=nan", "between 0 and 1"),
        ("linear:x=1", "no rule named|no parameter"),
    ],
)
def test_what_is_no_rule_is_refused(text, told):
    with pytest.raises(UsageError, match=told):
        make_rule(FusionRule.parse(text))


FAMILY = resolve_models("tiny-l", ["tiny-m", "tiny-s:0.5"])


def tokens(text, sampling, **config):
    system = System(FAMILY.base, FAMILY.deltas, FusionRule.parse(text))
    engine = make_engine(system, EngineConfig(**config))
    ids = load_tokenizer(FAMILY.base)("Q: Tom has 37 coins. Mon buys 6 bags of 7. How many?\nA:")["input_ids"]
    requests = [Request("0", index, tuple(ids), index) for index in range(3)]
    try:
        return {c.sample: c.token_ids for c in engine.generate(requests, sampling, (), ())}, engine.activity
    finally:
        engine.close()


def test_a_warm_engine_changes_its_rule_and_counts():
    sampling = Sampling(1.0, 0.95, 40)
    plain, nothing = tokens("linear", sampling)
    neutral, every = tokens("gated", sampling)
    gated, some = tokens("gated:entropy=1", sampling)
    assert neutral == plain != gated
    assert nothing == (0, 0)
    assert every[0] == every[1] > 0
    assert 0 < some[0] < some[1]
    generated = sum(len(row) + (len(row) < 40) for row in gated.values())
    assert some[1] == generated, "every token is counted once, the end token too"


@pytest.mark.parametrize("text", ["gated:entropy=0.3", "masked:alpha=0.1", "contrastive:alpha=0.1,beta=0.5"])
def test_speculation_keeps_the_greedy_tokens_of_a_rule(text):
    greedy = Sampling(0.0, 1.0, 60)
    assert tokens(text, greedy, speculate=3)[0] == tokens(text, greedy)[0]
