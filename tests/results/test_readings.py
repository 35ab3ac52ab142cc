"""Scores under every reading of the same outputs."""

import json

import numpy as np
import pytest
from run_writer import write_run

from rast_eval.errors import UsageError
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run
from rast_eval.results.readings import disputed, read_both, readings

CELL = {"arm": "rast", "benchmark": "math500", "accuracy": 0.6, "problems": 20, "n": 3, "boxed": 0.8,
        "graded_by": ["simplerl", "strict"]}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Strict disagrees on every fifth output."""
    path = write_run(tmp_path / "r", [{**CELL, "disagree": 5}])
    file = path / "grades/rast/math500.strict.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[3:]))  # one problem is not graded yet
    return load_run(path)


def test_the_bounds_hold_every_reading(run):
    simplerl, strict = read_both(run, run.cells[0])
    found = readings(simplerl, strict)
    first, second = simplerl.correct[1:], strict.correct
    three = np.stack([first, second, first & simplerl.boxed[1:]])
    assert (found.simplerl, found.strict, found.boxed) == tuple(three.mean(axis=(1, 2)))
    assert found.pessimistic == three.all(axis=0).mean() < min(three.mean(axis=(1, 2)))
    assert found.optimistic == three.any(axis=0).mean() > max(three.mean(axis=(1, 2)))
    assert (found.outputs, found.disputed) == (57, (three.all(axis=0) != three.any(axis=0)).sum())
    assert evaluate_run(run.path).cell("rast", "math500").readings == found


def test_every_output_that_decides_is_listed_and_no_other(run):
    found = disputed(run)
    assert len(found) == readings(*read_both(run, run.cells[0])).disputed
    lines = (run.path / "samples/rast/math500.jsonl").read_text().splitlines()
    samples = {(row["problem_id"], row["sample"]): row["output"] for row in map(json.loads, lines)}
    for row in found:
        assert len({row.simplerl, row.strict, row.boxed}) == 2
        assert row.ending == samples[row.problem_id, row.sample]
        assert row.prediction_simplerl in row.ending


def test_one_scorer_alone_gives_no_bounds(tmp_path):
    path = write_run(tmp_path / "r", [{**CELL, "graded_by": ["simplerl"]}])
    assert evaluate_run(path).cell("rast", "math500").readings is None
    with pytest.raises(UsageError, match="graded by both") as error:
        disputed(load_run(path))
    assert "--scorer strict" in error.value.hint
