import json

import pytest
from run_writer import write_run

from rast_eval.errors import StoreError, UsageError
from rast_eval.results.reader import _criteria, iter_samples, load_grades, load_run

ARM = {"arm": "rast", "benchmark": "math500", "accuracy": 0.6, "problems": 6, "n": 3}


def test_matrices_join_grades_and_samples(tmp_path):
    run = load_run(write_run(tmp_path / "r", [{**ARM, "truncated": 0.5}]))
    found = load_grades(run, run.cells[0])
    assert found.correct.shape == found.votes.shape == found.truncated.shape == (6, 3)
    rows = [json.loads(x) for x in (tmp_path / "r/grades/rast/math500.simplerl.jsonl").open()]
    assert found.correct.ravel().tolist() == [row["correct"] for row in rows]
    samples = list(iter_samples(run, run.cells[0]))
    assert found.truncated.ravel().tolist() == [row["finish_reason"] == "length" for row in samples]
    assert found.by_problem["0"] == pytest.approx(found.correct[0].mean())
    assert run.cells[0].system.label == "tiny-m + Δtiny-s"


def test_a_growing_run_counts_only_finished_problems(tmp_path):
    path = write_run(tmp_path / "r", [ARM])
    grades = path / "grades/rast/math500.simplerl.jsonl"
    lines = grades.read_text().splitlines(keepends=True)
    grades.write_text("".join(lines[:-1]) + lines[-1][:10])  # a torn last line
    run = load_run(path)
    found = load_grades(run, run.cells[0])
    assert len(found.problem_ids) == 5
    assert found.incomplete == 1


def test_shards_are_read_together_and_other_fingerprints_are_not(tmp_path):
    path = write_run(tmp_path / "r", [ARM])
    file = path / "samples/rast/math500.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    stale = lines[0].replace("rast-math500", "another")
    file.write_text("".join([stale, *lines[:9]]))
    (path / "samples/rast/math500.shard-1-of-2.jsonl").write_text("".join(lines[9:]))
    run = load_run(path)
    assert len(list(iter_samples(run, run.cells[0]))) == 18
    assert len(load_grades(run, run.cells[0]).problem_ids) == 6


def test_weights_other_than_one_are_in_the_label(tmp_path):
    path = write_run(tmp_path / "r", [ARM])
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["cells"][0]["system"]["deltas"][0]["weight"] = 0.5
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert load_run(path).cells[0].system.label == "tiny-m + 0.5Δtiny-s"


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"holds no run"):
        load_run(tmp_path)
    for written, reason in (('{"schema": 2}', "lacks what a run"), ('{"schema": 1}', "format 1"), ("{}", "no format"),
                            ("[]", "lacks what a run")):  # fmt: skip
        (tmp_path / "manifest.json").write_text(written)
        with pytest.raises(StoreError, match=reason):
            load_run(tmp_path)


def test_missing_grades_say_how_to_make_them(tmp_path):
    run = load_run(write_run(tmp_path / "r", [ARM]))
    with pytest.raises(UsageError) as error:
        load_grades(run, run.cells[0], "strict")
    assert "rast-eval score" in error.value.hint


def test_a_math_scorer_never_replaces_a_code_scorer(tmp_path):
    run = load_run(write_run(tmp_path / "r", [{**ARM, "benchmark": "mbpp_plus", "scorer": "evalplus"}]))
    assert load_grades(run, run.cells[0], "strict").correct.shape == (6, 3)


def test_programs_are_counted_by_every_criterion():
    details = [{"base": "pass", "plus": "pass"}, {"base": "pass", "plus": "fail"}, {"base": "error"}, None]
    assert _criteria(details) == {"base": 0.5, "plus": 0.25}
    assert _criteria([{"base": "fail"}]) == {"base": 0.0, "plus": 0.0}
    assert _criteria([{}, {"rules": "master"}]) == {}
