"""Checkpoints from strangers: other weights than config.json says are refused, and no code of theirs runs."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import rast_eval.tiny
from rast_eval.cli import dispatch
from rast_eval.decoding.compose import compose
from rast_eval.decoding.loading import load_model, load_tokenizer
from rast_eval.errors import ModelError
from rast_eval.types import Delta, ModelRef, System

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"
LAYER = "model.layers.0.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda w: w.pop(LAYER), f"lack {LAYER}"),
        (
            lambda w: w.update({"model.layers.99.mlp.up_proj.weight": w[LAYER].clone()}),
            "against its config.json, model",
        ),
    ],
)
def test_other_weights_are_refused(tmp_path, edit, says):
    folder = shutil.copytree(TINY / "s-base", tmp_path / "s-base")
    (file,) = folder.glob("*.safetensors")
    weights = load_file(file)
    edit(weights)
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=says) as caught:
        load_model(ModelRef(str(folder), name="s-base"), torch.float32, "cpu")
    assert "Fetch the checkpoint again" in caught.value.hint


def test_whole_weights_are_loaded():
    assert not load_model(ModelRef(str(TINY / "s-base")), torch.float32, "cpu").training


def test_no_code_of_a_checkpoint_runs(tmp_path, monkeypatch, capsys):
    """Unless told, transformers asks on the terminal, and one typed y runs it."""
    folder = shutil.copytree(TINY / "s-base", tmp_path / "strange")
    flag = tmp_path / "flag"
    (folder / "strange.py").write_text(f"open({str(flag)!r}, 'w')\nclass Strange: pass\n")
    classes = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM"), "strange.Strange")
    for name, kinds in (
        ("config.json", classes),
        ("tokenizer_config.json", {"AutoTokenizer": [None, "strange.Strange"]}),
    ):
        settings = json.loads((folder / name).read_text())
        settings |= {"model_type": "strange", "tokenizer_class": "Strange", "auto_map": kinds}
        (folder / name).write_text(json.dumps(settings))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    ref = ModelRef(str(folder), name="strange")
    pair = Delta(ModelRef(str(TINY / "s-rl")), ModelRef(str(TINY / "s-base")))
    for load in (
        lambda: load_tokenizer(ref),
        lambda: load_model(ref, torch.float32, "cpu"),
        lambda: compose(System(ref, (pair,)), tmp_path / "composite"),
    ):
        with pytest.raises(ModelError, match="strange brings program code of its own, which is never run here"):
            load()
    models = ["--base", str(folder), "--delta", "none"]
    assert dispatch(["run", *models, "-b", "tiny-arith", "-L", "1", "-o", str(tmp_path / "run")]) == 2
    assert "never run here" in capsys.readouterr().err
    assert not flag.exists()


def test_whoever_loads_says_that_no_code_is_trusted():
    for path in TINY.parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "from_pretrained":
                told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert told.get("trust_remote_code") == "False", f"{path}:{node.lineno}"
