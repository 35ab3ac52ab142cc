import math

import pytest
from run_writer import write_run

from rast_eval.report import run_tables, table, wording
from rast_eval.results.metrics import evaluate_run
from rast_eval.statistics import Estimate, Recovery, accuracy
from rast_eval.statistics.recovery import TOO_SMALL, UNBOUNDED

NAN = math.nan
ARMS = ("base", "rast", "rl")


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.852, 0.824, 0.880, 0.014, "t"), "85.2 ± 2.8"),
        (Estimate(0.25, 0.2, 0.319, 0.03, "wilson"), "25.0 [20.0, 31.9]"),
        (Estimate(0.5, NAN, NAN, NAN, "undefined"), "50.0"),
        (Estimate(NAN, NAN, NAN, NAN, "undefined"), "–"),
    ],
)
def test_score(estimate, shown):
    assert table.score(estimate) == shown


@pytest.mark.parametrize(
    ("recovery", "shown"),
    [
        (None, "–"),
        (Recovery(0.83, 0.79, 0.871, 0.6, "fieller"), "83.0 [79.0, 87.1]"),
        (Recovery(1.25, 1.1, 1.4, 0.6, "fieller"), "125.0 [110.0, 140.0]"),
        (Recovery(0.1, NAN, NAN, 0.05, "fieller", UNBOUNDED), "10.0 unbounded"),
        (Recovery(NAN, NAN, NAN, 0.001, "fieller", TOO_SMALL), "–"),
    ],
)
def test_rate(recovery, shown):
    assert table.rate(recovery) == shown


def test_one_sample_has_no_seeds():
    assert table.seeds(accuracy([[1], [0]])) == ""
    assert table.seeds(accuracy([[1, 0], [0, 1]])).startswith("seeds ± ")


def test_unbounded_is_explained_where_it_stands(tmp_path):
    cells = [
        {"arm": a, "benchmark": "b", "accuracy": x, "problems": 4, "n": 1}
        for a, x in zip(ARMS, (0.2, 0.5, 0.6), strict=True)
    ]
    metrics = evaluate_run(write_run(tmp_path / "r", cells, seed=5))
    shown = run_tables.single_table(metrics)
    assert any("unbounded" in cell for row in shown.rows for cell in row)
    assert wording.INTERVAL_NOTES[UNBOUNDED] in shown.note
    sure = [{**cell, "problems": 200, "n": 4} for cell in cells]
    assert (
        wording.INTERVAL_NOTES[UNBOUNDED]
        not in run_tables.single_table(evaluate_run(write_run(tmp_path / "s", sure))).note
    )
