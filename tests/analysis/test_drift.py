"""A run drifts by nothing against itself, and a planted flip is found with its place, margin and cause."""

import json
import shutil

import pytest

pytest.importorskip("torch")

from rast_eval.analysis.drift import drift_table, measure, sentences
from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.cli import dispatch
from rast_eval.errors import UsageError
from rast_eval.results.lines import encode_sample
from rast_eval.runs.verify import Verification


def generate(path, *flags):
    typed = ["run", "--limit", "3", "--n", "1", "--arms", "rast,rl", "--backend", "hf", *flags]
    assert dispatch([*typed, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("drift") / "a")


def found(a, b, margins=5):
    return measure(Verification(a), Verification(b), margins, TeacherForcer())


def test_nothing_parts_from_itself_or_from_the_same_in_another_batch(run, tmp_path):
    for other in (run, generate(tmp_path / "one", "--max-num-seqs", "1")):
        for drift in found(run, other):
            assert (drift.samples, drift.partings, drift.flips) == (3, (), (0, 0))
    assert [drift.causes for drift in found(run, other)] == [("batch",)] * 2


def test_a_planted_flip_is_found(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "b")
    file = other / "samples" / "rast" / "tiny-arith.jsonl"
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    grades = map(json.loads, (run / "grades" / "rast" / "tiny-arith.simplerl.jsonl").read_text().splitlines())
    right = next(row["problem_id"] for row in grades if row["correct"])
    chosen = next(row for row in rows if row["problem_id"] == right)
    head, _, tail = chosen["output"].rpartition("boxed{")
    chosen["output"] = head + "boxed{" + ("8" if tail[0] != "8" else "9") + tail[1:]
    file.write_bytes(b"".join(encode_sample(row, row.pop("output")) for row in rows))
    manifest = other / "manifest.json"
    stored = json.loads(manifest.read_text())
    for session in stored["sessions"]:
        session["packages"]["torch"] = "1.0"
        for engine in session["engines"].values():
            engine["dtype"] = "bfloat16"
    manifest.write_text(json.dumps(stored))
    assert dispatch(["score", str(other)]) == 0
    rast, rl = found(run, other)
    assert rl.partings == ()
    (parting,) = rast.partings
    assert rast.causes == ("dtype", "version")
    assert rast.flips == (1, 0)
    assert (parting.flipped, parting.problem_id) == ("lost", right)
    assert parting.texts[1].strip()[0] in "89"
    assert parting.margin > 1, "the model was sure of its own digit"
    assert found(run, other, 0)[0].partings[0].margin is None
    assert drift_table("t", [rast]).rows[0][3] == "1"
    assert "lost" in next(sentences([rast]))


def test_another_run_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="seed is 0 in A and 1 in B"):
        found(run, generate(tmp_path / "seed", "--seed", "1"))
