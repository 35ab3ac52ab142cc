"""What a report says covers what it was computed on, and nothing more."""

import pytest
from run_writer import write_run

from rast_eval.report import wording
from rast_eval.report.table import rate
from rast_eval.results.metrics import evaluate_run

TRIO = (("base", 0.3), ("rast", 0.7), ("rl", 0.9))


@pytest.fixture
def metrics(tmp_path):
    def make(cells):
        return evaluate_run(write_run(tmp_path / "r", cells))

    return make


def trio(benchmark, arms=TRIO, **more):
    return [{"arm": a, "benchmark": benchmark, "accuracy": x, "problems": 30, "n": 4, **more} for a, x in arms]


def test_the_headline_says_over_how_many_benchmarks(metrics):
    part = metrics([*trio("math500"), *trio("amc23"), *trio("gsm8k", TRIO[:2])])
    assert wording.headline(part) == (
        f"Over 2 of 3 benchmarks RAST closes {rate(part.average_recovery['rast'])} % of the gap between base and RL "
        "ceiling."
    )
    assert "The averaged RR. is over 2 of 3 benchmarks" in wording.notes(part)
    whole = metrics([*trio("math500"), *trio("amc23")])
    assert wording.headline(whole).startswith("Over all 2 benchmarks RAST closes")
    assert "averaged RR. is over" not in wording.notes(whole)


def test_a_ceiling_below_the_base_has_no_rate_in_the_headline(metrics):
    found = metrics(trio("math500", (("base", 0.9), ("rast", 0.7), ("rl", 0.3))))
    assert wording.headline(found).endswith("the recovery rate is not computed: the ceiling is below the base.")
    assert "% of the way" not in wording.headline(found)


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"total": 30}, "r: math500, 30 problems × 4 samples"),
        ({"total": 500}, "r: math500, 30 problems × 4 samples (the first 30 of 500)"),
        ({"total": 500, "draw": 7}, "r: math500, 30 problems × 4 samples (30 of 500, drawn)"),
        ({"total": 500, "draw": 7, "planned": 40}, "r: math500, 30 problems × 4 samples (40 of 500, drawn)"),
    ],
)
def test_the_title_says_which_problems(metrics, facts, shown):
    assert wording.title(metrics(trio("math500", **facts))) == shown


def test_several_benchmarks_say_it_under_the_table(metrics):
    found = metrics([*trio("math500", total=500), *trio("amc23", total=40, draw=1), *trio("gsm8k", total=30)])
    assert "Problems: math500 the first 30 of 500; amc23 30 of 40, drawn." in wording.notes(found)


def test_a_greedy_base_beside_sampled_arms_is_noted(metrics):
    base, rast, rl = trio("math500")
    greedy = {**base, "greedy": True, "n": 1}
    assert wording.GREEDY_NOTE in wording.notes(metrics([greedy, rast, rl]))
    assert wording.GREEDY_NOTE not in wording.notes(metrics([base, rast, rl]))
    assert wording.GREEDY_NOTE not in wording.notes(metrics([greedy, {**rast, "greedy": True, "n": 1}]))


def test_cells_that_stopped_early_say_their_interval(metrics):
    base, rast, rl = trio("math500")
    found = metrics([base, {**rast, "until": 5.0}, {**rl, "n": 2}])
    assert "2 to 4 samples" in wording.title(found)
    stopped = found.cell("rast", "math500").stopped
    line = next(line for line in wording.notes(found).splitlines() if line.startswith("RAST on math500"))
    assert f"{100 * stopped.value:.1f} [{100 * stopped.low:.1f}, {100 * stopped.high:.1f}]" in line
