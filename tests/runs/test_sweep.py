"""A sweep's points are runs like any other, made by one engine."""

from __future__ import annotations

import json
import shutil

import pytest

from rast_eval.cli import dispatch
from rast_eval.config import EngineConfig, RunConfig
from rast_eval.errors import UsageError
from rast_eval.inputs import resources
from rast_eval.inputs.models import resolve_models
from rast_eval.results.metrics import to_jsonable
from rast_eval.results.reader import load_run
from rast_eval.results.sweeps import evaluate_sweep
from rast_eval.runs import plan, runner, sweep
from rast_eval.runs.sweep import Point, expand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1:0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0.1:1.5:0.1", tuple(round(0.1 * i, 10) for i in range(1, 16))),
        ("1:0:-0.5", (1.0, 0.5, 0.0)),
        ("0.5", (0.5,)),
        ("1,0.3,1", (1.0, 0.3)),
    ],
)
def test_values(text, expected):
    assert sweep.parse_values(text, "--lambda") == expected


@pytest.mark.parametrize("text", ["", "a", "1:2", "1:2:0", "2:1:0.5", "0:1:1e-9", "nan", "1,inf", "nan:1:1"])
def test_values_that_are_none(text):
    with pytest.raises(UsageError, match="--lambda"):
        sweep.parse_values(text, "--lambda")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7b@step_{100..300..100}", {f"step_{i}": f"7b@step_{i}" for i in (100, 200, 300)}),
        ("7b@step_{1..2}:0.7", {"step_1": "7b@step_1:0.7", "step_2": "7b@step_2:0.7"}),
        ("runs/{a,b}", {"a": "runs/a", "b": "runs/b"}),
    ],
)
def test_checkpoints(text, expected):
    assert expand(text) == expected


@pytest.mark.parametrize("text", ["7b@{}", "7b@{1..}", "7b@{1..2..0}", "7b"])
def test_checkpoints_that_are_none(text):
    with pytest.raises(UsageError, match="holds no range"):
        expand(text)


def test_a_sweep_over_checkpoints(tmp_path, capsys):
    for name, source in (("step_1", "m-base"), ("step_2", "m-rl")):
        shutil.copytree(resources.embedded_checkpoints() / source, tmp_path / name)
    flags = ["--expert", f"{tmp_path}/step_{{1..2}}", "--antiexpert", "tiny-m", "--limit", "2", "--n", "1"]
    assert dispatch(["sweep", "--base", "tiny-l", *flags, "--backend", "hf", "-o", str(tmp_path / "s")]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("step_")] == ["step_1", "step_2"]
    members = [load_run(tmp_path / "s" / f"expert=step_{i}").cells[0].system.deltas[0].expert.path for i in (1, 2)]
    assert members == [str(tmp_path / "step_1"), str(tmp_path / "step_2")]
    assert dispatch(["sweep", "--base", "tiny-l", "--delta", "tiny-m@{1..2}", *flags]) == 2


def test_grid_and_names():
    assert [p.name for p in sweep.points((0.3, 1.0), (0.5,))] == [
        "lambda=0.3,temperature=0.5",
        "lambda=1,temperature=0.5",
    ]
    assert [p.name for p in sweep.points((), (0.5, 1.0))] == ["temperature=0.5", "temperature=1"]
    assert sweep.points((0.3,), ()) == [Point(0.3, None)]


@pytest.fixture
def config():
    models = resolve_models("tiny-m", ["tiny-s"])
    return RunConfig(models, arms=("rast",), n=2, limit=3, max_tokens=40, engine=EngineConfig(dtype="float32"))


def samples(folder):
    lines = (folder / "samples" / "rast" / "tiny-arith.jsonl").read_text().splitlines()
    return {(row["problem_id"], row["sample"]): row["output"] for row in map(json.loads, lines)}


def test_points_equal_runs_of_their_own_and_are_not_repeated(config, tmp_path, monkeypatch):
    loaded = []
    make = sweep.make_engine
    monkeypatch.setattr(sweep, "make_engine", lambda *args: loaded.append(args) or make(*args))
    grid = sweep.points((0.3, 1.0), (0.7,))
    plans = {point: plan.build(sweep.configure(config, point)) for point in grid}
    found = sweep.run(plans, tmp_path / "sweep", workers=1)
    assert len(loaded) == 1
    assert [(r.weight, r.temperature, r.accuracy.problems, r.accuracy.samples) for r in found.points] == [
        (0.3, 0.7, 3, 2),
        (1.0, 0.7, 3, 2),
    ]

    alone = plan.build(sweep.configure(config, grid[0]))
    runner.run(alone, tmp_path / "alone", workers=1)
    assert samples(tmp_path / "sweep" / grid[0].name) == samples(tmp_path / "alone")
    assert samples(tmp_path / "sweep" / grid[1].name) != samples(tmp_path / "alone")

    assert sweep.run(plans, tmp_path / "sweep", workers=1) == found
    assert len(loaded) == 1, "nothing was missing, so nothing was loaded"
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text()) == to_jsonable(found)
    assert found == evaluate_sweep({point: tmp_path / "sweep" / point.name for point in grid})
