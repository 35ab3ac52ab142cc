import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rast_eval.statistics import mcnemar, sign_flip
from rast_eval.statistics.flips import invert_flips, invert_mcnemar

EIGHTHS = st.lists(st.integers(-8, 8).map(lambda k: k / 8), min_size=1, max_size=9)


def brute_p(d, delta):
    shifted = np.asarray(d) - delta
    sums = [abs(float(np.dot(signs, shifted))) for signs in itertools.product((-1, 1), repeat=len(d))]
    return np.mean(np.array(sums) >= abs(shifted.sum()) - 1e-9)


@given(EIGHTHS)
@settings(max_examples=60, deadline=None)
def test_the_interval_is_what_the_test_does_not_reject(d):
    found = invert_flips(d)
    assert found.p_value == pytest.approx(brute_p(d, 0.0))
    assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    for bound, outward in ((found.low, -1), (found.high, 1)):
        if -1 < bound < 1:
            assert brute_p(d, bound) >= 0.05
            assert brute_p(d, bound + outward * 1e-6) < 0.05


def test_exact_ties_count_in_spite_of_rounding():
    # the sum is −6e-17 in floats and 0 in truth: every pattern is as extreme
    assert sum([-0.1, -0.1, -0.1, 0.3]) != 0
    assert sign_flip([-0.1, -0.1, -0.1, 0.3]) == 1.0
    rng = np.random.default_rng(0)
    half = rng.integers(1, 33, size=40) / 32 / 3
    assert sign_flip(np.concatenate([half, -half])) == 1.0


def test_seeded_sign_flips_agree_with_all_of_them():
    d = np.random.default_rng(1).normal(0.3, 1, size=12)
    exact, drawn = sign_flip(d, draws=2**12), sign_flip(d, draws=4000)
    assert drawn == pytest.approx(exact, abs=0.03)
    assert drawn == sign_flip(d, draws=4000)
    assert sign_flip(np.ones(40), draws=1000) == pytest.approx(1 / 1001)


def test_p_values_are_uniform_without_a_difference():
    p = [sign_flip(np.random.default_rng(seed).normal(size=9)) for seed in range(300)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("up", "down", "same"), [(5, 1, 6), (0, 0, 8), (6, 0, 4), (0, 7, 3), (3, 3, 4), (9, 1, 0)])
def test_mcnemar_is_the_sign_flip_test_of_single_samples(up, down, same):
    d = np.concatenate([np.ones(up), -np.ones(down), np.zeros(same)])
    by_patterns, direct = invert_flips(d, draws=2**d.size), invert_mcnemar(up, down, d.size)
    assert direct.p_value == pytest.approx(by_patterns.p_value) == mcnemar(up, down)
    assert (direct.low, direct.high) == pytest.approx((by_patterns.low, by_patterns.high), abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_mcnemar_agrees_with_its_interval(up, down, same):
    found = invert_mcnemar(up, down, up + down + same)
    mirrored = invert_mcnemar(down, up, up + down + same)
    assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
    assert found.low <= (up - down) / (up + down + same) <= found.high
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_too_few_problems_exclude_nothing():
    found = invert_flips([0.5, 0.25, 0.5, 0.25, 1.0])  # the smallest p of five problems is 2/32
    assert (found.low, found.high) == (-1, 1)
    assert found.p_value == 2 / 32
    assert math.copysign(1, invert_mcnemar(5, 1, 12).low) == 1  # prints 0, never −0
