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
