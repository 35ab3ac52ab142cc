"""Sampling in rounds: one sample of every problem each, ended by an interval that may be looked at."""

import json
import random

import numpy as np
import pytest
from own_runs import Loader, run, write_benchmark

from rast_eval import statistics
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run

ROWS = [{"question": f"Ann has {i} pens and gets {i}. How many?", "answer": str(2 * i)} for i in range(1, 61)]


def answer(request):
    """Right for one problem in three, by chance for one, wrong for one."""
    number = int(request.problem_id) + 1
    right = number % 3 == 0 or (number % 3 == 1 and random.Random(request.seed).random() < 0.5)
    return str(2 * number if right else 0)


@pytest.fixture
def folder(tmp_path):
    return write_benchmark(tmp_path / "own", ROWS, count=60)


def first_narrow(path, half_width):
    """Rounds after which the sequence is narrow enough, from the grades of a run that did not stop."""
    rows = map(json.loads, (path / "grades/base/sums.simplerl.jsonl").read_text().splitlines())
    correct = {(row["problem_id"], row["sample"]): row["correct"] for row in rows}
    samples = 1 + max(sample for _, sample in correct)
    table = np.array([[correct[str(i), j] for j in range(samples)] for i in range(60)])
    looks = [statistics.rounds_sequence(table[:, : n + 1], half_width).half_width for n in range(samples)]
    return 1 + next(n for n, width in enumerate(looks) if width <= half_width)


def test_a_cell_ends_with_the_first_round_that_is_narrow_enough(tmp_path, folder):
    run(tmp_path / "whole", folder, load=Loader(answer), n=24)
    expected = first_narrow(tmp_path / "whole", 0.06)
    assert 3 < expected < 24
    loader = Loader(answer)
    run(tmp_path / "early", folder, load=loader, n=24, until=6.0)
    assert loader.asked == [(str(i), j) for j in range(expected) for i in range(60)]
    assert loader.loaded == 1
    (cell,) = load_run(tmp_path / "early").cells
    assert (cell.n, cell.until) == (expected, 6.0)
    found = evaluate_run(tmp_path / "early").cells[0]
    assert (found.problems, found.samples) == (60, expected)
    assert found.stopped.half_width <= 0.06


def test_an_interrupted_cell_comes_to_the_same_end(tmp_path, folder):
    run(tmp_path / "a", folder, load=Loader(answer), n=24, until=6.0)
    (whole,) = load_run(tmp_path / "a").cells
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", folder, load=Loader(answer, fail_after=41), n=24, until=6.0)
    loader = Loader(answer)
    run(tmp_path / "b", folder, load=loader, n=24, until=6.0)
    (resumed,) = load_run(tmp_path / "b").cells
    assert resumed == whole
    assert len(loader.asked) == 60 * whole.n - 41
    again = Loader(answer)
    run(tmp_path / "b", folder, load=again, n=24, until=6.0)
    assert (again.asked, again.loaded) == ([], 0)
    assert load_run(tmp_path / "b").cells == (whole,)


def test_a_cell_that_is_never_narrow_enough_takes_all_samples(tmp_path, folder):
    loader = Loader(answer)
    run(tmp_path / "r", folder, load=loader, n=3, until=0.5)
    assert len(loader.asked) == 180
    assert load_run(tmp_path / "r").cells[0].n == 3


def test_a_narrower_wish_goes_on_where_the_wider_one_ended(tmp_path, folder):
    run(tmp_path / "r", folder, load=Loader(answer), n=24, until=9.0)
    wide = load_run(tmp_path / "r").cells[0].n
    loader = Loader(answer)
    run(tmp_path / "r", folder, load=loader, n=24, until=6.0)
    narrow = load_run(tmp_path / "r").cells[0].n
    assert wide < narrow
    assert loader.asked == [(str(i), j) for j in range(wide, narrow) for i in range(60)]


def test_greedy_cells_have_one_round_and_no_wish(tmp_path, folder):
    run(tmp_path / "r", folder, load=Loader(answer), temperature=0.0, until=6.0)
    (cell,) = load_run(tmp_path / "r").cells
    assert (cell.n, cell.until) == (1, None)
