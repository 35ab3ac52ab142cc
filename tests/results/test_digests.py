"""A grade is known by the output it judges: none is taken for another's, none counts that was altered."""

import json
import random

import pytest
from run_writer import write_run

from rast_eval.results.digests import grade_line, is_sealed
from rast_eval.results.lines import output_sha256
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_grades, load_run
from rast_eval.types import Grade

ARM = {"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 100, "n": 2}
KEYS = ("problem_id", "sample")


class Judge:
    name, version = "simplerl", "1"


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "r", [ARM])


def grades(run):
    file = run / "grades/rast/math500.simplerl.jsonl"
    return file, [json.loads(line) for line in file.open()]


def write(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def left_out(run):
    found = load_run(run)
    return load_grades(found, found.cells[0]).stale


def test_what_was_written_counts(run):
    assert left_out(run) == 0
    assert not [w for w in evaluate_run(run).warnings if "altered" in w]


def flip(rows, index):
    rows[index]["correct"] = not rows[index]["correct"]


def swap(rows, index):
    other = next(i for i in range(len(rows)) if rows[i]["output_sha256"] != rows[index]["output_sha256"])
    for key in KEYS:
        rows[index][key], rows[other][key] = rows[other][key], rows[index][key]


@pytest.mark.parametrize("change", [flip, swap])
def test_altered_lines_do_not_pass_a_report_unnoticed(run, change):
    file, rows = grades(run)
    chosen = random.Random(0).sample(range(len(rows)), 40)
    for index in chosen:
        change(rows, index)
    write(file, rows)
    assert left_out(run) >= 40
    metrics = evaluate_run(run)
    assert any("grades were altered or judge another output" in warning for warning in metrics.warnings)
    assert metrics.cells[0].problems < 100


def test_a_sealed_grade_of_another_output_is_found(run):
    file, rows = grades(run)
    first = rows[0]
    forged = Grade(first["problem_id"], 0, "42", True, "ok", 9)
    rows[0] = grade_line(forged, output_sha256("another output"), Judge)
    assert is_sealed(json.dumps(rows[0]).encode() + b"\n")
    write(file, rows)
    assert left_out(run) == 1


def test_grades_of_another_scorer_do_not_count(run):
    file, _ = grades(run)
    file.rename(file.with_name("math500.strict.jsonl"))
    found = load_run(run)
    assert load_grades(found, found.cells[0], "strict").stale == 200


def test_versions_that_are_mixed_are_named(run):
    file, rows = grades(run)

    class Newer(Judge):
        version = "2"

    for index in range(50):
        row = rows[index]
        grade = Grade(*(row[key] for key in (*KEYS, "prediction", "correct", "status", "vote", "details")))
        rows[index] = grade_line(grade, row["output_sha256"], Newer)
    write(file, rows)
    assert any("several versions of its scorer are mixed (1, 2)" in w for w in evaluate_run(run).warnings)


def test_odd_outputs_have_digests():
    assert len({output_sha256(text) for text in ("", "\ud800", "\0", "λ", "\\u03bb")}) == 5
