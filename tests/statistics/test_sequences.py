import numpy as np
import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rast_eval.statistics import problems_sequence, rounds_sequence, seeds_estimate


@pytest.mark.parametrize("model", ["β .3", "β 5", "mislabelled", "alike"])
@pytest.mark.parametrize(("problems", "rounds", "mean", "width"), [(60, 16, 0.9, 0.03), (30, 32, 0.5, 0.05)])
def test_all_rounds_hold_the_score_of_the_problems_at_once(model, problems, rounds, mean, width):
    misses = fixed = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        theta = simulated.MODELS[model](rng, mean, problems)
        grades = rng.random((problems, rounds)) < theta[:, None]
        e = rounds_sequence(grades, width)  # of all rounds together
        misses += not e.low <= theta.mean() <= e.high
        looks = [seeds_estimate(grades[:, :j]) for j in range(2, rounds + 1)]
        fixed += any(not x.low <= theta.mean() <= x.high for x in looks)
    assert misses / 150 < 0.05
    assert fixed > misses  # what looking early at the ordinary interval costs


@pytest.mark.parametrize(("problems", "mean", "width"), [(200, 0.9, 0.03), (100, 0.3, 0.08)])
def test_all_looks_hold_the_score_of_the_benchmark_at_once(problems, mean, width):
    misses = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values = simulated.sample(rng, rng.beta(mean, 1 - mean, problems), 2).mean(axis=1)
        e = problems_sequence(rng.permutation(values)[: 4 * problems // 5], problems, width)
        misses += not e.low <= values.mean() <= e.high
    assert misses / 200 < 0.07


def test_rounds_forget_the_spread_between_problems():
    rng = np.random.default_rng(0)
    theta = np.repeat([0.02, 0.98], 250)
    halves, alike = (rng.random((500, 16)) < t[:, None] for t in (theta, np.full(500, 0.5)))
    assert rounds_sequence(halves, 0.01).half_width < 0.4 * rounds_sequence(alike, 0.01).half_width


def test_a_cell_stops_before_its_end():
    rng = np.random.default_rng(1)
    grades = rng.random((500, 32)) < rng.beta(0.3 * 0.8, 0.3 * 0.2, 500)[:, None]
    halves = [rounds_sequence(grades[:, :j], 0.01).half_width for j in range(1, 33)]
    stop = next(j for j, half in enumerate(halves, 1) if half <= 0.01)
    fixed = next(j for j in range(2, 33) if seeds_estimate(grades[:, :j]).half_width <= 0.01)
    assert fixed < stop <= 3 * fixed
    assert halves == sorted(halves, reverse=True)


def test_the_last_problem_closes_the_interval():
    rng = np.random.default_rng(2)
    values = (rng.random(300) < 0.7).astype(float)
    closed = problems_sequence(values, 300, 0.01)
    assert (closed.low, closed.high) == pytest.approx((values.mean(), values.mean()))
    one_left = problems_sequence(values[:-1], 300, 0.01)
    assert one_left.high - one_left.low <= 1 / 300 + 1e-9


def test_one_round_says_little():
    e = rounds_sequence(np.ones((5, 1), dtype=bool), 0.01)
    assert (e.value, e.method) == (1.0, "anytime")
    assert e.low < 0.8


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.sampled_from([0.005, 0.05, 0.3]))
@settings(max_examples=60, deadline=None)
def test_bounds_are_in_range_nested_and_mirrored(grades, width):
    e = rounds_sequence(grades, width)
    assert 0 <= e.low <= e.high <= 1
    mirrored = rounds_sequence(~grades, width)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((e.low, e.high), abs=1e-5)
    shorter = rounds_sequence(grades[:, :-1], width) if grades.shape[1] > 1 else e
    assert shorter.low - 1e-5 <= e.low <= e.high <= shorter.high + 1e-5


def test_nonsense_is_refused():
    for width in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="half-width"):
            rounds_sequence(np.ones((2, 2)), width)
    with pytest.raises(ValueError, match="filled matrix"):
        rounds_sequence(np.ones((0, 2)), 0.01)
    with pytest.raises(ValueError, match="between 1 and 3"):
        problems_sequence(np.ones(4), 3, 0.01)
