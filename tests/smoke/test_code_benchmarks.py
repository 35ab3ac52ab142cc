"""The code benchmarks from prompt to table on the embedded models: run, resume, score again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rast_eval.errors import SandboxError
from rast_eval.scoring.code.sandbox.bwrap import require_bwrap

NAMES = {"humaneval_plus": "evalplus", "mbpp_plus": "evalplus", "livecodebench": "livecodebench"}


def call(*arguments, cwd, data_dir):
    environment = {
        **os.environ,
        "RAST_EVAL_DATA": str(data_dir),
        "XDG_CACHE_HOME": str(cwd / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "rast_eval", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_three_problems_of_each_from_prompt_to_table(tmp_path, data_dir):
    try:
        require_bwrap()
    except SandboxError as problem:
        pytest.skip(f"needs bubblewrap: {problem.message}")
    command = ["run", "-b", ",".join(NAMES), "-L", "3", "--arms", "base,rast", "--max-tokens", "40", "-o", "out"]
    call(*command, cwd=tmp_path, data_dir=data_dir)
    samples = {path: path.read_bytes() for path in (tmp_path / "out" / "samples").rglob("*.jsonl")}
    assert len(samples) == 6
    for arm in ("base", "rast"):
        for name, scorer in NAMES.items():
            path = tmp_path / "out" / "grades" / arm / f"{name}.{scorer}.jsonl"
            grades = [json.loads(line) for line in path.read_text().splitlines()]
            assert len(grades) == 3
            assert all(grade["details"].get("rules") == "master" for grade in grades) == (scorer == "evalplus")
            assert all(grade["correct"] is False for grade in grades)
    call(*command, cwd=tmp_path, data_dir=data_dir)
    assert {path: path.read_bytes() for path in samples} == samples
    call("score", "out", "--evalplus-rules", "0.3.1", "--lcb-io", "official", cwd=tmp_path, data_dir=data_dir)
    path = tmp_path / "out" / "grades" / "rast" / "humaneval_plus.evalplus.jsonl"
    assert {json.loads(line)["details"]["rules"] for line in path.read_text().splitlines()} == {"0.3.1"}
    call("report", "out", cwd=tmp_path, data_dir=data_dir)
