import json
from dataclasses import replace

from run_writer import Judge
from small_store import CELL, append

from rast_eval.results.grades import fresh_grades
from rast_eval.results.store import Store
from rast_eval.types import Grade

JUDGE = Judge("simplerl")


def grade(store, problems, planned=("0", "1"), mark="7", n=2):
    """Grade the first n stored samples of `problems` with the prediction `mark`, and put them into the file."""
    with store.open_samples(CELL) as stored, fresh_grades(store.grades_file(CELL, "simplerl"), JUDGE) as fresh:
        for problem in problems:
            held = [key for j in range(n) if (key := (problem, j)) in stored]
            fresh.add(problem, [(Grade(*key, mark, True, "ok", 0), stored.digest(key)) for key in held])
        with store.grading():
            fresh.merge(planned, stored)


def marks(store):
    rows = map(json.loads, store.grades_file(CELL, "simplerl").read_text().splitlines())
    return {(row["problem_id"], row["sample"]): row["prediction"] for row in rows}


def filled(tmp_path):
    store = Store(tmp_path)
    append(store, *((problem, j) for problem in ("0", "1") for j in range(2)))
    return store


def test_shards_add_to_each_other(tmp_path):
    store = filled(tmp_path)
    grade(store, ["0"], mark="a")
    grade(store, ["1"], mark="b")
    assert marks(store) == {("0", 0): "a", ("0", 1): "a", ("1", 0): "b", ("1", 1): "b"}
    grade(store, ["0"], mark="c")
    assert set(marks(store).values()) == {"b", "c"}


def test_part_of_a_problem_never_replaces_all_of_it(tmp_path):
    store = filled(tmp_path)
    grade(store, ["0", "1"], mark="whole")
    grade(store, ["0", "1"], mark="part", n=1)
    assert set(marks(store).values()) == {"whole"}
    grade(store, [], mark="none")
    assert len(marks(store)) == 4


def test_a_slow_reader_does_not_undo_what_was_graded_meanwhile(tmp_path):
    store = Store(tmp_path)
    append(store, ("0", 0))
    path = store.grades_file(CELL, "simplerl")
    with store.open_samples(CELL) as before, fresh_grades(path, JUDGE) as slow:
        slow.add("0", [(Grade("0", 0, "slow", True, "ok"), before.digest(("0", 0)))])
        append(store, ("0", 1))
        grade(store, ["0"], mark="complete")
        slow.merge(["0"], before)
    assert marks(store) == {("0", 0): "complete", ("0", 1): "complete"}


def test_grades_of_outputs_that_changed_and_of_problems_left_out_go(tmp_path):
    store = filled(tmp_path)
    grade(store, ["0", "1"], mark="old")
    grade(store, ["0"], planned=["0"], mark="new")
    assert marks(store) == {("0", 0): "new", ("0", 1): "new"}
    for path in store.sample_files(CELL):
        path.unlink()
    append(store, ("0", 0), output="another")
    grade(store, ["0"], mark="newest")
    assert marks(store) == {("0", 0): "newest"}


def test_a_sample_stays_readable_when_its_file_is_replaced(tmp_path):
    store = filled(tmp_path)
    with store.open_samples(CELL) as stored:
        store.begin([CELL], {}, overwrite=True)
        append(store, ("0", 0), output="another")
        assert stored.output(("0", 0)) == "\\boxed{1}"
        assert stored.length(("0", 0)) > 100
        assert ("7", 0) not in stored
    assert not list(store.heads(replace(CELL, fingerprint="x")))
