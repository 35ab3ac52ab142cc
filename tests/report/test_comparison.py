import math

import pytest
from run_writer import write_run

from rast_eval.report.comparison import arms_table, comparison_table, p_shown, signed
from rast_eval.results.comparison import compare_runs
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run
from rast_eval.statistics import holm


@pytest.fixture
def pair(tmp_path):
    cells = [{"arm": arm, "benchmark": "math500", "problems": 40, "n": 4} for arm in ("base", "rast")]
    return [
        load_run(write_run(tmp_path / name, [{**cell, "accuracy": accuracy} for cell in cells], seed))
        for seed, (name, accuracy) in enumerate((("a", 0.9), ("b", 0.2)), 1)
    ]


def test_two_runs_name_their_sizes_test_scorer_and_settings(pair):
    found = compare_runs(*pair)
    table = comparison_table(found)
    assert table.title == "A = a, B = b, N 40, n 4"
    assert [row[:3] for row in table.rows] == [
        ("math500", arm, measure) for arm in ("base", "RAST") for measure in ("Avg.", "pass@4", "majority@4")
    ]
    d = found.rows[0].difference
    assert table.rows[0][5:] == (
        signed(d).replace(" ", "\n", 1),
        "< 0.001",
        "< 0.001",
        f"{100 * d.detectable:.1f}",
        d.test,
    )
    assert "graded by simplerl" in table.note
    assert table.note.endswith("No setting differs.")


def test_every_setting_that_differs_stands_under_the_table(pair):
    a, b = pair
    b.manifest["cells"][1]["sampling"]["temperature"] = 0.7
    for cell in b.manifest["cells"]:
        cell["seed"] = 3
    found = compare_runs(a, type(b)(b.path, b.manifest, tuple(map(type(b.cells[0]).from_json, b.manifest["cells"]))))
    assert comparison_table(found).note.endswith(
        "Settings that differ, A | B: base on math500: seed 0 | 3; rast on math500: temperature 1 | 0.7; "
        "rast on math500: seed 0 | 3."
    )


def test_arms_of_a_run_against_each_other(tmp_path):
    cells = [
        {"arm": arm, "benchmark": b, "accuracy": x, "problems": 30, "n": 1 if arm == "base" else 4}
        for arm, x in (("base", 0.2), ("expert", 0.4), ("rast", 0.8), ("rl", 0.8))
        for b in ("math500", "amc23")
    ]
    differences = evaluate_run(write_run(tmp_path / "r", cells)).differences
    table = arms_table(differences)
    assert table.title == "RAST against the other arms, measure Avg., test sign-flip"
    assert table.note.endswith("metrics.json holds those of pass@k and majority@k.")
    assert [row[:3] for row in table.rows] == [
        (b, other, size)
        for b in ("math500", "amc23")
        for other, size in (("base", "30 × 4/1"), ("small expert", "30 × 4"), ("RL ceiling", "30 × 4"))
    ]
    assert [row[4] for row in table.rows[:2]] == ["< 0.001", "< 0.001"]
    one = arms_table([row for row in differences if row.benchmark == "math500"])
    measures = ("Avg.", "pass@4", "majority@4")
    assert [row[1:3] for row in one.rows] == [
        ("base", "Avg."), *((arm, m) for arm in ("small expert", "RL ceiling") for m in measures)
    ]  # fmt: skip
    for measure in measures:
        family = [row for row in differences if row.measure == measure]
        assert [row.holm for row in family] == holm([row.difference.p_value for row in family])
    assert arms_table(()) is None


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "–"), (0.0004, "< 0.001"), (0.0123, "0.012"), (1.0, "1.000")])
def test_p(value, shown):
    assert p_shown(value) == shown
