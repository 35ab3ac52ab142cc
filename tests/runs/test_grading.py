"""Stored samples are graded as their own cell says, in batches, and beside what other processes grade."""

import json

import pytest
from own_runs import Loader, run, write_benchmark
from run_writer import write_run
from small_store import CELL, FACTS, append

from rast_eval.config import LimitFrom
from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs import benchmarks
from rast_eval.inputs.drawing import draw
from rast_eval.results.lines import encode_sample
from rast_eval.results.reader import load_run
from rast_eval.results.store import Store
from rast_eval.runs import grading
from rast_eval.runs.grading import grade_cell, grade_run
from rast_eval.types import Cell, Grade, Problem

pytestmark = pytest.mark.slow

YAML = """name: sums
kind: math
count: 3
scorer: simplerl
prompt: tiny
file: [sums.jsonl]
columns: {answer: [target]}
decoding: {n: 1, temperature: 1.0, top_p: 1.0, max_tokens: 8}
"""
OUTPUTS = ["it is 1, said the user", "it is 2 STOP 7", "3"]


@pytest.fixture
def stored(tmp_path):
    """A run on a benchmark of one's own, whose rows lie in own/."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "sums.yaml").write_text(YAML)
    rows = [{"question": f"{n}?", "target": n} for n in (1, 2, 3)]
    (own / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = write_run(tmp_path / "run", [{"arm": "base", "benchmark": "sums", "accuracy": 1, "problems": 3, "n": 1}])
    manifest = json.loads((run / "manifest.json").read_text())
    known = {"count": 3, "expected_count": 3, "as_known": True}
    manifest["benchmarks"]["sums"] = {"include_path": str(own), "data_dir": None, **known}
    (run / "manifest.json").write_text(json.dumps(manifest))
    digests = {problem.id: problem.sha256 for problem in benchmarks.load(benchmarks.get("sums", own))}
    path = run / "samples/base/sums.jsonl"
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    with path.open("wb") as file:
        for row, output in zip(samples, OUTPUTS, strict=True):
            del row["output"], row["output_sha256"]
            file.write(encode_sample(row | {"problem_sha256": digests[row["problem_id"]]}, output))
    return run


def change(run, **facts):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["cells"][0] |= facts
    (run / "manifest.json").write_text(json.dumps(manifest))


def right(run, scorer="simplerl"):
    lines = (run / f"grades/base/sums.{scorer}.jsonl").read_text().splitlines()
    return [row["correct"] for row in map(json.loads, lines)]


def test_the_cells_own_stops_cut(stored):
    assert grade_run(stored, workers=1) == 3
    assert right(stored) == [True, False, True]  # nothing is cut: the last number counts
    change(stored, stop=[" STOP"], prompt="a-template-that-is-gone")
    grade_run(stored, workers=1)
    assert right(stored) == [True, True, True]
    change(stored, stop=["user", "it is"])
    grade_run(stored, workers=1)
    assert right(stored) == [False, False, True]


def test_the_runs_own_scorer_is_asked_again(stored):
    change(stored, scorer="strict")
    grade_run(stored, workers=1)
    assert right(stored, "strict")[2]
    with pytest.raises(UsageError, match="evalplus cannot judge sums"):
        grade_run(stored, "evalplus", workers=1)


def test_another_folder_of_benchmarks_wins_over_the_remembered_one(stored, tmp_path):
    moved = tmp_path / "moved"
    (tmp_path / "own").rename(moved)
    with pytest.raises(UsageError, match=r"own, from which the run read sums, is no folder.*\n.*--include-path"):
        grade_run(stored, workers=1)
    assert grade_run(stored, workers=1, include_path=moved) == 3


def test_cells_written_before_continuations_were_known_are_read(stored):
    manifest = json.loads((stored / "manifest.json").read_text())
    assert "continues" not in manifest["cells"][0]
    assert Cell.from_json(manifest["cells"][0]) == load_run(stored).cells[0]
    assert not load_run(stored).cells[0].continues


def test_a_draw_is_graded_as_it_was_drawn(tmp_path):
    rows = [{"question": f"{i}?", "answer": str(i)} for i in range(40)]
    folder = write_benchmark(tmp_path / "own", rows, count=40)
    path = tmp_path / "run"
    run(
        path, folder, load=Loader(lambda request: request.problem_id), n=1, limit=5, limit_from=LimitFrom.random, seed=3
    )
    drawn = [p.id for p in draw(benchmarks.load(benchmarks.get("sums", folder), folder), 5, 3)]
    (cell,) = load_run(path).cells
    assert (cell.problem_count, cell.total, cell.draw) == (5, 40, 3)
    assert set(drawn) != set(map(str, range(5)))
    assert grade_run(path, workers=1) == 5
    grades = (path / "grades/base/sums.simplerl.jsonl").read_text().splitlines()
    assert [(row["problem_id"], row["correct"]) for row in map(json.loads, grades)] == [(name, True) for name in drawn]


def test_a_larger_draw_goes_on_with_a_smaller_one(tmp_path):
    folder = write_benchmark(tmp_path / "own", [{"question": f"{i}?", "answer": str(i)} for i in range(40)], count=40)
    run(tmp_path / "run", folder, n=1, limit=5, limit_from=LimitFrom.random)
    loader = Loader()
    run(tmp_path / "run", folder, load=loader, n=1, limit=12, limit_from=LimitFrom.random)
    assert len(loader.asked) == 7
    assert load_run(tmp_path / "run").cells[0].problem_count == 12


@pytest.mark.parametrize("scorer", ["simplerl", "strict"])
def test_stored_grades_of_answers_say_whether_there_is_a_box(stored, scorer):
    grade_run(stored, scorer, workers=1)
    rows = map(json.loads, (stored / f"grades/base/sums.{scorer}.jsonl").read_text().splitlines())
    assert [row["details"] for row in rows] == [{"boxed": False}] * 3


PROBLEMS = [Problem("sums", str(i), "?", "1") for i in range(6)]


class Recorder:
    """A scorer that finds every output right and remembers what it was asked together."""

    name, version = "simplerl", "1"

    def __init__(self):
        self.batches = []

    def grade(self, samples, workers=None):
        self.batches.append([(sample.problem.id, sample.index) for sample in samples])
        return [Grade(sample.problem.id, sample.index, sample.output, True, "ok", 0) for sample in samples]


def stored_grades(store):
    rows = map(json.loads, store.grades_file(CELL, "simplerl").read_text().splitlines())
    return {(row["problem_id"], row["sample"]): row["prediction"] for row in rows}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    # As they finish: samples of a problem stand apart, and beyond n = 4 there is one more.
    for sample in (3, 0, 4, 1):
        for problem in PROBLEMS:
            append(store, (problem.id, sample), output=f"{problem.id} {sample}")
    return store


@pytest.mark.parametrize("size", [1, 2000, 1 << 20])
def test_a_batch_holds_whole_problems_and_every_sample_is_graded_once(store, monkeypatch, size):
    monkeypatch.setattr(grading, "BATCH_BYTES", size)
    scorer = Recorder()
    assert grade_cell(store, CELL, PROBLEMS, scorer) == 18
    asked = [key for batch in scorer.batches for key in batch]
    assert asked == [(problem.id, sample) for problem in PROBLEMS for sample in (0, 1, 3)]
    problems = [{problem for problem, _ in batch} for batch in scorer.batches]
    assert sum(map(len, problems)) == 6
    assert len(problems) == {1: 6, 2000: 3, 1 << 20: 1}[size]
    assert stored_grades(store) == {(p, j): f"{p} {j}" for p, j in asked}


def test_each_shard_grades_its_own_problems_and_keeps_the_others(store):
    for part in (PROBLEMS[0::2], PROBLEMS[1::2]):
        grade_cell(store, CELL, part, Recorder(), planned=PROBLEMS)
    assert len(stored_grades(store)) == 18
    grade_cell(store, CELL, PROBLEMS[:2], Recorder())  # a smaller --limit is a smaller report
    assert len(stored_grades(store)) == 6


def test_a_cell_without_samples_has_an_empty_file(tmp_path):
    scorer = Recorder()
    assert grade_cell(Store(tmp_path), CELL, PROBLEMS, scorer) == 0
    assert stored_grades(Store(tmp_path)) == {}
    assert scorer.batches == []


def test_grading_waits_for_no_run_but_needs_to_know_the_prompt(store):
    store.begin([CELL], FACTS, overwrite=False)
    with store.locked():
        grade_cell(Store(store.root), CELL, PROBLEMS, Recorder())
    store.manifest_path.write_text("")
    with pytest.raises(StoreError, match="under which prompts"), pytest.warns(UserWarning, match="is empty"):
        grade_run(store.root)
