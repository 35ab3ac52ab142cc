import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rast_eval.statistics import accuracy, clustered_se, mean_estimate, wilson


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
    assert (result.problems, result.samples, result.method) == (40, 8, "t")


def test_interval_is_students_t():
    # t of 2 degrees of freedom is sqrt(2) z / sqrt(1 − z²), z = .95: a closed form
    result = mean_estimate([0.0, 0.5, 1.0])
    assert result.half_width == pytest.approx(math.sqrt(2) * 0.95 / math.sqrt(1 - 0.95**2) * result.se)
    assert result.se == pytest.approx(0.5 / math.sqrt(3))


def test_one_sample_takes_wilson_and_has_no_seeds_error():
    correct = np.array([[1], [1], [0], [1]])
    result, direct = accuracy(correct), wilson(3, 4)
    assert (result.method, result.low, result.high) == ("wilson", direct.low, direct.high)
    assert math.isnan(result.seeds_se)


@pytest.mark.parametrize("verdict", [0, 1])
def test_a_cell_without_spread_does_not_shrink_to_a_point(verdict):
    result = accuracy(np.full((20, 4), verdict))
    assert result.value == verdict
    assert result.high - result.low == pytest.approx(0.1611, abs=1e-4)


def test_single_problem_uses_its_samples():
    result, direct = accuracy([[1, 0, 1, 1]]), wilson(3, 4)
    assert (result.low, result.high) == (direct.low, direct.high)


def test_clusters_of_one_change_nothing_and_pairs_do():
    p = bernoulli(2, 30, 4).mean(axis=1)
    assert clustered_se(p, list(range(30)))[0] == pytest.approx(mean_estimate(p).se)
    doubled = np.repeat(p, 2)
    se, groups = clustered_se(doubled, [i // 2 for i in range(60)])
    assert groups == 30
    assert se == pytest.approx(mean_estimate(p).se)  # twins bring no information
    assert mean_estimate(doubled).se < se
    assert mean_estimate(doubled, [0] * 60).method == "undefined"


def test_empty_matrices_are_refused():
    with pytest.raises(ValueError, match="filled matrix"):
        accuracy(np.zeros((0, 4)))
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_own_equation(case):
    successes, total = case
    result = wilson(successes, total)
    assert 0 <= result.low <= result.value <= result.high <= 1
    for bound in (result.low, result.high):
        if 0 < bound < 1:
            z = (result.value - bound) / math.sqrt(bound * (1 - bound) / total)
            assert abs(z) == pytest.approx(1.959964, abs=1e-4)


def test_coverage_of_the_total_interval():
    hits = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        correct = rng.random((60, 8)) < rng.beta(2, 3, size=(60, 1))
        result = accuracy(correct)
        hits += result.low <= 0.4 <= result.high
    assert 0.92 <= hits / 400 <= 0.98
