"""What the viewer reads of a run, while it grows and where its rows are elsewhere."""

import json
import shutil

import pytest
from run_writer import write_run

from rast_eval.errors import UsageError
from rast_eval.results.reader import load_grades, load_run
from rast_eval.view import bundle
from rast_eval.view.data import Sources, Viewed
from rast_eval.view.spans import split

TWO = [{"arm": arm, "benchmark": "own", "accuracy": 0.5, "problems": 5, "n": 2} for arm in ("base", "rast")]


def test_letters_say_what_the_report_counts(shown, run_and_rows):
    run = load_run(run_and_rows[0])
    for c, column in enumerate(shown.columns("own")):
        matrix = load_grades(run, run.cell(column.cell.arm, "own"))
        rows = {row["id"]: row["marks"][c] for row in shown.rows("own")["rows"]}
        for i, problem in enumerate(matrix.problem_ids):
            assert [mark in "rk" for mark in rows[problem]] == matrix.correct[i].tolist()
            assert [mark in "ck" for mark in rows[problem]] == matrix.truncated[i].tolist()


def test_scorers_disagree_where_one_of_them_was_turned_round(shown):
    disputed = [row["disputed"] for row in shown.rows("own")["rows"]]
    assert any(disputed)
    assert not all(disputed)


def test_question_and_gold_come_from_the_benchmark(shown):
    facts = shown.problem("own", "3")
    assert facts["gold"] == "42"
    assert facts["question"].startswith("3: Solve")
    assert facts["lack"] == ""


def test_rows_that_are_not_here_are_said_to_be(run_and_rows):
    without = Viewed([run_and_rows[0]], Sources())
    assert "no benchmark named 'own'" in without.rows("own")["lack"]
    assert without.problem("own", "3")["question"] == ""


def test_rows_of_another_question_show_none(tmp_path, run_and_rows):
    """The run answered rows of other digests."""
    other = Viewed([write_run(tmp_path / "run", TWO)], Sources(include_path=run_and_rows[1]))
    assert "another question or gold" in other.problem("own", "3")["lack"]


def test_a_growing_run_is_read_on(tmp_path):
    run = write_run(tmp_path / "run", TWO)
    samples = run / "samples/rast/own.jsonl"
    whole = samples.read_bytes().splitlines(keepends=True)
    samples.write_bytes(b"".join(whole[:3]) + whole[3][:40])
    shown = Viewed([run], Sources())
    first = shown.overview()["version"]
    assert [row["marks"][1].count(" ") for row in shown.rows("own")["rows"]] == [0, 1, 2, 2, 2]
    assert shown.overview()["version"] == first
    with samples.open("ab") as handle:
        handle.write(whole[3][40:] + whole[4])
    assert shown.overview()["version"] > first
    assert [row["marks"][1].count(" ") for row in shown.rows("own")["rows"]] == [0, 0, 1, 2, 2]
    samples.write_bytes(b"".join(whole[:2]))  # begun anew
    assert shown.overview()["version"] > first + 1
    assert [row["marks"][1].count(" ") for row in shown.rows("own")["rows"]] == [0, 2, 2, 2, 2]


def test_two_runs_stand_beside_each_other(tmp_path):
    runs = [write_run(tmp_path / name, TWO, seed) for seed, name in enumerate(("one", "two"))]
    labels = [column["label"] for column in Viewed(runs, Sources()).overview()["benchmarks"]["own"]]
    assert labels == ["base A", "RAST A", "base B", "RAST B"]


def test_a_search_finds_samples_and_questions(shown):
    assert shown.search("own", r"^5: SOLVE")["questions"] == ["5"]
    found = shown.search("own", r"boxed\{42")["samples"]
    right = {(c, row["id"], s) for row in shown.rows("own")["rows"] for c in (1, 2)
             for s, mark in enumerate(row["marks"][c]) if mark in "rk"}  # fmt: skip
    assert set(map(tuple, found)) == right


def test_a_bundle_has_what_the_server_answers(shown):
    held = bundle.gather(shown, 2)
    assert list(held["problems"]["own"]) == ["0", "1"]
    assert held["samples"]["own"]["1"][1][3] == shown.sample("own", 1, "1", 3)
    assert json.loads(json.dumps(held))["rows"]["own"] == held["rows"]["own"]


def test_a_bundle_too_large_for_a_page_is_refused(shown, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    with pytest.raises(UsageError, match="too much for one page"):
        bundle.gather(shown)


def test_a_run_that_was_moved_is_read(tmp_path, run_and_rows):
    moved = shutil.copytree(run_and_rows[0], tmp_path / "moved")
    assert Viewed([moved], Sources()).overview()["runs"][0]["name"] == "moved"


@pytest.mark.parametrize(
    ("output", "stops", "prediction", "pieces", "word"),
    [
        (r"a \boxed{7} b", [], "7", (r"a \boxed{", "7", "} b", ""), ""),
        (r"7 and \boxed{\frac{1}{2}}.", [], r"\frac12", (r"7 and \boxed{", r"\frac{1}{2}", "}.", ""), ""),
        ("it is 7 or 7", [], "7", ("it is 7 or ", "7", "", ""), ""),
        ("7\nQ: 8\nEnd", ["\nEnd", "\nQ:"], "7", ("", "7", "", "\nQ: 8\nEnd"), "\nQ:"),
        ("nothing", [], "", ("nothing", "", "", ""), ""),
        ("one half", [], "0.5", ("one half", "", "", ""), ""),
    ],
)
def test_an_output_in_pieces(output, stops, prediction, pieces, word):
    found = split(output, stops, prediction)
    assert (found["before"], found["answer"], found["after"], found["dropped"]) == pieces
    assert found["word"] == word
