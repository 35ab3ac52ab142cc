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

from rast_eval.cli import dispatch

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

SMALL = ["-L", "6", "--n", "2", "--arms", "base,rast,rl"]
SAMPLES = 36
COMMAND = [sys.executable, "-m", "rast_eval"]


@pytest.fixture
def rast_eval(capsys):
    """A command in this process, and what it printed."""

    def call(*arguments, code=0):
        found = dispatch(list(map(str, arguments)))
        printed = capsys.readouterr()
        assert found == code, printed.err
        return printed

    return call


def start(*arguments, **options):
    """A command in a process of its own, which a signal can end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=environment, text=True, **options)


def lines(folder, arm="rast"):
    path = next((Path(folder) / "samples" / arm).glob("*.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def stored(folder):
    """Whole lines of all its sample files."""
    return sum(path.read_bytes().count(b"\n") for path in Path(folder).glob("samples/*/*.jsonl"))


def figures(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())["cells"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("finished")
    process = start("run", *SMALL, "-o", "run", cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return cwd / "run", out, err


def test_the_bare_family_ends_with_a_table(finished):
    folder, out, err = finished
    for word in ("base", "RAST", "RL ceiling", "RR.", "majority"):
        assert word in out
    assert "rast on tiny-arith: 12/12 samples" in err
    for name in ("manifest.json", "metrics.json", "report.md"):
        assert (folder / name).is_file()


def test_a_sample_carries_its_provenance(finished):
    folder, *_ = finished
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
    assert session["made"]["samples"] == SAMPLES
    assert {"packages", "hardware", "wall_seconds", "command", "git", "environment", "python"} <= set(session)
    assert session["engines"]["tiny-l-rl"]["dtype"] == "float32"
    assert len(list((folder / "grades" / "rast").glob("*.simplerl.jsonl"))) == 1


def test_a_larger_run_reuses_a_smaller_one(finished, tmp_path, rast_eval):
    folder, *_ = finished
    rast_eval("run", "-L", "4", "--n", "1", "-o", tmp_path / "run")
    before = {(row["problem_id"], row["sample"]): row["output"] for row in lines(tmp_path / "run")}
    rast_eval("run", *SMALL, "-o", tmp_path / "run")
    grown = lines(tmp_path / "run")
    assert len(grown) == 12
    assert {key: row["output"] for row in grown if (key := (row["problem_id"], row["sample"])) in before} == before
    assert figures(tmp_path / "run") == figures(folder)


def test_other_settings_are_refused_and_nothing_is_lost(finished, rast_eval):
    folder, *_ = finished
    printed = rast_eval("run", *SMALL, "--temperature", "0.5", "-o", folder, code=2)
    assert "temperature 1.0 there, 0.5 here" in printed.err
    assert len(lines(folder)) == 12


def test_shards_make_the_same_run(finished, tmp_path, rast_eval):
    folder, *_ = finished
    for index in range(2):
        rast_eval("run", *SMALL, "--shard", f"{index}/2", "-o", tmp_path / "run")
    rast_eval("report", tmp_path / "run")
    assert figures(tmp_path / "run") == figures(folder)


def test_killed_anywhere_it_continues_to_the_same_figures(finished, tmp_path, rast_eval):
    """Each kill comes once so many samples are on disk, the first before there are any."""
    folder, *_ = finished
    run = ["run", *SMALL, "--max-num-seqs", "2", "-o", tmp_path / "run"]
    rng = random.Random(0)
    kills = int(os.environ.get("RAST_EVAL_KILLS", "3")) - 1
    for count in [0, *sorted(rng.randint(1, SAMPLES - 8) for _ in range(kills))]:
        process = start(*run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while stored(tmp_path / "run") < count and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "it had ended before the kill"
        assert count <= stored(tmp_path / "run") < SAMPLES
    rast_eval(*run)
    assert figures(tmp_path / "run") == figures(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_and_a_batch_systems_signals_keep_everything(number, tmp_path):
    # A test runner in the background ignores SIGINT, and so would its children.
    process = start(
        *("run", "-L", "200", "--n", "4", "--max-num-seqs", "4", "--arms", "base", "-o", tmp_path / "run"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP)],
    )
    path = tmp_path / "run" / "samples" / "base" / "tiny-arith.jsonl"
    while not (path.is_file() and path.read_bytes().count(b"\n") >= 4):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Type the same command again to continue." in errors
    assert "Traceback" not in errors
    assert len(lines(tmp_path / "run", "base")) >= 4
    assert path.read_bytes().endswith(b"}\n")


def test_the_same_seed_gives_the_same_report(finished, tmp_path, rast_eval):
    folder, *_ = finished
    rast_eval("run", *SMALL, "-o", tmp_path / "run")
    assert figures(tmp_path / "run") == figures(folder)
    compared = json.loads(rast_eval("compare", folder, tmp_path / "run", "--format", "json").out)["rows"]
    assert {row["arm"] for row in compared} == {"base", "rast", "rl"}
    assert len({row["measure"] for row in compared}) == 3
    assert {row["difference"]["value"] for row in compared} == {0.0}


def test_score_grades_again_and_report_reads(finished, rast_eval):
    folder, *_ = finished
    file = folder / "grades" / "rast" / "tiny-arith.simplerl.jsonl"
    before = [json.loads(line)["correct"] for line in file.read_text().splitlines()]
    file.unlink()
    rast_eval("score", folder, "--scorer", "simplerl", "--workers", "1")
    assert [json.loads(line)["correct"] for line in file.read_text().splitlines()] == before
    assert json.loads(rast_eval("report", folder, "--format", "json").out)["cells"] == figures(folder)


def test_dry_run_writes_nothing(tmp_path, rast_eval, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = rast_eval("run", "--dry-run").out
    assert "Q: " in shown
    assert "token ids" in shown
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("rast_eval.runs.preflight.rehearse", lambda *_, **__: None)  # what this machine has room for
    real = rast_eval("run", "--base", "32b", "--delta", "14b", "--backend", "vllm", "--dry-run").out
    for word in ("32b-rl", "184,340", "190.1 GB", "hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo", "base", "qwen-boxed",
                 "GPU hours ≥"):  # fmt: skip
        assert word in real
    assert list(tmp_path.iterdir()) == []
