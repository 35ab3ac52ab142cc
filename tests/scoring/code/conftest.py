"""Sandboxes for the code tests; without bubblewrap they skip by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.errors import SandboxError
from rast_eval.scoring.code.sandbox import Sandbox
from rast_eval.scoring.code.sandbox.bwrap import require_bwrap


@pytest.fixture(scope="session")
def bwrap():
    try:
        require_bwrap()
    except SandboxError as problem:
        pytest.skip(f"needs bubblewrap: {problem.message}")


@pytest.fixture(scope="module")
def sandbox(bwrap):
    with Sandbox() as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


def cases(name: str) -> list:
    """Rows of tests/cases/NAME.jsonl as pytest parameters, named by their `name`."""
    path = Path(__file__).parents[2] / "cases" / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [pytest.param(row, id=row["name"]) for row in rows]
