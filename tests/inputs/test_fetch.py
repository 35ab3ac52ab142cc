"""`rast-eval fetch` from a hub that is slow, fails and breaks off, and then a run without any network."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub, client_environment

from rast_eval.inputs import resources

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

MODELS = ["--base", "own/m", "--expert", "own/s-rl", "--antiexpert", "own/s"]
BENCHMARK = """\
name: sums
title: Sums
kind: math
hub: {id: own/sums, data_files: [rows.jsonl]}
columns: {question: [question], answer: [answer]}
count: 3
prompt: tiny
scorer: simplerl
decoding: {n: 1, temperature: 0, top_p: 1, max_tokens: 20}
"""


@pytest.fixture
def hub(tmp_path):
    root = tmp_path / "hub"
    for name, own in (("m-base", "m"), ("s-base", "s"), ("s-rl", "s-rl")):
        shutil.copytree(resources.embedded_checkpoints() / name, root / "models/own" / own)
    (root / "models/own/s/more.safetensors").write_bytes(os.urandom(24 << 20))  # more than clients read at a time
    rows = root / "datasets/own/sums/rows.jsonl"
    rows.parent.mkdir(parents=True)
    rows.write_text("".join(json.dumps({"question": f"Tom has {i} coins.", "answer": f"{i}"}) + "\n" for i in range(3)))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sums.yaml").write_text(BENCHMARK)
    with LoopbackHub(root) as running:
        yield running


@pytest.fixture
def call(hub, tmp_path):
    def call(*arguments, code=0, before=(), **extra):
        environment = client_environment(hub.url, tmp_path / "home") | {"HF_HUB_DISABLE_XET": "1"} | extra
        command = [*before, sys.executable, "-m", "rast_eval", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done.stderr
        return done

    return call


def test_what_was_fetched_once_runs_without_a_network(hub, call, tmp_path):
    hub.faults |= {"model.safetensors": ["slow"], "more.safetensors": ["half"]}
    told = call("fetch", *MODELS, "-b", "sums", "--include-path", "own").stdout
    assert [line.split("\t")[0] for line in told.splitlines()] == ["own/m", "own/s-rl", "own/s", "sums"]
    assert hub.repository("models", "own/m").commit in told
    assert any("bytes=" in line and "more.safetensors" in line for line in hub.log), "half a file was fetched anew"
    asked = len(hub.log)
    isolated = ["unshare", "-n"] if subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0 else []
    run = ["run", *MODELS, "-b", "sums", "--include-path", "own", "--arms", "rast", "--offline", "-o", "run"]
    done = call(*run, before=isolated)
    assert len((tmp_path / "run/samples/rast/sums.jsonl").read_text().splitlines()) == 3, done.stderr
    assert len(hub.log) == asked
    for ref in ("m", "s", "s-rl"):
        assert hub.repository("models", f"own/{ref}").commit in (tmp_path / "run/manifest.json").read_text()


def test_a_hub_that_fails_is_one_sentence_and_what_came_stays(hub, call, tmp_path):
    hub.gated.add("own/s-rl")
    said = call("fetch", *MODELS, "-b", "sums", "--include-path", "own", code=2).stderr
    assert "own/s-rl is gated" in said
    hub.gated.clear()
    hub.faults["model.safetensors"] = ["500"] * 20
    said = call("fetch", *MODELS, "-b", "sums", "--include-path", "own", code=2).stderr
    assert "The hub answered with error 500 while own/s-rl was fetched." in said
    hub.faults.clear()
    call("fetch", *MODELS, "-b", "sums", "--include-path", "own")
    fetched = [line for line in hub.log if line.startswith("GET /storage/models/own/m/")]
    assert len(fetched) == 1
