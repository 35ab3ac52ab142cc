import pytest

from rast_eval.config import RunConfig
from rast_eval.inputs.models import resolve_models
from rast_eval.paper import cost, runs, scale
from rast_eval.paper.sizing import gpus_for, weight_bytes


def test_weights_and_cards():
    rast = resolve_models("32b", ["14b"]).system("rast")
    assert weight_bytes(rast) == pytest.approx(2 * (32.76e9 + 2 * 14.77e9), rel=0.01)
    assert gpus_for([rast]) == 4
    assert gpus_for([resolve_models("7b", ["none"]).system("base")]) == 1


def test_gpu_hours_follow_the_stated_model(monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    named = runs.NamedRun("x", RunConfig(resolve_models("tiny-m", ["tiny-s"]), ("rast",), n=16, limit=16))
    plan = named.plan()
    found = cost.estimate(named, plan)
    (system,) = plan.by_system()
    assert found.tokens == 16 * 16 * cost.ASSUMED["tiny-arith"]
    assert found.gpus == 1
    steps = found.tokens / 256
    shapes = [cost.shape_of(ref) for ref in system.members]
    traffic = weight_bytes(system) + 256 * cost.ASSUMED["tiny-arith"] / 2 * sum(s.kv_bytes_per_token() for s in shapes)
    work = 2 * 256 * sum(s.parameters for s in shapes)
    step = max(traffic / (cost.BANDWIDTH * cost.EFFICIENCY), work / (cost.FLOPS * cost.EFFICIENCY))
    assert found.gpu_hours == pytest.approx(steps * step / 3600)


def test_table_sums_its_rows(monkeypatch):
    monkeypatch.setattr(cost.hub, "is_cached", lambda ref: True)
    tiny = scale.tiny()
    named = [runs.pair_run(tiny, *pair) for pair in tiny.pairs]
    table = cost.cost_table(named)
    assert len(table.rows) == len(named) + 1
    assert float(table.rows[-1][1]) == pytest.approx(sum(float(row[1]) for row in table.rows[:-1]), abs=0.1)
