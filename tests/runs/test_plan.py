import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from rast_eval.config import EngineConfig, RunConfig
from rast_eval.errors import DataError, UsageError
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan
from rast_eval.types import Sampling


@pytest.fixture
def tiny():
    return RunConfig(models=resolve_models(), limit=4)


def test_seeds_are_sha256_of_the_four():
    digest = hashlib.sha256(json.dumps([7, "gsm8k", "12", 3]).encode()).digest()
    assert plan.request_seed(7, "gsm8k", "12", 3) == int.from_bytes(digest[:8], "big") >> 1


def test_limit_and_n_keep_the_fingerprint_and_everything_else_moves_it(tiny):
    def prints(config):
        return [cell.fingerprint for cell in plan.build(config).cells]

    reference = prints(tiny)
    assert prints(replace(tiny, limit=2, n=3)) == reference
    half = resolve_models(weight=0.5)
    for change in (
        {"temperature": 0.5}, {"top_p": 0.9}, {"max_tokens": 9}, {"seed": 1}, {"prompt": "abel"},
        {"engine": EngineConfig(dtype="bfloat16")}, {"engine": EngineConfig(backend="vllm")},
    ):  # fmt: skip
        assert all(a != b for a, b in zip(prints(replace(tiny, **change)), reference, strict=True)), change
    base, rast, rl = prints(replace(tiny, models=half))
    assert (base, rl) == (reference[0], reference[2])
    assert rast != reference[1]


def test_a_folder_is_known_by_its_weights(tiny, tmp_path):
    import shutil

    copy = tmp_path / Path(tiny.models.base.path).name
    shutil.copytree(tiny.models.base.path, copy)
    same = resolve_models(str(copy), rl=str(copy))
    config = replace(tiny, models=same, arms=("base",), benchmarks=("tiny-arith",), prompt="tiny")
    original = plan.build(replace(tiny, arms=("base",))).cells[0].fingerprint
    assert plan.build(config).cells[0].fingerprint == original
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert plan.build(config).cells[0].fingerprint != original


def test_the_papers_defaults(data_dir):
    config = RunConfig(
        resolve_models("32b", ["14b"]), arms=("base", "base@sampled", "rast"), benchmarks=("aime24",), data_dir=data_dir
    )
    greedy, sampled, rast = plan.build(config).cells
    assert (greedy.sampling, greedy.n) == (Sampling(0.0, 1.0, 16384), 1)
    assert (sampled.sampling, sampled.n) == (Sampling(1.0, 0.95, 16384), 32) == (rast.sampling, rast.n)
    assert rast.prompt == "qwen-boxed"
    assert plan.build(replace(config, models=resolve_models("32b", ["1.5b"]))).cells[0].prompt == "abel"


def test_a_plan_without_rows_is_for_dry_runs_only(monkeypatch):
    monkeypatch.delenv("RAST_EVAL_DATA", raising=False)
    config = RunConfig(resolve_models("32b", ["14b"]), benchmarks=("aime24",))
    assert plan.build(config, allow_missing_data=True).cells[0].problem_count == 30
    with pytest.raises(DataError, match="--data-dir"):
        plan.build(config)


def test_cells_of_one_system_share_its_engine(tiny):
    groups = plan.build(replace(tiny, arms=("base", "rast", "base@greedy"))).by_system()
    assert [[cell.arm for cell in cells] for cells in groups.values()] == [["base", "base@greedy"], ["rast"]]


def test_shards_cover_every_problem_once(tiny):
    problems = plan.build(tiny).problems["tiny-arith"]
    parts = [plan.shard(problems, (index, 3)) for index in range(3)]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in problems)


def test_an_arm_without_its_model_says_which_flag(tiny):
    with pytest.raises(UsageError, match="--delta"):
        plan.build(replace(tiny, models=resolve_models("tiny-m", ["none"]), arms=("rast",)))
