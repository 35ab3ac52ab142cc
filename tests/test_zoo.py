import json
from pathlib import Path

import pytest

from rast_eval import zoo
from rast_eval.config import Delta, ModelRef, System
from rast_eval.errors import ModelError
from rast_eval.shapes import shape_of

CASES = [json.loads(line) for line in (Path(__file__).parent / "cases" / "zoo.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["base"] + "+" + "+".join(case["experts"]))
def test_flags_name_a_lineup(case):
    lineup = zoo.resolve(**case["flags"])
    assert lineup.base.path == case["base"]
    assert [delta.expert.path for delta in lineup.deltas] == case["experts"]
    assert [delta.weight for delta in lineup.deltas] == case["weights"]
    assert (lineup.ceiling.path if lineup.ceiling else None) == case["ceiling"]
    assert lineup.prompt == case["prompt"]
    assert list(lineup.arms) == case["arms"]


def test_nothing_named_is_the_embedded_family():
    lineup = zoo.resolve()
    assert lineup.arms == ("base", "rast", "rl")
    assert all(Path(ref.path, "config.json").is_file() for ref in lineup.system("rast").members)


def test_a_folder_without_a_config_is_no_checkpoint(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        zoo.resolve(base=str(tmp_path))


def test_a_checkpoint_used_twice_stands_once_with_its_weights_added():
    base, expert = ModelRef("b"), ModelRef("e")
    system = System(base, (Delta(expert, base, 0.25), Delta(expert, ModelRef("a"), 0.5)))
    assert [ref.path for ref in system.members] == ["b", "e", "a"]
    assert system.weights == (0.75, 0.75, -0.5)


@pytest.mark.parametrize(
    ("name", "billions"),
    [("0.5b", 0.494), ("1.5b", 1.544), ("7b", 7.616), ("14b", 14.770), ("32b", 32.764), ("llama3.1-8b", 8.030),
     ("llama3.1-70b", 70.554)],
)  # fmt: skip
def test_shapes_add_up_to_the_published_parameter_counts(name, billions):
    entry = zoo.lookup(name)
    assert entry is not None
    shape = zoo.known_shapes()[entry.base.path]
    assert round(shape.parameters / 1e9, 3) == billions


def test_the_shape_of_a_checkpoint_counts_its_tensors():
    safetensors = pytest.importorskip("safetensors.torch")
    ref = zoo.resolve().base
    weights = safetensors.load_file(Path(ref.path) / "model.safetensors")
    shape = shape_of(ref)
    assert shape is not None
    assert shape.parameters == sum(tensor.numel() for tensor in weights.values())
