"""Each stage ends, whatever it does, and the next one runs; what is wrong is counted."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("vllm")

from rast_eval.cli import dispatch
from rast_eval.decoding.vllm.selfcheck import EngineStage, plan, run
from rast_eval.decoding.vllm.stages import FloatReference, parser
from rast_eval.types import Delta, ModelRef, System

pytestmark = pytest.mark.vllm

LIMIT = 600.0


def test_a_stage_that_fails_or_hangs_does_not_hold_up_the_next():
    broken = EngineStage("broken", ("no-such-stage",), LIMIT)
    mended = EngineStage("mended", ("facts", "--runner"), LIMIT, fallbacks=(("V3",), ("V1",)))
    hanging = EngineStage("hanging", ("tiny", "--enforce-eager"), 0.2)
    passed = EngineStage("passed", ("tiny",), 0.2, optional=True)
    found = {
        one.name: one for one in run([broken, mended, hanging, passed, EngineStage("facts", ("facts",), LIMIT)], LIMIT)
    }
    assert {name: one.status for name, one in found.items()} == {
        "broken": "failed",
        "mended": "failed",
        "hanging": "failed",
        "passed": "skipped",
        "facts": "ok",
    }
    assert "invalid choice" in found["broken"].line
    assert found["mended"].fallback == ("V1",)
    assert found["mended"].line.endswith("passes with V1")
    assert "stages tiny --enforce-eager" in found["hanging"].line
    assert "vLLM" in found["facts"].line


def test_no_time_is_no_failure():
    assert [one.status for one in run([EngineStage("facts", ("facts",), LIMIT)], limit=0)] == ["skipped"]


@pytest.mark.parametrize("cards", [0, 1, 2])
def test_every_planned_stage_is_a_command_line(cards):
    stages = plan(cards)
    for stage in stages:
        parser().parse_args(stage.arguments)
    assert ("two cards" in {stage.name for stage in stages}) == (cards == 2)


def test_the_reference_tells_other_weights_apart(tiny):
    members = [ModelRef(str(tiny / name)) for name in ("m-base", "s-rl", "s-base")]
    right, other = (System(members[0], (Delta(members[1], members[2], weight),)) for weight in (1.0, 0.0))
    reference = FloatReference(right)
    rows = [[5, 17, 40, 8 + index] for index in range(8)]
    outputs = [[int(reference.logprobs(row, right)[-1].argmax())] for row in rows]
    assert reference.wrong(rows, outputs, right, 1e-3) == 0
    assert reference.wrong(rows, outputs, other, 1e-3) > 0


@pytest.mark.slow
def test_dummy_weights_are_the_same_in_every_variant():
    """The stage of real shapes, with small ones and the backend that a CPU has."""
    small = ("shapes", "--base", "tiny-m", "--delta", "tiny-s", "--other", "CPU_ATTN", "--dtype", "float32")
    (found,) = run([EngineStage("shapes", small, LIMIT)], LIMIT)
    assert found.status == "ok", found.log
    assert set(found.facts["apart"]) == {"eager", "CPU_ATTN"}


@pytest.mark.slow
def test_this_machine(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert dispatch(["doctor", "--selfcheck"]) == 0
    printed = capsys.readouterr().out
    assert ", 0 wrong; batches 1, 3, 17, 64" in printed
    kept = json.loads((tmp_path / "rast-eval" / "selfcheck.json").read_text())
    assert [one["name"] for one in kept[:2]] == ["facts", "eager"]
    assert kept[1]["facts"]["difference"] < 1e-3
