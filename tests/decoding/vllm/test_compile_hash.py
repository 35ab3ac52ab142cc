"""vLLM finds the graphs of an earlier run whatever λ is, and none that were compiled for another checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("vllm")

from rast_eval.decoding.compose import cached_composite, compose
from rast_eval.types import Delta, FusionRule, ModelRef, System

pytestmark = pytest.mark.vllm


def compile_hash(folder):
    from vllm.engine.arg_utils import EngineArgs

    from rast_eval.decoding.vllm import register

    register()
    return EngineArgs(str(folder), dtype="float32", max_model_len=256).create_engine_config().compute_hash()


@pytest.fixture
def system(tmp_path, tiny, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(tiny / "s-rl", tmp_path / "expert")
    expert, antiexpert = ModelRef(str(tmp_path / "expert")), ModelRef(str(tiny / "s-base"))
    return System(ModelRef(str(tiny / "m-base")), (Delta(expert, antiexpert),))


def test_the_hash_is_of_the_members_alone(system, tmp_path):
    first = compile_hash(cached_composite(system))
    (delta,) = system.deltas
    other = replace(system, deltas=(replace(delta, weight=0.3),), rule=FusionRule.parse("gated:entropy=1"))
    assert compile_hash(cached_composite(other)) == first
    own = compile_hash(compose(system, tmp_path / "own"))
    assert compile_hash(compose(other, tmp_path / "own")) == own

    path = Path(delta.expert.path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_act": "gelu"}))
    assert compile_hash(cached_composite(system)) != first
    assert compile_hash(compose(system, tmp_path / "own")) != own


def test_a_checkpoint_changed_after_its_composite_is_refused(system, tmp_path):
    from rast_eval.decoding.vllm.config import RastConfig, check_unchanged

    member = RastConfig.from_pretrained(compose(system, tmp_path / "own")).members["experta"]
    check_unchanged(member)
    path = Path(system.deltas[0].expert.path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_act": "gelu"}))
    with pytest.raises(ValueError, match="write the composite again"):
        check_unchanged(member)
