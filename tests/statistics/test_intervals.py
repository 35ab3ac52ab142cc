import math

import numpy as np
import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rast_eval.statistics import (
    Estimate,
    accuracy,
    clustered_se,
    mean_estimate,
    pass_at_k,
    seeds_estimate,
    share_estimate,
    wilson,
)

MATRICES = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 5)))


def bernoulli(seed, problems, samples):
    rng = np.random.default_rng(seed)
    return rng.random((problems, samples)) < rng.random((problems, 1))


def test_total_and_seeds_error_follow_their_formulas():
    correct = bernoulli(1, 40, 8)
    p, s = correct.mean(axis=1), correct.mean()
    result = accuracy(correct)
    assert result.value == pytest.approx(s)
    assert result.se == pytest.approx(math.sqrt(((p - s) ** 2).sum() / (40 * 39)))
    assert result.seeds_se == pytest.approx(math.sqrt((p * (1 - p) / 7).sum()) / 40)
    assert result.seeds_se < result.se
    assert (result.problems, result.samples, result.method) == (40, 8, "wilson")
    assert result.low < result.seeds_low < s < result.seeds_high < result.high
    assert result.seeds_half_width == pytest.approx((result.seeds_high - result.seeds_low) / 2)


def test_interval_is_students_t():
    # t of 2 degrees of freedom is sqrt(2) z / sqrt(1 − z²), z = .95: a closed form
    result = mean_estimate([0.0, 0.5, 1.0])
    assert result.half_width == pytest.approx(math.sqrt(2) * 0.95 / math.sqrt(1 - 0.95**2) * result.se)
    assert result.se == pytest.approx(0.5 / math.sqrt(3))


def test_many_problems_at_one_half_agree_with_students_t():
    p = bernoulli(3, 2000, 8).mean(axis=1)
    ours, t = share_estimate(p), mean_estimate(p)
    assert ours.half_width == pytest.approx(t.half_width, rel=0.01)


def test_one_sample_takes_wilson_and_has_no_seeds_error():
    correct = np.array([[1], [1], [0], [1]])
    result, direct = accuracy(correct), wilson(3, 4)
    assert (result.method, result.low, result.high) == ("wilson", direct.low, direct.high)
    assert math.isnan(result.seeds_se)
    assert math.isnan(result.seeds_low)
    assert not result.seeds_symmetric


@pytest.mark.parametrize("grade", [0, 1])
def test_a_cell_without_spread_does_not_shrink_to_a_point(grade):
    result = accuracy(np.full((20, 4), grade))
    assert result.value == grade
    assert result.high - result.low == pytest.approx(0.1611, abs=1e-4)  # Wilson's of 0 in 20
    seeds = wilson(0, 80)
    assert result.seeds_half_width == pytest.approx(seeds.half_width)


def test_single_problem_is_one_trial():
    result = accuracy([[1, 0, 1, 1]])
    assert (result.value, math.isnan(result.se)) == (0.75, True)
    assert (result.low, result.high) == pytest.approx((wilson(0.75, 1).low, wilson(0.75, 1).high))
    assert result.seeds_high - result.seeds_low < result.high - result.low


def test_clusters_of_one_change_nothing_and_pairs_do():
    p = bernoulli(2, 30, 4).mean(axis=1)
    assert clustered_se(p, list(range(30)))[0] == pytest.approx(mean_estimate(p).se)
    alone, labelled = share_estimate(p), share_estimate(p, list(range(30)))
    assert (labelled.low, labelled.high) == pytest.approx((alone.low, alone.high))
    doubled, pairs = np.repeat(p, 2), [i // 2 for i in range(60)]
    se, groups = clustered_se(doubled, pairs)
    assert groups == 30
    assert se == pytest.approx(mean_estimate(p).se)  # twins bring no information
    assert mean_estimate(doubled).se < se
    assert share_estimate(doubled, pairs).half_width == pytest.approx(alone.half_width, rel=0.02)
    assert mean_estimate(doubled, [0] * 60).method == "undefined"
    assert share_estimate(np.ones(60), pairs).low == pytest.approx(wilson(30, 30).low, abs=0.01)


def test_what_is_undefined_stays_so():
    with pytest.raises(ValueError, match="filled matrix"):
        accuracy(np.zeros((0, 4)))
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)
    for estimate in (share_estimate([]), share_estimate([0.5, math.nan]), mean_estimate([math.nan])):
        assert estimate.method == "undefined"
        assert math.isnan(estimate.value)
    assert not Estimate(0.5, math.nan, math.nan, math.nan, "undefined").symmetric


def test_symmetric_means_to_the_printed_digit():
    assert mean_estimate([10.0, 20.0, 35.0]).symmetric
    assert share_estimate(bernoulli(4, 5000, 4).mean(axis=1)).symmetric
    assert not wilson(29, 30).symmetric
    assert not Estimate(0.95, 0.90, 0.995, 0.01, "wilson").symmetric


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_own_equation(case):
    successes, total = case
    result = wilson(successes, total)
    assert 0 <= result.low <= result.value <= result.high <= 1
    for bound in (result.low, result.high):
        if 0 < bound < 1:
            z = (result.value - bound) / math.sqrt(bound * (1 - bound) / total)
            assert abs(z) == pytest.approx(1.959964, abs=1e-4)


@given(MATRICES)
def test_intervals_stay_in_range_never_close_and_mirror(correct):
    for mirrored, e in ((share_estimate(1 - correct.mean(axis=1)), accuracy(correct)),) + (
        ((seeds_estimate(~correct), seeds_estimate(correct)),) if correct.shape[1] > 1 else ()
    ):
        assert 0 <= e.low <= e.value + 1e-12
        assert e.value - 1e-12 <= e.high <= 1
        assert e.high - e.low > 0.01
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((e.low, e.high))


@pytest.mark.parametrize("model", simulated.MODELS)
@pytest.mark.parametrize(("problems", "n", "truth"), [(30, 4, 0.98), (30, 32, 0.93), (272, 32, 0.98), (40, 4, 0.5)])
def test_shares_are_covered_however_hard_the_problems_are(model, problems, n, truth):
    # 3 standard errors of 400 replications under .93; Student's t covers .45 to .90 of the first three
    rng, hits, seeds = np.random.default_rng(5), 0, 0
    for _ in range(400):
        theta = simulated.MODELS[model](rng, truth, problems)
        result = accuracy(simulated.sample(rng, theta, n))
        hits += result.low <= truth <= result.high
        seeds += simulated.holds(result.seeds_low, result.seeds_high, float(theta.mean()))
    assert hits / 400 > 0.892
    assert seeds / 400 > 0.892


def test_pass_at_8_near_its_ceiling_is_covered():
    # β(.86, .14): pass@8 is 1 − E(1 − θ)^8 = .975, where Student's t covers .75
    rng, hits, by_t = np.random.default_rng(6), 0, 0
    truth = 1 - math.exp(math.lgamma(8.14) - math.lgamma(9) - math.lgamma(0.14) + math.lgamma(1))
    for _ in range(400):
        values = pass_at_k(simulated.sample(rng, rng.beta(0.86, 0.14, 30), 32), 8)
        for estimate in (share_estimate, mean_estimate):
            e = estimate(values)
            held = e.low <= truth <= e.high
            hits, by_t = (hits + held, by_t) if estimate is share_estimate else (hits, by_t + held)
    assert hits / 400 > 0.93 > by_t / 400
