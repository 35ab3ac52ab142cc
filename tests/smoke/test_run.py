"""Whole commands on the embedded family, as a user types them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

SMALL = ["-L", "6", "--n", "2", "--arms", "base,rast,rl"]
COMMAND = [sys.executable, "-m", "rast_eval"]


def rast_eval(*arguments, cwd, check=0):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    done = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == check, done.stderr
    return done


def lines(folder, arm="rast"):
    path = next((Path(folder) / "samples" / arm).glob("*.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())["cells"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("finished")
    done = rast_eval("run", *SMALL, "-o", "run", cwd=cwd)
    return cwd / "run", done


def test_the_bare_family_ends_with_a_table(finished):
    folder, done = finished
    for word in ("base", "RAST", "RL ceiling", "RR.", "majority"):
        assert word in done.stdout
    assert "rast on tiny-arith: 12/12 samples" in done.stderr
    for name in ("manifest.json", "metrics.json", "report.md"):
        assert (folder / name).is_file()


def test_a_sample_carries_its_provenance(finished):
    folder, _ = finished
    sample = lines(folder)[0]
    assert {
        "fingerprint",
        "problem_id",
        "sample",
        "seed",
        "session",
        "problem_sha256",
        "prompt_sha256",
        "output_sha256",
        "output",
        "num_tokens",
        "finish_reason",
    } <= set(sample)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["first_renderings"]["tiny-arith/tiny"].startswith("Q: ")
    assert manifest["benchmarks"]["tiny-arith"]["as_known"] is True
    (session,) = manifest["sessions"]
    assert sample["session"] == session["id"]
    assert session["made"]["samples"] == 36
    assert {"packages", "hardware", "wall_seconds", "command", "git", "environment", "python"} <= set(session)
    assert session["engines"]["tiny-l-rl"]["dtype"] == "float32"
    assert len(list((folder / "grades" / "rast").glob("*.simplerl.jsonl"))) == 1


def test_a_larger_run_reuses_a_smaller_one(finished, tmp_path):
    folder, _ = finished
    rast_eval("run", "-L", "4", "--n", "1", "-o", tmp_path / "run", cwd=tmp_path)
    before = {(row["problem_id"], row["sample"]): row["output"] for row in lines(tmp_path / "run")}
    rast_eval("run", *SMALL, "-o", tmp_path / "run", cwd=tmp_path)
    grown = lines(tmp_path / "run")
    assert len(grown) == 12
    assert {key: row["output"] for row in grown if (key := (row["problem_id"], row["sample"])) in before} == before
    assert figures(tmp_path / "run") == figures(folder)


def test_other_settings_are_refused_and_nothing_is_lost(finished):
    folder, _ = finished
    done = rast_eval("run", *SMALL, "--temperature", "0.5", "-o", folder, cwd=folder.parent, check=2)
    assert "temperature 1.0 there, 0.5 here" in done.stderr
    assert len(lines(folder)) == 12


def test_shards_make_the_same_run(finished, tmp_path):
    folder, _ = finished
    for index in range(2):
        rast_eval("run", *SMALL, "--shard", f"{index}/2", "-o", tmp_path / "run", cwd=tmp_path)
    rast_eval("report", tmp_path / "run", cwd=tmp_path)
    assert figures(tmp_path / "run") == figures(folder)


def test_killed_anywhere_it_continues_to_the_same_figures(finished, tmp_path):
    folder, _ = finished
    rng = random.Random(0)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(int(os.environ.get("RAST_EVAL_KILLS", "3"))):
        arguments = [*COMMAND, "run", *SMALL, "--max-num-seqs", "2", "-o", str(tmp_path / "run")]
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + rng.uniform(3, 14)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rast_eval("run", *SMALL, "--max-num-seqs", "2", "-o", tmp_path / "run", cwd=tmp_path)
    assert figures(tmp_path / "run") == figures(folder)


def test_ctrl_c_keeps_everything(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [*COMMAND, "run", "-L", "200", "--n", "4", "--max-num-seqs", "4", "-o", str(tmp_path / "run")]
    # A test runner in the background ignores SIGINT, and so would its children.
    process = subprocess.Popen(
        arguments,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    path = tmp_path / "run" / "samples" / "base" / "tiny-arith.jsonl"
    while not (path.is_file() and path.read_bytes().count(b"\n") >= 4):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Interrupted" in errors
    assert "Traceback" not in errors
    assert len(lines(tmp_path / "run", "base")) >= 4


def test_the_same_seed_gives_the_same_report(finished, tmp_path):
    folder, _ = finished
    rast_eval("run", *SMALL, "-o", tmp_path / "run", cwd=tmp_path)
    assert figures(tmp_path / "run") == figures(folder)
    compared = rast_eval("compare", folder, tmp_path / "run", cwd=tmp_path)
    assert "0.0" in compared.stdout


def test_score_grades_again_and_report_reads(finished, tmp_path):
    folder, _ = finished
    rast_eval("score", folder, "--scorer", "simplerl", "--workers", "1", cwd=tmp_path)
    done = rast_eval("report", folder, "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)


def test_dry_run_writes_nothing(tmp_path):
    done = rast_eval("run", "--dry-run", cwd=tmp_path)
    assert "Q: " in done.stdout
    assert "token ids" in done.stdout
    assert list(tmp_path.iterdir()) == []
    real = rast_eval("run", "--base", "32b", "--delta", "14b", "--dry-run", cwd=tmp_path).stdout
    for word in ("32b-rl", "184,340", "190.1 GB", "hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo", "base", "qwen-boxed"):
        assert word in real
    assert list(tmp_path.iterdir()) == []
