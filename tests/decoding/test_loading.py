"""Weights that are not those of their config.json are refused: transformers alone would go on with random ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import rast_eval.tiny
from rast_eval.decoding.loading import load_model
from rast_eval.errors import ModelError
from rast_eval.types import ModelRef

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
