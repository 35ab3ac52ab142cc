"""Stored samples are graded as their own cell says, whatever the templates of today say."""

import json

import pytest
from run_writer import write_run

from rast_eval.errors import UsageError
from rast_eval.inputs import benchmarks
from rast_eval.results.lines import encode_sample
from rast_eval.results.reader import load_run
from rast_eval.runs.grading import grade_run
from rast_eval.types import Cell

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
