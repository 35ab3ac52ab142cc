"""What a run says of itself: sessions that are added, never rewritten, and checkpoints by part."""

import json
import os
import shutil
from dataclasses import replace

import pytest
from own_runs import Loader, configure, run, write_benchmark

from rast_eval.errors import StoreError
from rast_eval.inputs import resources
from rast_eval.inputs.models import resolve_models
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run
from rast_eval.runs import manifest, plan, runner


@pytest.fixture
def own(tmp_path):
    return write_benchmark(tmp_path / "own")


def sessions(root):
    return load_run(root).manifest["sessions"]


def lines(root):
    return [json.loads(line) for path in sorted(root.glob("samples/*/*.jsonl")) for line in path.open()]


def test_a_repeated_command_adds_a_session_and_rewrites_none(tmp_path, own):
    run(tmp_path / "run", own, limit=2)
    (first,) = sessions(tmp_path / "run")
    run(tmp_path / "run", own)
    kept, second = sessions(tmp_path / "run")
    assert kept == first
    assert (first["made"], second["made"]) == ({"samples": 4, "tokens": 28}, {"samples": 4, "tokens": 28})
    assert first["cells"] == second["cells"] == ["base/sums"]
    assert [row["session"] for row in lines(tmp_path / "run")] == [first["id"]] * 4 + [second["id"]] * 4
    assert first["engines"] == {"tiny-m": {"dtype": "float32"}}
    assert None not in (first["ended"], first["wall_seconds"], second["ended"])
    assert {"python", "packages", "hardware", "environment", "engine", "command", "git"} <= set(first)
    assert {"numpy", "tokenizers"} <= set(first["packages"])
    assert load_run(tmp_path / "run").manifest["status"] == "complete"


def test_an_interrupted_session_says_what_it_made(tmp_path, own):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", own, load=Loader(fail_after=3))
    (session,) = sessions(tmp_path / "run")
    assert session["made"]["samples"] == 3
    assert session["ended"]
    assert load_run(tmp_path / "run").manifest["status"] == "interrupted"


def test_shards_are_read_as_one_manifest(tmp_path, own):
    for index in range(2):
        run(tmp_path / "run", own, shard=(index, 2))
    assert [session["shard"] for session in sessions(tmp_path / "run")] == [[0, 2], [1, 2]]
    assert len(load_run(tmp_path / "run").cells) == 1


def test_cells_that_mix_settings_are_named(tmp_path, own):
    from rast_eval.config import EngineConfig

    run(tmp_path / "run", own, limit=2)
    assert not [w for w in evaluate_run(tmp_path / "run").warnings if "different settings" in w]
    other = Loader(attention="sdpa")
    run(tmp_path / "run", own, load=other, engine=EngineConfig(max_num_seqs=8, gpu_memory_utilization=0.5))
    (warning,) = [w for w in evaluate_run(tmp_path / "run").warnings if "different settings" in w]
    assert warning.startswith("base on sums")
    assert "max_num_seqs unset and 8" in warning
    assert "attention unset and sdpa" in warning
    assert "gpu_memory" not in warning


def test_only_harmless_variables_are_kept(tmp_path, own, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    run(tmp_path / "run", own)
    assert "secret" not in (tmp_path / "run" / "manifest.json").read_text()
    assert sessions(tmp_path / "run")[0]["environment"]["CUDA_VISIBLE_DEVICES"] == "1"


def test_the_machine_is_not_named():
    assert os.uname().nodename not in json.dumps(manifest.hardware())


def test_files_of_an_include_path_are_kept_by_digest(tmp_path, own):
    run(tmp_path / "run", own)
    described = load_run(tmp_path / "run").manifest
    assert set(described["include"]) == {"sums.yaml"}
    source = described["benchmarks"]["sums"]["source"]
    assert (source["kind"], source["path"]) == ("file", str(own / "sums.jsonl"))
    assert len(source["sha256"]) == 64


@pytest.fixture
def checkpoint(tmp_path):
    shutil.copytree(resources.embedded_checkpoints() / "s-base", tmp_path / "copy")
    return tmp_path / "copy"


def run_checkpoint(root, own, folder, arms=("base",), overwrite=False):
    models = resolve_models(str(folder), rl=str(folder))
    built = plan.build(replace(configure(own, arms), models=models))
    runner.run(built, root, overwrite=overwrite, workers=1, load=(load := Loader()))
    return load


@pytest.mark.parametrize(
    ("name", "edit", "part"),
    [
        ("model.safetensors", lambda data: data[:-9] + bytes(9), "weights of copy changed"),
        ("generation_config.json", lambda data: data + b" ", "generation config of copy changed"),
    ],
)
def test_a_changed_checkpoint_is_refused_by_its_part(tmp_path, own, checkpoint, name, edit, part):
    run_checkpoint(tmp_path / "run", own, checkpoint)
    path = checkpoint / name
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(StoreError, match=part):
        run_checkpoint(tmp_path / "run", own, checkpoint)
    # Nor is another arm set beside samples of what is no longer there.
    with pytest.raises(StoreError, match=f"base on sums made with another copy \\({part.split(' of ')[0]} changed"):
        run_checkpoint(tmp_path / "run", own, checkpoint, arms=("rl",))
    assert len(run_checkpoint(tmp_path / "run", own, checkpoint, overwrite=True).asked) == 8
