import pytest
from run_writer import write_run

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.results.comparison import compare_runs
from rast_eval.results.reader import load_grades, load_run


def run(path, accuracy, seed, arms=("base", "rast"), benchmarks=("math500", "amc23"), problems=40):
    cells = [
        {"arm": arm, "benchmark": b, "accuracy": accuracy, "problems": problems, "n": 1 if arm == "base" else 4}
        for arm in arms
        for b in benchmarks
    ]
    return load_run(write_run(path, cells, seed))


def test_every_shared_cell_is_compared(tmp_path):
    a, b = run(tmp_path / "a", 0.8, 1), run(tmp_path / "b", 0.4, 2, benchmarks=("math500", "amc23", "gsm8k"))
    rows = compare_runs(a, b)
    assert [(r.arm, r.benchmark) for r in rows] == [(x, y) for x in ("base", "rast") for y in ("math500", "amc23")]
    assert {(r.arm, r.difference.test) for r in rows} == {("base", "mcnemar"), ("rast", "sign-flip")}
    matrices = [load_grades(r, r.cell("rast", "math500")).correct for r in (a, b)]
    assert rows[2].difference == statistics.paired_difference(*matrices)
    assert [r.holm for r in rows[2:]] == statistics.holm([r.difference.p_value for r in rows[2:]])


def test_problems_are_matched_by_id_not_by_position(tmp_path):
    a = run(tmp_path / "a", 0.5, 1, arms=("rast",), benchmarks=("math500",))
    shuffled = tmp_path / "b"
    run(shuffled, 0.5, 1, arms=("rast",), benchmarks=("math500",))
    file = shuffled / "samples/rast/math500.jsonl"
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    (row,) = compare_runs(a, load_run(shuffled))
    assert row.difference.value == row.difference.se == 0
    assert row.difference.p_value == 1


def test_different_problem_sets_are_refused(tmp_path):
    a, b = run(tmp_path / "a", 0.8, 1), run(tmp_path / "b", 0.4, 2, problems=39)
    with pytest.raises(UsageError, match=r"different problems \(40 in a, 39 in b, 1 in one only\)"):
        compare_runs(a, b)
    with pytest.raises(UsageError, match="no arm and benchmark in common"):
        compare_runs(a, run(tmp_path / "c", 0.5, 3, arms=("rl",)))
