"""`run` on vLLM gives what it gives on transformers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("vllm")
pytestmark = [pytest.mark.vllm, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "rast_eval", "run", "-L", "4", "--dtype", "float32"]


def run(folder, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    command = [*COMMAND, *arguments, "-o", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    files = sorted(Path(folder, "samples").rglob("*.jsonl"))
    rows = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return {(row["problem_id"], row["sample"]): row for row in rows}


def test_greedy_outputs_are_equal_and_a_run_continues(tmp_path):
    by_backend = {}
    for backend in ("hf", "vllm"):
        by_backend[backend] = run(tmp_path / backend, "--arms", "rast@greedy", "--backend", backend)
    outputs = {backend: {key: row["output"] for key, row in rows.items()} for backend, rows in by_backend.items()}
    assert outputs["vllm"] == outputs["hf"]
    assert len(outputs["vllm"]) == 4
    facts = ("num_tokens", "finish_reason", "stop_reason", "seed", "prompt_sha256")
    for key, row in by_backend["vllm"].items():
        assert {name: row[name] for name in facts} == {name: by_backend["hf"][key][name] for name in facts}
        assert row["fingerprint"] != by_backend["hf"][key]["fingerprint"]
    again = run(tmp_path / "vllm", "--arms", "rast@greedy", "--backend", "vllm")
    assert again == by_backend["vllm"]
