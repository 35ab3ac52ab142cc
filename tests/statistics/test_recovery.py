import math

import numpy as np
import pytest

from rast_eval.statistics import average_recovery, bootstrap_recovery, fieller, recovery, recovery_fixed
from rast_eval.statistics.recovery import FIXED, TOO_SMALL, UNBOUNDED


def arms(seed, problems=80, base=0.35, rast=0.8, rl=0.9):
    rng = np.random.default_rng(seed)
    ease = rng.normal(0, 0.15, size=problems)
    return [(rng.random((problems, 8)) < np.clip(m + ease, 0, 1)[:, None]).mean(axis=1) for m in (base, rast, rl)]


def test_fieller_bounds_are_where_a_paired_t_test_turns():
    base, rast, rl = arms(0)
    u, v = rast - base, rl - base
    for bound in fieller(u, v):
        d = u - bound * v
        t = d.mean() / (d.std(ddof=1) / math.sqrt(len(d)))
        assert abs(t) == pytest.approx(1.990450, abs=1e-5)  # t of 79 degrees of freedom


def test_recovery_agrees_with_its_bootstrap():
    result = recovery(*arms(1))
    assert result.low < result.value < result.high
    assert result.note == ""
    assert (result.bootstrap_low, result.bootstrap_high) == pytest.approx((result.low, result.high), abs=0.02)


def test_recovery_is_never_clipped():
    rng = np.random.default_rng(3)
    base = rng.random(50) * 0.2
    assert recovery(base, base + 0.6, base + 0.4 + rng.normal(0, 0.05, 50)).value > 1.3
    assert recovery(base, base - 0.1, base + 0.4 + rng.normal(0, 0.05, 50)).value < 0


def test_identical_rast_and_rl_recover_exactly_the_gap():
    base, _, rl = arms(4)
    result = recovery(base, rl, rl)
    assert (result.value, result.low, result.high) == pytest.approx((1, 1, 1))


def test_gap_below_a_point_is_not_divided_by():
    base = np.full(50, 0.5)
    result = recovery(base, base + 0.1, base + 0.005)
    assert math.isnan(result.value)
    assert result.note == TOO_SMALL


def test_gap_that_may_be_zero_leaves_the_interval_open():
    rng = np.random.default_rng(5)
    base = (rng.random(20) < 0.5).astype(float)
    rl = base.copy()
    rl[0], rl[1], rl[2] = 1 - base[0], 1.0, 1.0
    rl[3:5] = 1 - base[3:5]
    result = recovery(base, base, rl)
    assert fieller(base - base, rl - base) is None
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
    downward = recovery_fixed(rast, base, 0.1)
    assert downward.low < downward.value < downward.high


def test_average_is_the_ratio_of_sums_not_the_mean_of_ratios():
    small_gap, large_gap = arms(7, 30, 0.50, 0.53, 0.55), arms(8, 200, 0.2, 0.7, 0.8)
    result = average_recovery([small_gap, large_gap])
    gains = [r.mean() - b.mean() for b, r, _ in (small_gap, large_gap)]
    gaps = [c.mean() - b.mean() for b, _, c in (small_gap, large_gap)]
    assert result.value == pytest.approx(sum(gains) / sum(gaps))
    assert result.low < result.value < result.high
    assert average_recovery([large_gap]).value == pytest.approx(recovery(*large_gap).value)
    assert math.isnan(average_recovery([]).value)


def test_bootstrap_is_seeded():
    base, rast, rl = arms(9)
    pair = [(rast - base, rl - base)]
    assert bootstrap_recovery(pair, draws=500, seed=1) == bootstrap_recovery(pair, draws=500, seed=1)
    assert bootstrap_recovery(pair, draws=500, seed=1) != bootstrap_recovery(pair, draws=500, seed=2)


def test_arms_over_different_problems_are_refused():
    with pytest.raises(ValueError, match="different problems"):
        recovery(np.zeros(3), np.zeros(4), np.zeros(4))


def test_fieller_covers():
    hits = trials = 0
    for seed in range(300):
        base, rast, rl = arms(1000 + seed, 60, 0.4, 0.55, 0.6)
        interval = fieller(rast - base, rl - base)
        if interval is not None:
            trials += 1
            # clipping of the ease at 0 and 1 is negligible here: the true rate is .15/.20
            hits += interval[0] <= 0.75 <= interval[1]
    assert trials > 290
    assert 0.91 <= hits / trials <= 0.985
