import math

import numpy as np
import pytest

from rast_eval.statistics import holm, mean_estimate, minimum_detectable, paired_difference, sign_flip


def test_one_sample_uses_mcnemar():
    a, b = np.array([[1], [1], [1], [0], [1], [1]]), np.array([[0], [0], [0], [1], [0], [1]])
    result = paired_difference(a, b)
    assert result.test == "mcnemar"
    assert result.p_value == pytest.approx(2 * (1 + 5) / 32)
    assert result.value == pytest.approx(3 / 6)


def test_several_samples_use_sign_flips_and_the_paired_interval():
    rng = np.random.default_rng(0)
    ease = rng.random((50, 1))
    a, b = rng.random((50, 8)) < np.clip(ease + 0.2, 0, 1), rng.random((50, 4)) < ease
    result = paired_difference(a, b)
    d = a.mean(axis=1) - b.mean(axis=1)
    assert result.test == "sign-flip"
    assert result.se == pytest.approx(math.sqrt(((d - d.mean()) ** 2).sum() / (50 * 49)))
    assert result.p_value < 0.01
    assert (result.low, result.high) == pytest.approx((mean_estimate(d).low, mean_estimate(d).high))
    assert result.problems == 50


def test_seeded_sign_flips_agree_with_all_of_them():
    d = np.random.default_rng(1).normal(0.3, 1, size=12)
    exact, drawn = sign_flip(d, draws=2**12), sign_flip(d, draws=4000)
    assert drawn == pytest.approx(exact, abs=0.03)
    assert drawn == sign_flip(d, draws=4000)
    assert sign_flip(np.ones(40), draws=1000) == pytest.approx(1 / 1001)


def test_p_values_are_uniform_without_a_difference():
    p = [sign_flip(np.random.default_rng(seed).normal(size=9)) for seed in range(300)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.05)


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
