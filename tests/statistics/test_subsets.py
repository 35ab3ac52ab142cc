import itertools
import math

import numpy as np
import pytest

from rast_eval.statistics import majority_at_k, majority_at_k_paper, pass_at_k, pass_at_k_paper

RNG = np.random.default_rng(0)
CORRECT = RNG.random((12, 7)) < RNG.random((12, 1))
VOTES = np.where(CORRECT, 0, RNG.integers(-1, 4, size=(12, 7)))
VOTES[(VOTES == 0) & ~CORRECT] = 4


def brute_majority(correct, votes, k):
    values = []
    for chosen in itertools.combinations(range(len(votes)), k):
        tally = {}
        for j in chosen:
            if votes[j] >= 0:
                tally.setdefault(votes[j], []).append(correct[j])
        most = max(map(len, tally.values()), default=0)
        tied = [right[0] for right in tally.values() if len(right) == most]
        values.append(np.mean(tied) if tied else 0.0)
    return np.mean(values)


@pytest.mark.parametrize("k", range(1, 8))
def test_pass_at_k_is_the_mean_over_all_subsets(k):
    brute = [np.mean([any(row[list(c)]) for c in itertools.combinations(range(7), k)]) for row in CORRECT]
    assert pass_at_k(CORRECT, k) == pytest.approx(brute)


def test_pass_at_k_keeps_its_precision_at_large_n():
    correct = np.zeros((1, 1000), dtype=bool)
    correct[0, :3] = True
    assert pass_at_k(correct, 500)[0] == pytest.approx(1 - math.comb(997, 500) / math.comb(1000, 500), rel=1e-12)


@pytest.mark.parametrize("k", range(1, 8))
def test_majority_is_the_mean_over_all_subsets(k):
    brute = [brute_majority(c, v, k) for c, v in zip(CORRECT, VOTES, strict=True)]
    assert majority_at_k(CORRECT, VOTES, k) == pytest.approx(brute)


def test_seeded_subsets_approach_the_exact_value_and_repeat():
    exact, drawn = majority_at_k(CORRECT, VOTES, 3), majority_at_k(CORRECT, VOTES, 3, subsets=30)
    assert not np.array_equal(exact, drawn)
    assert drawn == pytest.approx(exact, abs=0.35)
    assert np.array_equal(drawn, majority_at_k(CORRECT, VOTES, 3, subsets=30))
    assert drawn.mean() == pytest.approx(exact.mean(), abs=0.06)


@pytest.mark.parametrize("function", [pass_at_k, pass_at_k_paper])
def test_more_than_n_is_undefined(function):
    assert np.isnan(function(CORRECT, 8)).all()
    with pytest.raises(ValueError, match="at least 1"):
        function(CORRECT, 0)


def test_majority_beyond_n_is_undefined():
    assert np.isnan(majority_at_k(CORRECT, VOTES, 8)).all()
    assert np.isnan(majority_at_k_paper(CORRECT, VOTES.tolist(), 8)).all()
    with pytest.raises(ValueError, match="differ in shape"):
        majority_at_k(CORRECT, VOTES[:, :3], 2)


def test_paper_estimator_has_the_unbiased_expectation_and_more_noise():
    mean = np.mean([pass_at_k_paper(CORRECT, 2, seed).mean() for seed in range(400)])
    spread = np.std([pass_at_k_paper(CORRECT, 2, seed).mean() for seed in range(400)])
    assert mean == pytest.approx(pass_at_k(CORRECT, 2).mean(), abs=4 * spread / 20)
    assert spread > 0
    assert pass_at_k_paper(CORRECT, 7) == pytest.approx(pass_at_k(CORRECT, 7))


def test_paper_majority_breaks_ties_by_draw_order():
    seen = {float(majority_at_k_paper([[1, 0]], [["a", "b"]], 2, seed)[0]) for seed in range(20)}
    assert seen == {0.0, 1.0}
