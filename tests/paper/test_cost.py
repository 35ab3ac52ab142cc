import dataclasses
import re

import pytest

from rast_eval.config import RunConfig
from rast_eval.inputs.models import resolve_models
from rast_eval.paper import cost, passes, prose, runs, scale
from rast_eval.paper.sizing import A6000, H100, model_bytes, weight_bytes


def test_weights_and_cards():
    rast = resolve_models("32b", ["14b"]).system("rast")
    assert weight_bytes(rast) == pytest.approx(2 * (32.76e9 + 2 * 14.77e9), rel=0.01)
    assert H100.engine([rast]) == 4
    assert dataclasses.replace(H100, gb=40).engine([rast]) == 8
    assert dataclasses.replace(H100, tensor_parallel=2).engine([rast]) == 2
    assert H100.engine([resolve_models("7b", ["none"]).system("base")]) == 1
    assert H100.whole(rast.members) == 2


def test_gpu_hours_follow_the_stated_model(monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    named = runs.NamedRun("x", RunConfig(resolve_models("tiny-m", ["tiny-s"]), ("rast",), n=16, limit=16))
    plan = named.plan()
    found = cost.estimate(named, plan, H100)
    (system,) = plan.by_system()
    mean = cost.ASSUMED["tiny-arith"]
    assert found.tokens == 16 * 16 * mean
    assert found.gpus == 1
    shapes = [cost.shape_of(ref) for ref in system.members]
    parameters = sum(s.parameters for s in shapes)
    traffic = weight_bytes(system) + 256 * mean / 2 * sum(s.kv_bytes_per_token() for s in shapes)
    flops, bandwidth = H100.flops * cost.EFFICIENCY, H100.bandwidth * cost.EFFICIENCY
    decode = found.tokens / 256 * max(traffic / bandwidth, 2 * 256 * parameters / flops)
    prefill = 16 * cost.PROMPT_TOKENS * 2 * parameters / flops
    tail = (plan.cells[0].sampling.max_tokens - mean) * weight_bytes(system) / bandwidth
    assert found.gpu_hours == pytest.approx((decode + prefill + tail) / 3600)


def test_the_papers_own_time_stands_beside_the_bound(monkeypatch):
    """30 minutes a run, 32 runs, eight cards; asked one after the other each run has a tail of its own."""
    monkeypatch.setattr(cost.hub, "is_cached", lambda ref: True)
    stated, one_by_one, together = cost.papers_pace()
    assert stated == 128
    assert together < one_by_one < stated
    (cell,) = [c for c in runs.pair_run(scale.paper(), "32b", "14b").plan().cells if c.benchmark == "math500"]
    one, two = (cost.cell_seconds(cell, 8, A6000, n) for n in (1, 2))
    assert one_by_one / together > 2
    assert two > one
    table = cost.cost_table([runs.pair_run(scale.tiny(), *scale.tiny().main_pair)], H100)
    assert "a lower bound" in table.note
    assert f"128 GPU hours for {prose.RUNS} runs" in table.note
    assert table.header[3].endswith("≥")


def test_table_sums_its_rows(monkeypatch):
    monkeypatch.setattr(cost.hub, "is_cached", lambda ref: True)
    tiny = scale.tiny()
    named = [runs.pair_run(tiny, *pair) for pair in tiny.pairs]
    table = cost.cost_table(named, H100)
    assert len(table.rows) == len(named) + 1
    assert float(table.rows[-1][1]) == pytest.approx(sum(float(row[1]) for row in table.rows[:-1]), abs=0.1)


def test_the_points_of_a_sweep_are_one_row(monkeypatch):
    monkeypatch.setattr(cost.hub, "is_cached", lambda ref: True)
    tiny = scale.tiny()
    points = [runs.sweep_run(tiny, 1.0, t) for t in (0.5, 1.0)]
    found = cost.cost_table([*points, runs.pair_run(tiny, *tiny.main_pair)], H100)
    assert [row[0] for row in found.rows] == ["sweep, 2 points", "+".join(tiny.main_pair), "total"]
    one = cost.cost_table(points[:1], H100)
    assert float(found.rows[0][1]) == pytest.approx(2 * float(one.rows[0][1]), abs=0.1)


def test_cards_reach_the_commands():
    chosen = dataclasses.replace(scale.paper(), cards=dataclasses.replace(H100, gb=40))
    assert runs.pair_run(chosen, "32b", "14b").command[-2:] == ["--tensor-parallel-size", "8"]
    chosen = dataclasses.replace(chosen, cards=dataclasses.replace(H100, tensor_parallel=2))
    assert all("--tensor-parallel-size 2" in " ".join(a) for a in runs.sweep_arguments(chosen))


def test_figure_4_is_planned_pair_by_pair():
    chosen = scale.paper()
    found = [p for p in passes.passes(chosen, {"figure4", "figure5"}) if p.figure == "figure4"]
    assert [len(p.models) for p in found] == [2, 2, 2]
    assert [p.what for p in found] == ["delta 32b", "delta 14b", "delta 7b"]
    columns, tokens = 152_064, 50 * cost.ASSUMED["math500"]
    assert found[0].waiting == pytest.approx(tokens * columns * 2 * 2)
    assert found[2].waiting == 0
    table = passes.passes_table(chosen, {"figure4", "figure5"})
    cards = {row[1]: int(row[3]) for row in table.rows}
    assert cards["delta 32b"] == H100.whole(found[0].models) == 2
    assert model_bytes(found[0].models) == pytest.approx(131e9, rel=0.01)
    assert re.match("80 GB", table.header[3])
    assert passes.passes_table(chosen, {"table1"}) is None
