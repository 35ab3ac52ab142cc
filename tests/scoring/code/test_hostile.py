"""Hostile programs, in the shape each benchmark takes: judged wrong, nothing outside touched, nothing left."""

from __future__ import annotations

import json
import os
import socket
import textwrap
import time
from pathlib import Path

import pytest

from rast_eval.scoring.code import livecodebench
from rast_eval.scoring.code.evalplus import Part
from rast_eval.scoring.code.lcb_tests import Cases
from rast_eval.scoring.code.livecodebench import judge
from rast_eval.scoring.code.sandbox import Sandbox
from rast_eval.types import Problem

pytestmark = pytest.mark.slow

ROWS = [
    json.loads(line) for line in (Path(__file__).parents[2] / "cases" / "code_hostile.jsonl").read_text().splitlines()
]
SHAPES = ("evalplus", "official", "process")
SLOW_SHAPES = ("evalplus", "process")
"""The three ways a candidate is run; LiveCodeBench's methods are called like EvalPlus's functions."""
REFERENCE = "def f(x):\n    return (x * 48271 + 11) % 2147483647 + 2\n"
SECRETS = [(x * 48271 + 11) % 2147483647 + 2 for x in (5, 6, 7)]


def _problem() -> Problem:
    row = {"task_id": "Made/1", "prompt": "", "entry_point": "f", "canonical_solution": REFERENCE, "atol": 0}
    return Problem("humaneval_plus", "Made/1", "", "", {**row, "base_input": [[5]], "plus_input": [[6], [7]]})


def _program(row: dict, shape: str, names: dict) -> str:
    module, attack = row["module"], row["attack"]
    for name, value in names.items():
        attack = attack.replace("{" + name + "}", str(value))
    body = textwrap.indent(attack, "    ")
    calls = "" if shape == "evalplus" else "print(f(int(input())))\n"
    return f"{module}\ndef f(x):\n{body}\n{calls}"


def _status(sandbox: Sandbox, program: str, shape: str, part, truth) -> str:
    if shape == "evalplus":
        return part.judge(sandbox, program, truth, "0.3.1").status
    cases = Cases(None, ("5", "6", "7"), tuple(map(str, SECRETS)))
    return judge(sandbox, program, cases, "official" if shape == "official" else "process").status


def _honest(shape: str) -> str:
    return _program({"module": "", "attack": REFERENCE.split("\n", 1)[1].strip()}, shape, {})


def _family(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *_family(int(child))]
    return found


@pytest.fixture(scope="module")
def made(bwrap):
    part = Part(_problem(), "plus")
    with Sandbox() as sandbox:
        return part, part.reference.compute(sandbox)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Canaries: a file, a listening port, a socket and a secret in the environment."""
    monkeypatch.setenv("RAST_SECRET", "1")
    (tmp_path / "canary").write_text("alive")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        server.setblocking(False)
        local.setblocking(False)
        yield {"canary": str(tmp_path), "port": server.getsockname()[1], "cache": os.environ["XDG_CACHE_HOME"]}
        for listener in (server, local):
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert (tmp_path / "canary").read_text() == "alive"
    assert sorted(os.listdir(tmp_path)) == ["canary", "socket"]


@pytest.fixture
def short(monkeypatch):
    """Limits of a second, so that endless programs end soon."""
    monkeypatch.setattr("rast_eval.scoring.code.evalplus.LIST_SECONDS", 2.0)
    monkeypatch.setattr(livecodebench, "CALL_SECONDS", 1.0)
    monkeypatch.setattr("rast_eval.scoring.code.evalplus.LOAD_SECONDS", 1.0)


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        pytest.param(row, shape, id=f"{row['name']}, {shape}")
        for row in ROWS
        for shape in (SHAPES if not row["slow"] else SLOW_SHAPES)
    ],
)
def test_hostile_program(row, shape, sandbox, made, outside, short):
    part, truth = made
    started = time.monotonic()
    status = _status(sandbox, _program(row, shape, outside), shape, part, truth)
    assert status != "pass"
    assert time.monotonic() - started < 60
    if sandbox._process is not None:
        deadline = time.monotonic() + 2
        while len(_family(sandbox._process.pid)) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(_family(sandbox._process.pid)) <= 1  # process 1 of the sandbox
    honest = _status(sandbox, _honest(shape), shape, part, truth)
    if honest == "timeout":  # one second is short on a loaded machine; the scorers try again too
        honest = _status(sandbox, _honest(shape), shape, part, truth)
    assert honest == "pass"
