import json

import pytest

from rast_eval.config import RunConfig
from rast_eval.errors import UnknownName
from rast_eval.inputs import prompts
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan


@pytest.fixture
def data(tmp_path):
    rows = [{"problem": f"What is {i} + 1?", "answer": str(i + 1), "unique_id": str(i)} for i in range(60)]
    (tmp_path / "math500.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def cells(data, delta="1.5b", **more):
    config = RunConfig(resolve_models("32b", [delta]), ("base", "rast", "rl"), ("math500",), data_dir=data, **more)
    with pytest.warns(UserWarning, match="60 rows"):
        return {cell.arm: cell for cell in plan.build(config).cells}


def test_the_default_asks_all_arms_under_the_deltas_prompt(data):
    assert {cell.prompt for cell in cells(data).values()} == {"abel"}


def test_paper(data):
    found = cells(data, preset="paper")
    assert {arm: cell.prompt for arm, cell in found.items()} == {
        "base": "qwen-boxed",
        "rast": "abel",
        "rl": "qwen-boxed",
    }
    assert (found["base"].n, found["rast"].n) == (1, 32)
    assert {cell.problem_count for cell in found.values()} == {60}
    assert {cell.prompt for cell in cells(data, delta="14b", preset="paper").values()} == {"qwen-boxed"}


def test_released(data):
    found = cells(data, delta="14b", preset="released")
    assert found["rast"].prompt == "abel"
    assert (found["base"].problem_count, found["rast"].problem_count) == (50, 60)
    assert {cell.stop for cell in found.values()} == {prompts.get("qwen-boxed").stop}


def test_the_released_script_asks_50_problems_of_math_and_aime_only():
    """As its `run_vllm.py` does: the other four benchmarks are asked whole; AIME24 has 30 problems anyway."""
    models = resolve_models("32b", ["14b"])
    config = RunConfig(models, ("base", "rast", "rl"), ("math500", "aime24", "amc23", "gsm8k"), preset="released")
    asked = {(c.benchmark, c.arm): c.problem_count for c in plan.build(config, allow_missing_data=True).cells}
    assert {key[1]: n for key, n in asked.items() if key[0] == "math500"} == {"base": 50, "rast": 500, "rl": 50}
    assert {n for key, n in asked.items() if key[0] != "math500"} == {30, 40, 1319}


def test_llama_is_asked_under_the_prompt_of_its_training():
    models = resolve_models("llama3.1-70b", ["llama3.1-8b"])
    for preset in (None, "paper"):
        config = RunConfig(models, ("base@sampled", "rast"), ("amc23",), preset=preset)
        assert {cell.prompt for cell in plan.build(config, allow_missing_data=True).cells} == {"abel"}


def test_under_the_paper_preset_a_base_keeps_its_own_prompt():
    config = RunConfig(resolve_models("1.5b", ["14b"]), ("base", "rast"), ("amc23",), preset="paper")
    prompts = {cell.arm: cell.prompt for cell in plan.build(config, allow_missing_data=True).cells}
    assert prompts == {"base": "abel", "rast": "qwen-boxed"}


def test_a_flag_wins_over_the_preset(data):
    assert {cell.prompt for cell in cells(data, preset="released", prompt="abel").values()} == {"abel"}


def test_a_benchmarks_own_prompt_wins_over_the_preset():
    config = RunConfig(resolve_models(), ("base", "rl"), preset="paper", limit=2)
    found = plan.build(config).cells
    assert {cell.prompt for cell in found} == {"tiny"}
    assert [cell.n for cell in found] == [1, 8]
    assert found[0].sampling.greedy


def test_unknown_presets_are_refused():
    with pytest.raises(UnknownName, match="preset"):
        plan.build(RunConfig(resolve_models(), preset="papers"))
