import dataclasses
import os
import warnings

import numpy as np
import pytest
from run_writer import write_run

from rast_eval.errors import UsageError
from rast_eval.results import side_by_side
from rast_eval.results.reader import load_grades, load_run
from rast_eval.results.side_by_side import load_all


def damage(file):
    rows = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*rows[:1], b"null\n", *rows[1:]]))


def test_cells_read_side_by_side_are_those_read_in_turn(tmp_path, monkeypatch):
    path = write_run(
        tmp_path / "r",
        [{"arm": a, "benchmark": "tiny-arith", "accuracy": 0.5, "problems": 10, "n": 2} for a in ("base", "rl")],
    )
    run = load_run(path)
    for cell in run.cells:
        damage(path / "samples" / str(cell.arm) / "tiny-arith.jsonl")
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 2)
    found, told, processes = [], [], []
    monkeypatch.setattr(side_by_side, "load_grades", noting(processes, load_grades))
    for limit in (1 << 60, 0):
        monkeypatch.setattr(side_by_side, "LARGE_BYTES", limit)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append([dataclasses.asdict(grades) for grades in load_all([(run, cell) for cell in run.cells], None)])
        told.append([str(warning.message) for warning in caught])
    assert processes == [os.getpid()] * 2  # by the first round; the second one's calls are elsewhere
    np.testing.assert_equal(found[1], found[0])
    assert told[1] == told[0]
    assert len(told[0]) == 2
    with pytest.raises(UsageError, match="no grades by the scorer strict"):
        load_all([(run, cell) for cell in run.cells], "strict")


def noting(processes, load):
    def noted(*arguments):
        processes.append(os.getpid())
        return load(*arguments)

    return noted
