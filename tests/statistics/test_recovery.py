import math

import numpy as np
import pytest
import simulated

from rast_eval.statistics import average_recovery, fieller, recovery, recovery_fixed
from rast_eval.statistics.recovery import FIXED, NEGATIVE, NO_CEILING, TOO_SMALL, UNBOUNDED, UNDEFINED


def arms(seed, problems=80, base=0.35, rast=0.8, rl=0.9):
    rng = np.random.default_rng(seed)
    ease = rng.normal(0, 0.15, size=problems)
    return [(rng.random((problems, 8)) < np.clip(m + ease, 0, 1)[:, None]).mean(axis=1) for m in (base, rast, rl)]


def drawn(seed, means, problems, samples=1):
    rng = np.random.default_rng(seed)
    return [simulated.sample(rng, theta, samples).mean(axis=1) for theta in simulated.arms(rng, means, problems)]


def test_fieller_bounds_are_where_a_paired_t_test_turns():
    base, rast, rl = arms(0)
    u, v = rast - base, rl - base
    interval, df = fieller([(u, v)])
    assert df == pytest.approx(79)
    for bound in interval:
        d = u - bound * v
        t = d.mean() / (d.std(ddof=1) / math.sqrt(len(d)))
        assert abs(t) == pytest.approx(1.990450, abs=1e-5)  # t of 79 degrees of freedom


def test_stratified_bounds_are_where_welchs_test_turns():
    from scipy.special import stdtrit

    pairs = [(r - b, c - b) for b, r, c in (arms(7, 30, 0.50, 0.53, 0.55), arms(8, 200, 0.2, 0.7, 0.8))]
    interval, df = fieller(pairs)
    rate = sum(u.mean() for u, _ in pairs) / sum(v.mean() for _, v in pairs)
    parts = [((u - rate * v).var(ddof=1) / len(u), len(u) - 1) for u, v in pairs]
    assert df == pytest.approx(sum(s for s, _ in parts) ** 2 / sum(s * s / n for s, n in parts))
    for bound in interval:
        error = math.sqrt(sum((u - bound * v).var(ddof=1) / len(u) for u, v in pairs))
        t = sum((u - bound * v).mean() for u, v in pairs) / error
        assert abs(t) == pytest.approx(stdtrit(df, 0.975))


def test_recovery_is_never_clipped():
    rng = np.random.default_rng(3)
    base = rng.random(50) * 0.2
    assert recovery(base, base + 0.6, base + 0.4 + rng.normal(0, 0.05, 50)).value > 1.3
    assert recovery(base, base - 0.1, base + 0.4 + rng.normal(0, 0.05, 50)).value < 0


@pytest.mark.parametrize("problems", [3, 40])
def test_an_arm_that_equals_its_ceiling_is_undefined_not_certain(problems):
    base, _, rl = drawn(4, (0.3, 0.8, 0.9), problems, 4)
    base[0], rl[0] = 0.0, 1.0
    result = recovery(base, rl, rl)
    assert result.value == pytest.approx(1)
    assert result.note == UNDEFINED
    assert math.isnan(result.low)


def test_problems_that_all_gain_alike_are_undefined():
    base = np.zeros(3)
    assert recovery(base, base + 1, base + 1).note == UNDEFINED
    assert recovery(base + 0.25, base + 0.5, base + 0.75).note == UNDEFINED
    assert recovery([0.0], [0.5], [1.0]).note == UNDEFINED
    sure, open_ = (np.zeros(3), np.ones(3), np.ones(3)), arms(5)
    assert average_recovery([sure, open_]).note == UNDEFINED  # the error of the sum is unknown as well
    assert recovery_fixed(base + 0.5, 0.2, 0.8).note == UNDEFINED
    assert recovery_fixed([0.5], 0.2, 0.8).note == UNDEFINED


def test_gap_below_a_point_is_not_divided_by():
    base = np.full(50, 0.5)
    result = recovery(base, base + 0.1, base + 0.005)
    assert math.isnan(result.value)
    assert result.note == TOO_SMALL


def test_a_ceiling_below_the_base_is_named():
    base, rast, rl = arms(6, base=0.6, rast=0.4, rl=0.5)
    result = recovery(base, rast, rl)
    assert math.isnan(result.value)
    assert (result.note, result.gap < 0) == (NEGATIVE, True)
    assert recovery_fixed(rast, base, 0.1).note == NEGATIVE
    assert average_recovery([(base, rast, rl), (base, rast, rl)]).note == NEGATIVE


def test_gap_that_may_be_zero_leaves_the_interval_open():
    rng = np.random.default_rng(5)
    base = (rng.random(20) < 0.5).astype(float)
    rast, rl = base.copy(), base.copy()
    rast[5] = 1 - base[5]
    rl[0], rl[1], rl[2] = 1 - base[0], 1.0, 1.0
    rl[3:5] = 1 - base[3:5]
    result = recovery(base, rast, rl)
    assert fieller([(rast - base, rl - base)])[0] is None
    assert result.note == UNBOUNDED
    assert math.isnan(result.low)
    assert not math.isnan(result.value)


def test_fixed_reference_scales_the_gain():
    base, rast, _ = arms(6)
    result = recovery_fixed(rast, base, 0.9)
    assert result.value == pytest.approx((rast.mean() - base.mean()) / (0.9 - base.mean()))
    assert result.low < result.value < result.high
    assert result.note == FIXED
    against_numbers = recovery_fixed(rast, 0.35, 0.9)
    assert against_numbers.value == pytest.approx((rast.mean() - 0.35) / 0.55)
    assert recovery_fixed(rast, base, float(base.mean())).note == TOO_SMALL


def test_average_is_the_ratio_of_sums_not_the_mean_of_ratios():
    small_gap, large_gap = arms(7, 30, 0.50, 0.53, 0.55), arms(8, 200, 0.2, 0.7, 0.8)
    result = average_recovery([small_gap, large_gap])
    gains = [r.mean() - b.mean() for b, r, _ in (small_gap, large_gap)]
    gaps = [c.mean() - b.mean() for b, _, c in (small_gap, large_gap)]
    assert result.value == pytest.approx(sum(gains) / sum(gaps))
    assert (result.gap, result.benchmarks) == (pytest.approx(sum(gaps) / 2), 2)
    assert result.low < result.value < result.high
    assert average_recovery([large_gap]) == recovery(*large_gap)
    assert average_recovery([]).note == NO_CEILING


def test_arms_over_different_problems_are_refused():
    with pytest.raises(ValueError, match="different problems"):
        recovery(np.zeros(3), np.zeros(4), np.zeros(4))
    with pytest.raises(ValueError, match="one length"):
        fieller([(np.zeros(3), np.zeros(4))])


@pytest.mark.parametrize(
    ("shapes", "means"),
    [
        (((30, 1),), ((0.3, 0.7, 0.8),)),
        (((60, 8),), ((0.4, 0.55, 0.6),)),
        (((30, 32), (40, 32), (200, 4)), ((0.05, 0.15, 0.2), (0.4, 0.6, 0.65), (0.5, 0.7, 0.75))),
        (((5, 4), (300, 4)), ((0.3, 0.6, 0.7), (0.4, 0.7, 0.75))),
    ],
)
def test_fieller_covers(shapes, means):
    truth = sum(m[1] - m[0] for m in means) / sum(m[2] - m[0] for m in means)
    hits = bounded = 0
    for seed in range(300):
        found = average_recovery([drawn([seed, i], m, *shapes[i]) for i, m in enumerate(means)])
        bounded += not found.note
        hits += found.low <= truth <= found.high
    assert bounded > 240
    assert 0.91 <= hits / bounded <= 0.985


def test_without_a_gap_an_interval_is_hardly_ever_bounded():
    notes = [
        average_recovery([drawn([seed, i], (0.5, 0.5, 0.5), n) for i, n in enumerate((60, 200))]).note
        for seed in range(300)
    ]
    assert notes.count("") / 300 < 0.05
    assert {UNBOUNDED, TOO_SMALL, NEGATIVE} <= set(notes)
