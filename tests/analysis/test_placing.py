import sys

import pytest
import torch

from rast_eval.analysis import placing
from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.decoding.loading import load_model
from rast_eval.errors import BackendError, OutOfMemory


@pytest.fixture
def model(models):
    return load_model(models.base, torch.float32, "cpu")


def test_without_cards_a_model_stays_where_it_is(model):
    assert placing.place(model, {}) is model


def test_layers_go_over_the_cards_in_turn(model):
    pytest.importorskip("accelerate")
    size = model.get_memory_footprint()
    found = placing.layers_over(model, {0: int(0.7 * size), 1: size})
    assert set(found.values()) == {0, 1}
    layers = [card for part, card in found.items() if ".layers." in part]
    assert layers == sorted(layers)


def test_too_little_room_is_named(model):
    pytest.importorskip("accelerate")
    size = model.get_memory_footprint()
    with pytest.raises(OutOfMemory, match="2 cards with"):
        placing.layers_over(model, {0: size // 8, 1: size // 8})


def test_without_accelerate_it_says_what_to_type(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(BackendError, match="accelerate"):
        placing.layers_over(model, {0: 1})


def test_a_model_in_two_places_says_the_same(models, path, direct, tmp_path):
    """The disk stands for a second card: each part is read from where it lies, caches and all."""
    accelerate = pytest.importorskip("accelerate")
    whole = load_model(models.base, torch.float32, "cpu")
    layers = dict.fromkeys(("model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head"), "cpu")
    count = whole.config.num_hidden_layers
    layers |= {f"model.layers.{i}": "disk" if i >= count // 2 else "cpu" for i in range(count)}
    forcer = TeacherForcer(chunk=7)
    forcer._models[models.base.key] = accelerate.dispatch_model(
        whole, device_map=layers, offload_dir=str(tmp_path), main_device="cpu", force_hooks=True
    )
    rows = torch.cat([logits[0] for _, logits in forcer.stream(path, [models.base])]).double()
    torch.testing.assert_close(rows, direct(models.base), atol=2e-4, rtol=1e-4)
