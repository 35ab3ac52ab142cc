"""A sweep's numbers are the statistics of its runs."""

import pytest
from run_writer import write_run

from rast_eval import statistics
from rast_eval.results.reader import load_grades, load_run
from rast_eval.results.sweeps import Setting, evaluate_sweep


@pytest.fixture
def runs(tmp_path):
    def make(weights, temperatures=(None,), **more):
        settings = [Setting(w, t) for t in temperatures for w in weights]
        cell = {"arm": "rast", "benchmark": "math500", "problems": 30, "n": 4, **more}
        return {
            setting: write_run(tmp_path / str(i), [{**cell, "accuracy": 0.5}], seed=i)
            for i, setting in enumerate(settings)
        }

    return make


def grades(path):
    run = load_run(path)
    return load_grades(run, run.cells[0]).correct


def test_each_weight_is_paired_with_the_default(runs):
    folders = runs((0.5, 1.0, 1.5))
    found = evaluate_sweep(folders)
    matrices = [grades(path) for path in folders.values()]
    gains = statistics.gains_over(matrices, 1)
    assert [point.gain for point in found.points] == list(gains)
    assert [point.accuracy for point in found.points] == [statistics.accuracy(m) for m in matrices]
    assert found.points[0].deviation == matrices[0].mean(axis=0).std(ddof=1)
    (row,) = found.choices
    assert row.choice == statistics.choose_best([m.mean(axis=1) for m in matrices])
    assert (row.weight, row.temperature) == list(folders)[row.choice.index][:2]


def test_each_temperature_has_its_own_default(runs):
    folders = runs((0.5, 1.0), (0.5, 1.0))
    found = evaluate_sweep(folders)
    matrices = [grades(path) for path in folders.values()]
    first, second = statistics.gains_over(matrices[:2], 1), statistics.gains_over(matrices[2:], 1)
    assert [point.gain for point in found.points] == [*first, *second]
    assert found.choices[0].choice.settings == 4


def test_without_the_default_or_a_choice_there_is_neither(runs):
    found = evaluate_sweep(runs((0.5, 1.5)))
    assert [point.gain for point in found.points] == [None, None]
    assert len(found.choices) == 1
    single = evaluate_sweep(runs((1.0,), n=1))
    assert single.choices == ()
    assert single.points[0].gain is None
    assert single.points[0].deviation != single.points[0].deviation


def test_points_are_aligned_by_problem(tmp_path):
    cell = {"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 10, "n": 2}
    one = write_run(tmp_path / "one", [cell])
    two = write_run(tmp_path / "two", [{**cell, "ids": [str(i) for i in reversed(range(2, 12))]}], seed=1)
    found = evaluate_sweep({Setting(1.0, None): one, Setting(2.0, None): two})
    by_id = [load_grades(load_run(p), load_run(p).cells[0]).by_problem for p in (one, two)]
    shared = [str(i) for i in range(2, 10)]
    expected = sum(by_id[1][p] - by_id[0][p] for p in shared) / len(shared)
    assert found.points[1].gain.difference.value == pytest.approx(expected)
    assert found.points[1].gain.difference.problems == 8
