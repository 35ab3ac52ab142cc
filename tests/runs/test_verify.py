"""Every claim of an honest run holds, and each kind of tampering fails the claim it touches."""

import json
import shutil

import pytest
from own_runs import ROWS, Loader, run, write_benchmark

from rast_eval import cli
from rast_eval.errors import BackendError, StoreError
from rast_eval.report.run_report import write_report
from rast_eval.results.digests import grade_line
from rast_eval.results.lines import output_sha256
from rast_eval.results.metrics import evaluate_run
from rast_eval.runs import regenerate
from rast_eval.runs.verify import Verification
from rast_eval.types import Grade

CPU = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    run(folder / "run", write_benchmark(folder / "own"), arms=("base", "rast"), load=Loader(**CPU))
    write_report(evaluate_run(folder / "run"), folder / "run")
    return folder


@pytest.fixture
def copy(honest, tmp_path):
    shutil.copytree(honest / "run", tmp_path / "run")
    return tmp_path / "run"


def failed(root, **folders):
    return {claim.name for claim in Verification(root, workers=1, **folders).claims() if claim.status == "FAILED"}


def test_every_claim_of_an_honest_run_holds(copy):
    claims = list(Verification(copy, workers=1).claims())
    assert {claim.status for claim in claims} == {"ok"}, claims
    kinds = {"checkpoint", "rows", "settings", "samples", "questions", "prompts", "grades", "metrics.json"}
    assert {claim.name.split()[0] for claim in claims} == kinds


SAMPLES, GRADES = "samples/rast/sums.jsonl", "grades/rast/sums.simplerl.jsonl"


def rewrite(path, change):
    rows = [json.loads(line) for line in path.open()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def manifest(root, change):
    path = root / "manifest.json"
    loaded = json.loads(path.read_text())
    change(loaded)
    path.write_text(json.dumps(loaded))


def output(rows):
    rows[3]["output"] += "!"


def seed(rows):
    rows[3]["seed"] += 1


def session(rows):
    rows[3]["session"] = "nobody"


def question(rows):
    rows[3]["problem_sha256"] = "0" * 64


def prompt(rows):
    rows[3]["prompt_sha256"] = "0" * 64


def flip(rows):
    rows[3]["correct"] = not rows[3]["correct"]


class Judge:
    name, version = "simplerl", "1"


def flip_and_seal(rows):
    row = rows[3]
    keys = ("problem_id", "sample", "prediction", "correct", "status", "vote", "details")
    grade = Grade(**{**{key: row[key] for key in keys}, "correct": not row["correct"]})
    rows[3] = grade_line(grade, row["output_sha256"], Judge)


def forge(rows):
    rows[3]["output"] = " So the answer is \\boxed{8}."
    rows[3]["output_sha256"] = output_sha256(rows[3]["output"])


@pytest.mark.parametrize(
    ("file", "change", "claim"),
    [
        (SAMPLES, output, "samples of rast/sums"),
        (SAMPLES, seed, "samples of rast/sums"),
        (SAMPLES, session, "samples of rast/sums"),
        (SAMPLES, question, "questions of rast/sums"),
        (SAMPLES, prompt, "prompts of rast/sums"),
        (SAMPLES, forge, "grades of rast/sums by simplerl"),
        (GRADES, flip, "grades of rast/sums by simplerl"),
        (GRADES, flip_and_seal, "grades of rast/sums by simplerl"),
    ],
)
def test_tampered_lines_fail_their_claim(copy, file, change, claim):
    rewrite(copy / file, change)
    assert claim in failed(copy)


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (lambda m: m["cells"][1]["sampling"].update(temperature=0.5), "settings of rast/sums"),
        (lambda m: m["prompts"]["tiny"].update(template="Q: {{ problem }}"), "settings of rast/sums"),
        (lambda m: m["benchmarks"]["sums"].update(sha256="0" * 64), "rows of sums"),
        (lambda m: next(iter(m["checkpoints"].values())).update(weights="0" * 64), "checkpoint tiny-m"),
    ],
)
def test_a_tampered_manifest_fails_its_claim(copy, change, claim):
    manifest(copy, change)
    assert claim in failed(copy)


def test_figures_that_do_not_follow_from_the_grades_fail(copy):
    path = copy / "metrics.json"
    loaded = json.loads(path.read_text())
    loaded["cells"][0]["accuracy"]["value"] += 0.01
    path.write_text(json.dumps(loaded))
    (claim,) = [c for c in Verification(copy, workers=1).claims() if c.status == "FAILED"]
    assert (claim.name, claim.found) == ("metrics.json", "cells[0].accuracy.value is not what the grades give")


def test_other_rows_fail_and_missing_ones_are_not_checkable(copy, tmp_path):
    other = write_benchmark(tmp_path / "other", ROWS[::-1])
    assert {"rows of sums", "questions of base/sums"} <= failed(copy, data_dir=other)
    manifest(copy, lambda m: m["benchmarks"]["sums"].update(data_dir=str(tmp_path / "gone")))
    unchecked = [c for c in Verification(copy, workers=1).claims() if c.status == "not checkable"]
    assert {c.name for c in unchecked} >= {"rows of sums", "questions of rast/sums", "grades of rast/sums by simplerl"}
    assert all("gone" in c.found for c in unchecked)


def test_what_is_not_here_is_said_and_not_failed(copy, monkeypatch):
    manifest(copy, lambda m: m["checkpoints"].update({"org/x@c0ffee": {"path": "org/x", "commit": "c0ffee"}}))
    rewrite(copy / SAMPLES, lambda rows: rows.pop())
    rewrite(copy / "samples/base/sums.jsonl", lambda rows: rows[0].pop("seed"))
    rewrite(copy / "grades/base/sums.simplerl.jsonl", lambda rows: rows.pop())
    (copy / "metrics.json").unlink()
    found = {c.name: c.status for c in Verification(copy, workers=1).claims()}
    assert found["checkpoint org/x@c0ffee"] == "ok"
    assert {name for name, status in found.items() if status == "not checkable"} == {
        "samples of base/sums", "samples of rast/sums", "grades of base/sums by simplerl", "metrics.json"
    }  # fmt: skip


def regenerated(root, load, count=3):
    return [(c.status, c.found) for c in regenerate.claims(Verification(root), count, load)]


def test_samples_come_out_again_or_not(copy):
    assert [status for status, _ in regenerated(copy, Loader(**CPU))] == ["ok", "ok"]
    load = Loader(lambda request: "3", **CPU)
    (status, found), _ = regenerated(copy, load)
    assert status == "FAILED"
    assert found.startswith("3 of 3 came out otherwise")
    assert "after 25 letters" in found
    assert load.loaded == 2


def test_other_rounding_is_no_failure(copy):
    for settings, why in (({"device": "card", "dtype": "float32"}, "made on cpu"), (CPU, "other versions of torch")):
        (status, found), _ = regenerated(copy, Loader(lambda request: "3", **settings))
        assert status == "not checkable"
        assert why in found
        manifest(copy, lambda m: m["sessions"][0]["packages"].update(torch="0"))


def test_a_manifest_that_says_little_is_not_failed(copy):
    def strip(loaded):
        for part in ("prompts", "checkpoints", "base"):
            loaded[part] = {}
        loaded["sessions"][0]["engines"] = {}

    manifest(copy, strip)
    claims = {claim.name: claim.status for claim in Verification(copy, workers=1).claims()}
    assert claims["settings of rast/sums"] == claims["prompts of rast/sums"] == "not checkable"
    assert claims["grades of rast/sums by simplerl"] == "ok"
    assert regenerated(copy, Loader(**CPU)) == [("not checkable", "the manifest tells of no engine")] * 2


def test_an_engine_that_cannot_start_is_said(copy):
    def load(system, config):
        raise BackendError("It is not installed.", "")

    assert regenerated(copy, load) == [("not checkable", "It is not installed.")] * 2


def test_the_command_ends_with_1_where_a_claim_fails(copy, capsys):
    assert cli.dispatch(["verify", str(copy), "--regenerate", "0", "--workers", "1"]) == 0
    assert "ok            metrics.json" in capsys.readouterr().out
    rewrite(copy / GRADES, flip)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert cli.dispatch(["verify", str(copy), "--regenerate", "0", "--workers", "1", "-f", "json"]) == 1
    told = capsys.readouterr()
    assert any(row["status"] == "FAILED" for row in json.loads(told.out))
    assert "failed" in told.err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_without_a_manifest_there_is_little_to_verify(copy):
    (copy / "manifest.json").write_text("")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(StoreError, match="damaged"):
        Verification(copy)
