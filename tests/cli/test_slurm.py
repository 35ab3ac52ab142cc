"""The script for Slurm, carried out by stand-ins of sbatch and scontrol."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import figures

from rast_eval.cli import dispatch

RUN = ["run", "-L", "4", "--n", "2", "--arms", "base", "--max-num-seqs", "2", "-o", "run"]

STAND_INS = {
    "rast-eval": f'exec {sys.executable} -m rast_eval "$@"',
    "scontrol": 'echo "$@" >> requeued',
    "sbatch": """
last=$(sed -n 's/^#SBATCH --array=0-//p' "$1")
for SLURM_ARRAY_TASK_ID in ${TASKS:-$(seq 0 "$last")}; do
  export SLURM_ARRAY_TASK_ID SLURM_JOB_ID=7$SLURM_ARRAY_TASK_ID
  bash "$1" & echo $! > task; wait $!
done""",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, body in STAND_INS.items():
        (tools / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_an_array_that_is_preempted_ends_in_the_figures_of_one_process(cluster, capsys):
    pytest.importorskip("torch")

    def told(*arguments):
        assert dispatch(list(arguments)) == 0
        return " ".join(capsys.readouterr().out.split())

    script = cluster / "run.sbatch"
    assert dispatch(["slurm", "--shards", "2", "--", *RUN]) == 0
    script.write_text(capsys.readouterr().out)
    sbatch = subprocess.Popen(["sbatch", script], env={**os.environ, "TASKS": "0"}, stderr=subprocess.DEVNULL)
    while not list(cluster.glob("run/samples/*/*")):
        assert sbatch.poll() is None
        time.sleep(0.05)
    os.kill(int((cluster / "task").read_text()), signal.SIGTERM)
    sbatch.wait(timeout=60)
    assert (cluster / "requeued").read_text() == "requeue 70\n"
    subprocess.run(["sbatch", script], env={**os.environ, "TASKS": "0"}, check=True, capture_output=True)
    assert "Shards missing: 1/2" in told("report", "run")
    subprocess.run(["sbatch", script], env={**os.environ, "TASKS": "1"}, check=True, capture_output=True)
    assert "Shards" not in told("report", "run", "-o", "run")
    told(*RUN[:-1], "whole")
    assert figures(cluster / "run") == figures(cluster / "whole")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["score", "x"], "Slurm gets a run, not 'score'"),
        (["run", "-L", "3"], "none is named"),
        (["run", "-o", "x", "--shard", "0/2"], "--shard does not go into"),
        (["run", "-o", "x", "--bas", "y"], "No such option: --bas"),
    ],
)
def test_what_no_array_can_run_is_refused(arguments, says, capsys):
    assert dispatch(["slurm", "--", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_script_is_whole_and_asks_for_its_gpus(capsys, tmp_path):
    flags = ["--base", "32b", "--delta", "14b", "--tensor-parallel-size", "4", "-o", "a b"]
    assert dispatch(["slurm", "--shards", "8", "--sbatch=--time=4:00:00", "--", "run", *flags]) == 0
    script = Path(tmp_path / "x")
    script.write_text(capsys.readouterr().out)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    lines = re.findall("^#SBATCH (.*)", script.read_text(), re.MULTILINE)
    assert {"--array=0-7", "--requeue", "--signal=B:TERM@120", "--gres=gpu:4", "--time=4:00:00"} < set(lines)
    assert "-o 'a b' --shard" in script.read_text()
