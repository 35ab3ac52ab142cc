"""Weights come before an engine starts: one format of them, and one line that says how much."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub, client_environment

import rast_eval.tiny
from rast_eval.decoding.fetching import wanted
from rast_eval.machine import shown_bytes

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"
SCRIPT = """
import sys
from rast_eval.decoding.fetching import fetch
from rast_eval.inputs import hub
from rast_eval.types import ModelRef
ref = ModelRef("tiny/s-base", name="small")
assert not hub.is_cached(ref)
fetch([ref])
assert hub.is_cached(ref)
fetch([ref])
"""


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin"], ["config.json", "model.safetensors"]),
        (["tokenizer.json", "pytorch_model.bin", "README.md"], ["tokenizer.json", "pytorch_model.bin"]),
        (["consolidated.safetensors", "a-00001.safetensors"], ["a-00001.safetensors"]),
        (["config.json"], ["config.json"]),
    ],
)
def test_one_format_of_weights_is_fetched(names, chosen):
    assert wanted(names) == chosen


def test_a_checkpoint_is_fetched_once_and_said_so(tmp_path):
    repository = tmp_path / "hub" / "models" / "tiny" / "s-base"
    shutil.copytree(TINY / "s-base", repository)
    (repository / "pytorch_model.bin").write_bytes(b"the same weights for others")
    (repository / "original").mkdir()
    (repository / "original" / "weights.safetensors").write_bytes(b"and once more")
    with LoopbackHub(tmp_path / "hub") as hub:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=client_environment(hub.url, tmp_path / "home"),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    kinds = (".json", ".jinja", ".safetensors")
    size = sum(path.stat().st_size for path in repository.iterdir() if path.suffix in kinds)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fetching small")]
    assert shown_bytes(size) in line
    fetched = {path.name for path in (tmp_path / "home").rglob("snapshots/*/*")}
    assert {"config.json", "model.safetensors"} <= fetched
    assert not {"pytorch_model.bin", "original"} & fetched
    assert json.loads(next((tmp_path / "home").rglob("snapshots/*/config.json")).read_text())["vocab_size"]
