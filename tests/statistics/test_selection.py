import math

import numpy as np
import pytest
import simulated

from rast_eval.statistics import choose_best, gains_over, paired_difference, share_estimate


def sweep(seed, means, problems, n):
    rng = np.random.default_rng(seed)
    return [simulated.sample(rng, theta, n) for theta in simulated.arms(rng, means, problems, correlation=0.95)]


@pytest.mark.parametrize(("problems", "n", "too_high"), [(30, 32, 3.4), (272, 4, 2.0)])
def test_the_best_of_equal_settings_is_too_high_and_the_honest_estimate_is_not(problems, n, too_high):
    naive, honest, hits = [], [], 0
    for seed in range(120):
        found = choose_best([m.mean(axis=1) for m in sweep(seed, [0.6] * 15, problems, n)], splits=30)
        naive.append(100 * (found.naive.value - 0.6))
        honest.append(100 * (found.honest.value - 0.6))
        hits += found.honest.low <= 0.6 <= found.honest.high
    error = np.std(honest) / math.sqrt(120)
    assert np.mean(naive) == pytest.approx(too_high, abs=4 * error)
    assert abs(np.mean(honest)) < 4 * error < np.mean(naive)
    assert hits / 120 > 0.89


def test_a_clear_winner_costs_nothing():
    scores = [m.mean(axis=1) for m in sweep(1, [0.3, 0.3, 0.8], 200, 8)]
    found = choose_best(scores)
    assert (found.index, found.settings) == (2, 3)
    assert found.naive == share_estimate(scores[2])
    assert found.honest == found.naive
    assert found.optimism == pytest.approx(0)


def test_equal_scores_share_and_the_first_is_named():
    scores = [np.array([1.0, 0.0, 1.0, 0.0])] * 3
    found = choose_best(scores)
    assert (found.index, found.honest.value, found.optimism) == (0, 0.5, 0.0)


def test_choosing_is_seeded():
    scores = [m.mean(axis=1) for m in sweep(2, [0.6] * 5, 30, 1)]
    assert choose_best(scores, splits=20) == choose_best(scores, splits=20)
    assert choose_best(scores, splits=20) != choose_best(scores, splits=20, seed=1)


def test_gains_are_paired_with_the_reference_and_adjusted():
    matrices = sweep(3, [0.5, 0.6, 0.62], 200, 4)
    gains = gains_over(matrices, 1)
    assert gains[1].difference is None
    assert math.isnan(gains[1].holm)
    assert gains[0].difference == paired_difference(matrices[0], matrices[1])
    assert gains[0].difference.p_value < 0.01
    assert gains[0].holm == pytest.approx(2 * gains[0].difference.p_value)


def test_settings_over_different_problems_are_refused():
    with pytest.raises(ValueError, match="same problems"):
        choose_best([[0.5, 1.0], [0.5]])
    with pytest.raises(ValueError, match="two problems"):
        choose_best([[0.5], [1.0]])
    with pytest.raises(ValueError, match="same problems"):
        choose_best([])
