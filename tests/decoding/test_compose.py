"""What a composite directory holds, and what is refused."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

import rast_eval.tiny
from rast_eval.decoding.compose import cached_composite, compose
from rast_eval.decoding.fusion_file import FUSION_VARIABLE, fusion_json, read_fusion
from rast_eval.errors import ModelError, UsageError
from rast_eval.types import Delta, FusionRule, ModelRef, System

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


def ref(name):
    return ModelRef(str(TINY / name), name=name)


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_members_deltas_and_facade(tmp_path):
    out = compose(System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base"), 0.5),)), tmp_path / "new" / "composite")
    assert out.is_absolute()
    config = config_of(out)
    assert config["model_type"] == "rast"
    assert config["architectures"] == ["RastForCausalLM"]
    assert config["deltas"] == [["experta", "antiexperta"]]
    assert json.loads((out / "fusion.json").read_text()) == {"lambda": [0.5], "rule": "linear"}
    assert "0.5" not in (out / "config.json").read_text()
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


def test_the_facade_is_as_wide_as_the_widest_and_has_no_window(tmp_path):
    for name, fields in {"base": {"sliding_window": 8}, "expert": {"hidden_size": 198, "head_dim": 48}}.items():
        shutil.copytree(TINY / ("m-base" if name == "base" else "s-rl"), tmp_path / name)
        path = tmp_path / name / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields, "use_sliding_window": True}))
    members = ModelRef(str(tmp_path / "base")), ModelRef(str(tmp_path / "expert"))
    facade = config_of(compose(System(members[0], (Delta(members[1], ref("s-base")),)), tmp_path / "c"))["text_config"]
    heads = config_of(TINY / "m-base")["num_attention_heads"]
    assert (facade["hidden_size"], facade["head_dim"]) == (-(-198 // heads) * heads, 48)
    assert facade["sliding_window"] is None
    assert "sliding_attention" not in facade["layer_types"]


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
    assert config["deltas"][1:] == [["expertb", "antiexperta"]]
    # The base as its own antiexpert: proxy tuning of a model by itself.
    config = config_of(compose(System(ref("s-base"), (Delta(ref("s-rl"), shared),)), tmp_path))
    assert config["deltas"] == [["experta", "base"]]


def test_roles_line_up_with_system_weights(tmp_path):
    pytest.importorskip("transformers")
    from rast_eval.decoding.vllm.config import RastConfig

    shared = ref("s-base")
    system = System(ref("m-base"), (Delta(ref("s-rl"), shared, 1.0), Delta(ref("m-rl"), shared, 0.25)))
    config = RastConfig.from_pretrained(compose(system, tmp_path))
    assert tuple(config.weights([delta.weight for delta in system.deltas])) == system.weights
    assert config.pairs == list(system.pairs)
    assert [member["model"] for member in config.members.values()] == [member.path for member in system.members]
    assert RastConfig.from_dict(config.to_dict()).to_dict() == config.to_dict()


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


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the user's, and a system whose expert lies in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(TINY / "s-rl", tmp_path / "expert")
    expert = ModelRef(str(tmp_path / "expert"))
    return tmp_path / "rast-eval" / "composites", System(ref("m-base"), (Delta(expert, ref("s-base"), 0.5),))


def test_runs_of_any_lambda_and_rule_share_one_composite(cache):
    folder, system = cache
    others = [
        system,
        System(system.base, (Delta(system.deltas[0].expert, system.deltas[0].antiexpert, 0.7),)),
        replace(system, rule=FusionRule.parse("gated:entropy=1")),
    ]
    with ThreadPoolExecutor(3) as threads:
        found = set(threads.map(cached_composite, others))
    assert found == set(folder.glob("[!.]*"))
    assert len(found) == 1
    assert (found.pop() / "config.json").stat().st_mode & 0o044 == 0o044


def test_a_checkpoint_changed_in_place_is_another_composite(cache):
    folder, system = cache
    first = cached_composite(system)
    path = Path(system.deltas[0].expert.path) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"quant_method": "awq"}}))
    second = cached_composite(system)
    assert set(folder.glob("[!.]*")) == {first, second}
    assert config_of(second)["members"]["experta"]["config"]["quantization_config"] == {"quant_method": "awq"}


def test_what_a_hand_or_a_power_cut_left_is_mended(cache):
    _, system = cache
    composite = cached_composite(system)
    (composite / "tokenizer.json").unlink()
    assert cached_composite(system) == composite
    assert (composite / "tokenizer.json").is_file()


def test_lambda_and_rule_are_read_beside_the_configuration(tmp_path, monkeypatch):
    system = System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base"), 0.5),), FusionRule.parse("gated:entropy=1"))
    out = str(compose(system, tmp_path))
    assert read_fusion(out, None, 1) == ([0.5], "gated:entropy=1")
    with pytest.raises(ValueError, match="Expected 2 finite"):
        read_fusion(out, None, 2)
    monkeypatch.setenv(FUSION_VARIABLE, fusion_json(System(ref("m-base"), (Delta(ref("s-rl"), ref("s-base")),))))
    assert read_fusion(out, None, 1) == ([1.0], "linear")
    monkeypatch.delenv(FUSION_VARIABLE)
    (tmp_path / "fusion.json").unlink()
    with pytest.raises(ValueError, match="compose"):
        read_fusion(out, None, 1)
