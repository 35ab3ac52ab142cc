import math

import numpy as np
import pytest
import simulated

from rast_eval.statistics import (
    Spread,
    average_recovery,
    detection_power,
    paired_difference,
    problems_needed,
    samples_needed,
    smallest_difference,
    spread_of_assumptions,
    spread_of_pilot,
)
from rast_eval.statistics.recovery import UNDEFINED


def test_power_is_the_noncentral_t_distribution():
    from scipy.special import nctdtr, stdtrit

    spread = Spread(0.04, 0.1, 0.2, "")
    for problems, n, difference in ((2, 1, 0.5), (30, 4, 0.1), (500, 32, 0.02)):
        shift = difference / math.sqrt((0.04 + 0.3 / n) / problems)
        t = stdtrit(problems - 1, 0.975)
        expected = 1 - nctdtr(problems - 1, shift, t) + nctdtr(problems - 1, shift, -t)
        assert detection_power(difference, spread, problems, n) == pytest.approx(expected, abs=1e-5)
    assert detection_power(0.0, spread, 30, 4) == pytest.approx(0.05, abs=1e-5)
    assert detection_power(0.9, spread, 10**6, 100) == pytest.approx(1)  # where scipy's function is NaN
    assert detection_power(0.5, spread, 1, 4) == 0


def test_what_is_needed_is_the_least_that_suffices():
    spread = spread_of_assumptions(0.30, 0.32, dispersion=0.7, correlation=0.95)
    for n in (1, 4, 32):
        problems = problems_needed(0.02, spread, n)
        assert detection_power(0.02, spread, problems, n) >= 0.8 > detection_power(0.02, spread, problems - 1, n)
    samples = samples_needed(0.02, spread, 500)
    assert detection_power(0.02, spread, 500, samples) >= 0.8 > detection_power(0.02, spread, 500, samples - 1)
    found = smallest_difference(spread, 500, samples)
    assert 0.0198 < found <= 0.02


def test_a_benchmark_that_cannot_answer_says_so():
    spread = spread_of_assumptions(0.30, 0.32, dispersion=0.7, correlation=0.95)
    assert samples_needed(0.02, spread, 30) is None
    floor = smallest_difference(spread, 30, math.inf)
    assert floor > 0.02
    assert samples_needed(floor * 1.02, spread, 30) is not None
    assert problems_needed(1e-6, spread, 1) is None
    assert math.isnan(smallest_difference(spread, 1, 4))


def test_a_pilot_gives_the_parts_of_the_variance():
    rng = np.random.default_rng(0)
    thetas = simulated.arms(rng, (0.6, 0.5), 20_000)
    pilot = spread_of_pilot(*(simulated.sample(rng, theta, n) for theta, n in zip(thetas, (4, 8), strict=True)))
    assert pilot.between == pytest.approx((thetas[0] - thetas[1]).var(), rel=0.1)
    assert pilot.within_a == pytest.approx((thetas[0] * (1 - thetas[0])).mean(), rel=0.02)
    assert pilot.within_b == pytest.approx((thetas[1] * (1 - thetas[1])).mean(), rel=0.02)
    assert "20000 problems × 4 and 8 samples" in pilot.source


def test_one_sample_shows_no_noise_of_its_own():
    rng = np.random.default_rng(1)
    a, b = rng.random((200, 1)) < 0.5, rng.random((200, 1)) < 0.5
    pilot = spread_of_pilot(a, b)
    assert (pilot.within_a, pilot.within_b) == (0, 0)
    assert pilot.standard_error(200, 1) == pilot.standard_error(200, 64)
    assert pilot.standard_error(200, 1) == pytest.approx(paired_difference(a, b).se)


def test_assumptions_are_the_variances_of_beta_arms():
    spread = spread_of_assumptions(0.6, 0.6, dispersion=0.4, correlation=1)
    assert (spread.between, spread.within_a) == (pytest.approx(0), pytest.approx(0.6 * 0.24))
    apart = spread_of_assumptions(0.6, 0.6, dispersion=0.4, correlation=0)
    assert apart.between == pytest.approx(2 * 0.4 * 0.24)
    # one sample: all of the variance, wherever it lies
    assert apart.standard_error(1, 1) == pytest.approx(math.sqrt(2 * 0.24))
    for wrong in ((0.0, 0.5), (0.5, 0.5, 1.5), (0.5, 0.5, 0.5, 2)):
        with pytest.raises(ValueError, match="lie in"):
            spread_of_assumptions(*wrong)
    with pytest.raises(ValueError, match="same problems"):
        spread_of_pilot(np.ones((1, 4)), np.ones((1, 4)))


@pytest.mark.parametrize(("problems", "n", "a", "b"), [(272, 4, 0.4, 0.36), (100, 1, 0.6, 0.45)])
def test_power_is_how_often_the_difference_is_found(problems, n, a, b):
    many = simulated.arms(np.random.default_rng(0), (a, b), 50_000)
    spread = Spread((many[0] - many[1]).var(), *((t * (1 - t)).mean() for t in many), "the truth")
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        left, right = (simulated.sample(rng, theta, n) for theta in simulated.arms(rng, (a, b), problems))
        found += paired_difference(left, right).p_value < 0.05
    assert found / 200 == pytest.approx(detection_power(a - b, spread, problems, n), abs=0.1)


def test_power_for_the_gap_is_the_chance_of_a_bounded_recovery():
    means, problems = (0.4, 0.44, 0.48), 80
    many = simulated.arms(np.random.default_rng(0), means, 50_000)
    spread = Spread((many[2] - many[0]).var(), *((t * (1 - t)).mean() for t in (many[2], many[0])), "the truth")
    bounded = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        triple = [simulated.sample(rng, t, 4).mean(axis=1) for t in simulated.arms(rng, means, problems)]
        note = average_recovery([triple]).note
        assert note != UNDEFINED
        bounded += note == ""
    assert bounded / 300 == pytest.approx(detection_power(0.08, spread, problems, 4), abs=0.08)
