import math

import numpy as np
import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rast_eval.statistics import holm, mean_estimate, minimum_detectable, paired_difference, paired_values, pass_at_k
from rast_eval.statistics.paired import ALIKE

pytestmark = pytest.mark.slow

SHAPES = st.tuples(st.integers(1, 40), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4]))
PAIRS = SHAPES.flatmap(
    lambda s: st.tuples(hnp.arrays(np.bool_, (s[0], s[1])), hnp.arrays(np.bool_, (s[0], s[2])), st.booleans())
)


def test_one_sample_uses_mcnemar():
    a, b = np.array([[1], [1], [1], [0], [1], [1]]), np.array([[0], [0], [0], [1], [0], [1]])
    result = paired_difference(a, b)
    assert result.test == "mcnemar"
    assert result.p_value == pytest.approx(2 * (1 + 5) / 32)
    assert result.value == pytest.approx(3 / 6)


def test_several_samples_use_sign_flips():
    rng = np.random.default_rng(0)
    ease = rng.random((50, 1))
    a, b = rng.random((50, 8)) < np.clip(ease + 0.2, 0, 1), rng.random((50, 8)) < ease
    result = paired_difference(a, b)
    d = a.mean(axis=1) - b.mean(axis=1)
    assert result.test == "sign-flip"
    assert result.se == pytest.approx(math.sqrt(((d - d.mean()) ** 2).sum() / (50 * 49)))
    assert result.p_value < 0.01
    t = mean_estimate(d)
    assert (result.low, result.high) == pytest.approx((t.low, t.high), abs=0.15 * t.half_width)
    assert (result.problems, result.note) == (50, "")


@given(PAIRS)
@settings(max_examples=150, deadline=None)
def test_p_below_5_percent_exactly_where_0_is_outside(pair):
    a, b, ordered = pair
    if ordered:  # else hardly any example differs
        a, b = a | b[:, :1], b & a[:, :1]
    result = paired_difference(a, b)
    assert (result.p_value < 0.05) == (not result.low <= 0 <= result.high)
    assert -1 <= result.low <= result.value + 1e-12
    assert result.value - 1e-12 <= result.high <= 1
    assert result.high > result.low
    reversed_ = paired_difference(b, a)
    if result.test == "mcnemar":
        assert (reversed_.low, reversed_.high) == pytest.approx((-result.high, -result.low))


def test_identical_grades_are_not_certain():
    same = np.random.default_rng(1).random((30, 1)) < 0.5
    result = paired_difference(same, same)
    assert (result.value, result.p_value, result.note) == (0.0, 1.0, ALIKE)
    assert math.isnan(result.detectable)
    assert result.high == -result.low > 0.05
    assert paired_difference(same[:3], same[:3]).high == 1  # three problems exclude nothing
    assert paired_difference(same[:1], same[:1]).note == ALIKE


def test_a_lucky_arm_of_one_sample_is_no_finding():
    # at 95 % each, one sample of 30 problems is often right throughout, and 32 samples never are
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        a, b = (
            simulated.sample(rng, t, n) for t, n in zip(simulated.arms(rng, (0.95, 0.95), 30), (1, 32), strict=True)
        )
        found += paired_difference(a, b).p_value < 0.05
    assert found <= 10


@pytest.mark.parametrize(
    ("problems", "n", "a", "b"),
    [(30, 4, 0.97, 0.95), (30, 32, 0.7, 0.6), (30, 32, 0.99, 0.93), (164, 1, 0.98, 0.94), (30, 1, 0.9, 0.5)],
)
def test_differences_are_covered(problems, n, a, b):
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        left, right = (simulated.sample(rng, theta, n) for theta in simulated.arms(rng, (a, b), problems))
        d = paired_difference(left, right)
        hits += d.low - 1e-9 <= a - b <= d.high + 1e-9
    assert hits / 300 > 0.91


def test_pass_at_k_is_compared_problem_by_problem():
    rng = np.random.default_rng(3)
    ease = rng.beta(0.3, 0.5, 60)
    a, b = simulated.sample(rng, np.sqrt(ease), 8), simulated.sample(rng, ease, 8)
    result = paired_values(pass_at_k(a, 4), pass_at_k(b, 4), 2, 2)
    assert result.value == pytest.approx(pass_at_k(a, 4).mean() - pass_at_k(b, 4).mean())
    assert result.test == "sign-flip"
    assert result.low > 0
    all_of_them = paired_values(pass_at_k(a, 8), pass_at_k(b, 8), 1, 1)
    assert all_of_them.test == "mcnemar"  # each problem is found or not


def test_detectable_difference_is_found_four_times_in_five():
    # normal differences with sd 1 over 40 problems: se is 1/sqrt(40)
    effect = minimum_detectable(1 / math.sqrt(40), 40)
    found = 0
    for seed in range(400):
        estimate = mean_estimate(np.random.default_rng(seed).normal(effect, 1, size=40))
        found += estimate.low > 0
    assert found / 400 == pytest.approx(0.8, abs=0.06)
    assert math.isnan(minimum_detectable(0.1, 1))


def test_holm_skips_what_was_not_tested():
    assert holm([0.01, math.nan, 0.02]) == pytest.approx([0.02, math.nan, 0.02], nan_ok=True)
    assert holm([]) == []


def test_different_problem_counts_are_refused():
    with pytest.raises(ValueError, match="same problems"):
        paired_difference(np.zeros((3, 1)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="same problems"):
        paired_values([0.5], [0.5, 1.0], 1, 1)
