"""What a composite directory holds, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

import rast_eval.tiny
from rast_eval.decoding.compose import compose
from rast_eval.errors import ModelError, UsageError
from rast_eval.types import Delta, ModelRef, System

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


def ref(name):
    return ModelRef(str(TINY / name), name=name)


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_members_weights_and_facade(tmp_path):
    out = compose(System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base"), 0.5),)), tmp_path / "new" / "composite")
    assert out.is_absolute()
    config = config_of(out)
    assert config["model_type"] == "rast"
    assert config["architectures"] == ["RastForCausalLM"]
    assert config["weights"] == [[0.5, "experta"], [-0.5, "antiexperta"]]
    assert {role: Path(m["model"]).name for role, m in config["members"].items()} == {
        "base": "m-base",
        "experta": "s-rl",
        "antiexperta": "s-base",
    }
    assert all(Path(member["model"]).is_absolute() for member in config["members"].values())
    own = config_of(TINY / "m-base")
    assert own["vocab_size"] > config_of(TINY / "s-rl")["vocab_size"] == config["text_config"]["vocab_size"]
    assert config["text_config"]["hidden_size"] == own["hidden_size"]
    assert config["eos_token_id"] == own["eos_token_id"]


def test_tokenizer_is_the_bases_and_weights_stay_where_they_are(tmp_path):
    out = compose(System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base")),)), tmp_path)
    assert (out / "chat_template.jinja").read_bytes() == (TINY / "m-base" / "chat_template.jinja").read_bytes()
    assert AutoTokenizer.from_pretrained(out).get_vocab() == AutoTokenizer.from_pretrained(TINY / "m-base").get_vocab()
    assert not list(out.glob("*.safetensors"))
    assert "max_new_tokens" not in json.loads((out / "generation_config.json").read_text())


def test_a_checkpoint_used_twice_stands_once(tmp_path):
    shared = ref("s-base")
    system = System(ref("m-base"), (Delta(ref("s-rl"), shared, 1.0), Delta(ref("m-rl"), shared, 0.25)))
    config = config_of(compose(system, tmp_path))
    assert list(config["members"]) == ["base", "experta", "antiexperta", "expertb"]
    assert config["weights"][2:] == [[0.25, "expertb"], [-0.25, "antiexperta"]]
    # The base as its own antiexpert: proxy tuning of a model by itself.
    config = config_of(compose(System(ref("s-base"), (Delta(ref("s-rl"), shared),)), tmp_path))
    assert config["weights"] == [[1.0, "experta"], [-1.0, "base"]]


def test_roles_line_up_with_system_weights(tmp_path):
    pytest.importorskip("transformers")
    from rast_eval.decoding.vllm.config import RastConfig

    shared = ref("s-base")
    system = System(ref("m-base"), (Delta(ref("s-rl"), shared, 1.0), Delta(ref("m-rl"), shared, 0.25)))
    config = RastConfig.from_pretrained(compose(system, tmp_path))
    assert tuple(config.member_weights.values()) == system.weights
    assert [member["model"] for member in config.members.values()] == [member.path for member in system.members]
    assert RastConfig.from_dict(config.to_dict()).to_dict() == config.to_dict()
    older = config.to_dict()
    older["terms"] = older.pop("weights")
    assert RastConfig.from_dict(older).to_dict() == config.to_dict()


@pytest.mark.parametrize("deltas", [0, 27])
def test_number_of_deltas_is_bounded(tmp_path, deltas):
    system = System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base")),) * deltas)
    with pytest.raises(UsageError, match="delta"):
        compose(system, tmp_path)


def test_a_folder_with_another_model_is_left_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(UsageError, match="no composite"):
        compose(System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base")),)), tmp_path)
    assert config_of(tmp_path) == {"model_type": "qwen2"}


def test_a_missing_member_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    system = System(ref("m-base"), (Delta(ModelRef("no-such-org/no-such-model"), ref("s-base")),))
    with pytest.raises(ModelError, match="no-such-org/no-such-model"):
        compose(system, tmp_path / "out")
    assert not (tmp_path / "out").exists()
