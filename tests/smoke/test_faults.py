"""What docs/faults.md says, as a user meets it: whole commands on the embedded family."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import COMMAND, SMALL, figures, lines, rast_eval

from rast_eval.inputs import resources

pytestmark = pytest.mark.slow

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("finished")
    rast_eval("run", *SMALL, "-o", "run", cwd=cwd)
    return cwd / "run"


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


@contextmanager
def mounted(folder, *options):
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def sample_keys(folder, arm="rast"):
    rows = [json.loads(line) for path in (folder / "samples" / arm).glob("*.jsonl") for line in path.open()]
    return sorted((row["problem_id"], row["sample"], row["output"]) for row in rows)


def test_a_shard_overwrites_only_its_own(finished, tmp_path):
    for options in (["--shard", "0/2"], ["--shard", "1/2"], ["--shard", "0/2", "--overwrite"]):
        rast_eval("run", *SMALL, *options, "-o", "run", cwd=tmp_path)
    assert sample_keys(tmp_path / "run") == sample_keys(finished)
    assert figures(tmp_path / "run") == figures(finished)


def test_an_interrupted_overwrite_continues(run):
    command = [*COMMAND, "run", "-L", "100", "--n", "4", "--arms", "base", "--max-num-seqs", "4", "--overwrite", "-o"]
    held = 0
    for _ in range(2):
        process = subprocess.Popen(
            [*command, str(run)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while _overwritten(run) < held + 4:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        kept = lines(run, "base")
        assert len(kept) >= held + 4
        held = len(kept)
    assert "goes on where the overwriting stopped" in errors


def _overwritten(run):
    """Samples that are there since the overwriting began."""
    began = json.loads((run / "manifest.json").read_text())["overwriting"]
    files = list((run / "samples" / "base").glob("*.jsonl"))  # after the look: the old ones are gone by then
    return files[0].read_bytes().count(b"\n") if files and began else 0


@pytest.mark.parametrize("damage", [b"", b'{"status": "comp'])
def test_a_damaged_manifest_stops_nothing(finished, run, damage):
    (run / "manifest.json").write_bytes(damage)
    told = rast_eval("report", run, cwd=run.parent)
    assert "manifest.json is damaged" in told.stderr
    assert "RAST takes the base from" in " ".join(told.stdout.split())
    told = rast_eval("run", *SMALL, "-o", run, cwd=run.parent)
    assert "manifest.json.damaged" in told.stderr
    assert figures(run) == figures(finished)


@pytest.mark.parametrize("damage", [b"null", b"{}", b"\xff\xfe", b'{"problem_id"\0\0\0', b"[" * 50_000])
def test_a_damaged_line_is_named_set_aside_and_made_again(finished, run, damage):
    path = next((run / "samples" / "rast").iterdir())
    whole = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*whole[:2], damage, *whole[3:], b""]))
    for command in (["report", run], ["score", run]):
        assert "holds 1 damaged line (line 3:" in rast_eval(*command, cwd=run.parent).stderr
    told = rast_eval("run", *SMALL, "-o", run, cwd=run.parent).stderr
    assert f"Set aside in {path.name}.damaged" in told
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damage + b"\n"
    assert sample_keys(run) == sample_keys(finished)
    assert figures(run) == figures(finished)


def test_windows_line_ends_are_no_damage(finished, run):
    path = next((run / "samples" / "rast").iterdir())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    told = rast_eval("run", *SMALL, "-o", run, cwd=run.parent).stderr
    assert "damaged" not in told
    assert figures(run) == figures(finished)


def test_a_full_disk_costs_no_sample(finished, tmp_path):
    sizes = {path: path.stat().st_size for path in (finished / "samples").rglob("*.jsonl")}
    with mounted(tmp_path / "disk", "-o", f"size={max(sizes.values()) + 20_000}") as disk:
        told = rast_eval("run", *SMALL, "-o", disk / "run", cwd=tmp_path, check=2).stderr
        assert "the disk is full" in told
        assert "Traceback" not in told
        held = {arm: sample_keys(disk / "run", arm) for arm in ("base", "rast", "rl")}
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        rast_eval("run", *SMALL, "-o", disk / "run", cwd=tmp_path)
        for arm, kept in held.items():
            assert sample_keys(disk / "run", arm) == sample_keys(finished, arm)
            assert set(kept) <= set(sample_keys(finished, arm))
        assert figures(disk / "run") == figures(finished)


def test_a_read_only_run_is_reported(finished, tmp_path):
    with mounted(tmp_path / "disk") as disk:
        shutil.copytree(finished, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for command in (["report"], ["report", "-k", "1"], ["analyze", "length"]):
            assert "RAST" in rast_eval(*command, disk / "run", cwd=tmp_path).stdout
        told = rast_eval("score", disk / "run", cwd=tmp_path, check=2).stderr
        assert "cannot be written" in told
        told = rast_eval("run", *SMALL, "-o", disk / "run", cwd=tmp_path, check=2).stderr
        assert "cannot be written: Read-only file system" in told


YAML = """\
name: {name}
title: x
kind: math
scorer: simplerl
count: 1
prompt: tiny
file: [rows.jsonl]
decoding: {{n: 1, temperature: 0, top_p: 1, max_tokens: 4}}
"""


@pytest.mark.parametrize("name", ["../../evil", "a/b", "a\x1b[2J"])
def test_names_stay_in_the_run_and_off_the_terminal(run, name):
    folder = run.parent / "own"
    folder.mkdir()
    (folder / "own.yaml").write_text(YAML.format(name=json.dumps(name)))
    (folder / "rows.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    command = ["run", "-b", name, "--include-path", folder, "--arms", "base", "-o", run.parent / "new"]
    told = rast_eval(*command, cwd=run.parent, check=2).stderr
    assert "\x1b" not in told
    assert not list(run.parent.rglob("*evil*"))
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"tiny-arith"', json.dumps(name)))
    told = rast_eval("report", run, cwd=run.parent).stderr
    assert "lacks what a run's has" in told
    assert "\x1b" not in told


def test_a_report_shows_what_a_growing_run_holds(tmp_path):
    command = [*COMMAND, "run", "-L", "8", "--n", "2", "--arms", "rl,base", "--max-num-seqs", "1", "-o", "run"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    )
    run = tmp_path / "run"
    while not (run / "samples" / "base").is_dir():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    try:
        told = rast_eval("report", run, cwd=tmp_path).stdout
        assert "RL ceiling" in told
        assert "base on tiny-arith: no problem graded yet;" in " ".join(told.split())
    finally:
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "all cells: 32/32 new samples" in errors


def test_ctrl_c_while_grading_keeps_the_grades(run):
    grades = {path: path.read_bytes() for path in (run / "grades").rglob("*.jsonl")}
    process = subprocess.Popen(
        [*COMMAND, "score", str(run), "--workers", "2"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [os.setsid(), signal.signal(signal.SIGINT, signal.SIG_DFL)],
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text().strip():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Type the same command again to continue." in errors
    assert "Traceback" not in errors
    assert {path: path.read_bytes() for path in (run / "grades").rglob("*.jsonl")} == grades


def test_a_closed_stdout_costs_no_report(tmp_path):
    command = " ".join([*COMMAND, "run", "-L", "2", "--n", "1", "--arms", "base", "-o", "run"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "report.md").is_file()


def test_a_model_that_never_stops_is_cut_and_named(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(resources.embedded_checkpoints() / "s-base", own)
    generation = own / "generation_config.json"
    generation.write_text(json.dumps({**json.loads(generation.read_text()), "eos_token_id": 3}))
    command = ["run", "--base", own, "--delta", "none", "-b", "tiny-arith", "-L", "2", "--n", "1", "--max-tokens", "20"]
    told = rast_eval(*command, "-o", "run", cwd=tmp_path)
    assert {row["finish_reason"] for row in lines(tmp_path / "run", "base")} == {"length"}
    assert "were cut at 20 tokens" in " ".join(told.stdout.split())
