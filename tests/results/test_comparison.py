import json

import pytest
from run_writer import write_run

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.results.comparison import compare_runs
from rast_eval.results.metrics import evaluate_run, write_metrics
from rast_eval.results.reader import load_grades, load_run


def run(path, accuracy, seed, arms=("base", "rast"), benchmarks=("math500", "amc23"), problems=40):
    cells = [
        {"arm": arm, "benchmark": b, "accuracy": accuracy, "problems": problems, "n": 1 if arm == "base" else 4}
        for arm in arms
        for b in benchmarks
    ]
    return load_run(write_run(path, cells, seed))


def test_every_shared_cell_is_compared_by_every_measure(tmp_path):
    a, b = run(tmp_path / "a", 0.8, 1), run(tmp_path / "b", 0.4, 2, benchmarks=("math500", "amc23", "gsm8k"))
    rows = compare_runs(a, b).rows
    cells = [(arm, benchmark) for arm in ("base", "rast") for benchmark in ("math500", "amc23")]
    measures = {"base": ("Avg.",), "rast": ("Avg.", "pass@4", "majority@4")}
    assert [(r.arm, r.benchmark, r.measure) for r in rows] == [(*cell, m) for cell in cells for m in measures[cell[0]]]
    assert {(r.arm, r.samples_a, r.samples_b, r.scorer) for r in rows} == {
        ("base", 1, 1, "simplerl"), ("rast", 4, 4, "simplerl"),
    }  # fmt: skip
    left, right = (load_grades(r, r.cell("rast", "math500")) for r in (a, b))
    found = {r.measure: r for r in rows if (r.arm, r.benchmark) == ("rast", "math500")}
    assert found["Avg."].difference == statistics.paired_difference(left.correct, right.correct)
    passes = [statistics.pass_at_k(m.correct, 4) for m in (left, right)]
    assert found["pass@4"].difference == statistics.paired_values(*passes, 1, 1)
    assert (found["pass@4"].value_a, found["pass@4"].value_b) == tuple(values.mean() for values in passes)
    for measure in found:
        family = [r for r in rows if r.measure == measure]
        assert [r.holm for r in family] == statistics.holm([r.difference.p_value for r in family])


def test_problems_are_matched_by_id_not_by_position(tmp_path):
    a = run(tmp_path / "a", 0.5, 1, arms=("rast",), benchmarks=("math500",))
    shuffled = tmp_path / "b"
    run(shuffled, 0.5, 1, arms=("rast",), benchmarks=("math500",))
    file = shuffled / "samples/rast/math500.jsonl"
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    for row in compare_runs(a, load_run(shuffled)).rows:
        assert row.difference.value == row.difference.se == 0
        assert row.difference.p_value == 1


def test_what_cannot_be_compared_is_refused(tmp_path):
    a, b = run(tmp_path / "a", 0.8, 1), run(tmp_path / "b", 0.4, 2, problems=39)
    with pytest.raises(UsageError, match=r"different problems \(40 in a, 39 in b, 1 in one only\)"):
        compare_runs(a, b)
    with pytest.raises(UsageError, match="no arm and benchmark in common"):
        compare_runs(a, run(tmp_path / "c", 0.5, 3, arms=("rl",)))
    with pytest.raises(UsageError, match="are one run"):
        compare_runs(a, load_run(tmp_path / "b" / ".." / "a"))
    cells = [{"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 40, "n": 4, "scorer": "strict"}]
    other = load_run(write_run(tmp_path / "d", cells))
    with pytest.raises(UsageError, match=r"graded by simplerl in a and by strict in d") as error:
        compare_runs(a, other)
    assert "rast-eval score" in error.value.hint


def test_settings_that_differ_are_listed_and_no_others(tmp_path):
    a, b = run(tmp_path / "a", 0.8, 1), run(tmp_path / "b", 0.4, 2)
    assert compare_runs(a, b).settings == {}
    manifest = json.loads((b.path / "manifest.json").read_text())
    for cell in manifest["cells"]:
        cell["prompt"] = "abel"
        cell["stop"] = ["Q:"]
    session = manifest["sessions"][-1]
    session["packages"] = {"torch": "2.6", "sympy": "1.13"}
    session["engine"] = {"tensor_parallel_size": 2, "gpu_memory_utilization": 0.5}
    (b.path / "manifest.json").write_text(json.dumps(manifest))
    assert compare_runs(a, load_run(b.path)).settings == {
        "prompt": ("qwen-boxed", "abel"),
        "stop": ("none", "'Q:'"),
        "tensor parallel size": ("–", "2"),
        "torch": ("–", "2.6"),
    }


def test_a_run_tests_rast_against_its_other_arms(tmp_path):
    cells = [
        {"arm": arm, "benchmark": "math500", "accuracy": x, "problems": 30, "n": 1 if arm == "base" else 4}
        for arm, x in (("base", 0.2), ("base@sampled", 0.3), ("expert", 0.4), ("rast", 0.8), ("rl", 0.8))
    ]
    cells[-1]["ids"] = [str(i) for i in range(2, 32)]
    path = write_run(tmp_path / "r", cells)
    metrics = evaluate_run(path)
    assert [r.measure for r in metrics.differences if r.other == "rl"] == ["Avg.", "pass@4", "majority@4"]
    rows = [r for r in metrics.differences if r.measure == "Avg."]
    assert [(r.arm, r.other) for r in rows] == [("rast", o) for o in ("base", "base@sampled", "expert", "rl")]
    loaded = load_run(path)
    rast, base = (load_grades(loaded, loaded.cell(arm, "math500")).correct for arm in ("rast", "base"))
    assert rows[0].difference == statistics.paired_difference(rast, base)
    assert (rows[0].samples_a, rows[0].samples_b, rows[0].difference.problems) == (4, 1, 30)
    assert rows[-1].difference.problems == 28
    assert [r.holm for r in rows] == statistics.holm([r.difference.p_value for r in rows])
    assert json.loads(write_metrics(metrics, path).read_text())["differences"][0]["other"] == "base"
