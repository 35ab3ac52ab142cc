import json
from pathlib import Path

import pytest

from rast_eval.errors import ModelError, UsageError
from rast_eval.inputs import models
from rast_eval.inputs.models import find_pair, known_shapes, resolve_models, shape_of
from rast_eval.types import Delta, ModelRef, System

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "cases" / "models.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["base"] + "+" + "+".join(case["experts"]))
def test_flags_name_a_lineup(case):
    models = resolve_models(**case["flags"])
    assert models.base.path == case["base"]
    assert [delta.expert.path for delta in models.deltas] == case["experts"]
    assert [delta.weight for delta in models.deltas] == case["weights"]
    assert (models.ceiling.path if models.ceiling else None) == case["ceiling"]
    assert models.prompt == case["prompt"]
    assert list(models.arms) == case["arms"]


def test_nothing_named_is_the_embedded_family():
    models = resolve_models()
    assert models.arms == ("base", "rast", "rl")
    assert all(Path(ref.path, "config.json").is_file() for ref in models.system("rast").members)


def test_a_folder_without_a_config_is_no_checkpoint(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve_models(base=str(tmp_path))


def test_a_checkpoint_used_twice_stands_once_with_its_weights_added():
    base, expert = ModelRef("b"), ModelRef("e")
    system = System(base, (Delta(expert, base, 0.25), Delta(expert, ModelRef("a"), 0.5)))
    assert [ref.path for ref in system.members] == ["b", "e", "a"]
    assert system.weights == (0.75, 0.75, -0.5)


@pytest.mark.parametrize(
    ("name", "billions"),
    [("0.5b", 0.494), ("1.5b", 1.544), ("7b", 7.616), ("14b", 14.770), ("32b", 32.764), ("llama3.1-8b", 8.030),
     ("llama3.1-70b", 70.554), ("qwen3-0.6b", 0.596), ("qwen3-1.7b", 1.721), ("qwen3-4b", 4.022), ("qwen3-8b", 8.191),
     ("qwen3-14b", 14.768), ("olmo2-13b", 13.716), ("tulu3-8b", 8.030), ("tulu3-70b", 70.554)],
)  # fmt: skip
def test_shapes_add_up_to_the_published_parameter_counts(name, billions):
    entry = find_pair(name)
    assert entry is not None
    shape = known_shapes()[entry.base.path]
    assert round(shape.parameters / 1e9, 3) == billions


def test_the_shape_of_a_checkpoint_counts_its_tensors():
    safetensors = pytest.importorskip("safetensors.torch")
    ref = resolve_models().base
    weights = safetensors.load_file(Path(ref.path) / "model.safetensors")
    shape = shape_of(ref)
    assert shape is not None
    assert shape.parameters == sum(tensor.numel() for tensor in weights.values())


def test_a_table_of_ones_own_adds_pairs_and_a_broken_one_is_refused(tmp_path):
    (tmp_path / "models.toml").write_text(
        '[families.mine]\nprompt = "orz"\nbenchmarks = ["aime25"]\n[families.mine.sizes.7b]\nbase = "a/b"\nrl = "c/d"\n'
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "models.toml").write_text("[families.mine]\nsizes = 3\n")
    try:
        models.include(tmp_path)
        assert resolve_models("32b", ["mine-7b"]).deltas[0] == Delta(
            ModelRef("c/d", name="mine-7b-rl"), ModelRef("a/b", name="mine-7b")
        )
        with pytest.raises(UsageError, match="no table of models"):
            models.include(broken)
        assert find_pair("mine-7b") is not None
    finally:
        models._INCLUDED.clear()
        models._forget()
    assert find_pair("mine-7b") is None
