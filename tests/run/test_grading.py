import json

import pytest
from small_store import CELL, append

from rast_eval.errors import StoreError
from rast_eval.results.store import Store
from rast_eval.run import grading
from rast_eval.run.grading import grade_cell, grade_run
from rast_eval.types import Grade, Problem

PROBLEMS = [Problem("sums", str(i), "?", "1") for i in range(6)]


class Recorder:
    """A scorer that finds every output right and remembers what it was asked together."""

    name = "simplerl"

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
    assert len(problems) == {1: 6, 2000: 2, 1 << 20: 1}[size]
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
    store.begin([CELL], {}, overwrite=False)
    with store.locked():
        grade_cell(Store(store.root), CELL, PROBLEMS, Recorder())
    store.manifest_path.write_text("")
    with pytest.raises(StoreError, match="under which prompts"), pytest.warns(UserWarning, match="is empty"):
        grade_run(store.root)
