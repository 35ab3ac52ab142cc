import json

import numpy as np
import pytest
from run_writer import write_run

from rast_eval.analysis.length import length_table, measure_lengths
from rast_eval.results.reader import load_run
from rast_eval.statistics import mean_estimate


def test_lengths_are_those_of_the_samples(tmp_path):
    cell = {"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 8, "n": 3, "truncated": 0.4}
    path = write_run(tmp_path / "r", [cell])
    (row,) = measure_lengths(load_run(path))
    samples = [json.loads(line) for line in (path / "samples/rast/math500.jsonl").open()]
    tokens = np.array([s["num_tokens"] for s in samples])
    assert row.mean == mean_estimate(tokens.reshape(8, 3).mean(axis=1))
    assert row.quantiles[1] == pytest.approx(np.median(tokens))
    assert row.cut == pytest.approx(np.mean([s["finish_reason"] == "length" for s in samples]))
    assert length_table("t", [row]).rows[0][0] == "math500"
