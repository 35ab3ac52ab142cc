"""Closed forms and published values, one JSON row each."""

import json
from pathlib import Path

import pytest

from rast_eval import statistics

ROWS = [json.loads(line) for line in (Path(__file__).parents[1] / "cases" / "statistics.jsonl").open()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['function']}-{row['why']}")
def test_case(row):
    result = getattr(statistics, row["function"])(*row["args"])
    if isinstance(result, statistics.Estimate):
        result = [result.low, result.high]
    assert result == pytest.approx(row["expected"], abs=6e-5)
