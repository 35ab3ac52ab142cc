from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.scoring.code.lcb_tests import Cases
from rast_eval.scoring.code.livecodebench import judge

WAYS = ("official", "process")


def _cases(name):
    rows = [
        json.loads(line) for line in (Path(__file__).parents[2] / "cases" / f"{name}.jsonl").read_text().splitlines()
    ]
    return [
        pytest.param(row, way, row[way], id=f"{row['name']}, {way}")
        for row in rows
        for way in WAYS
        if row[way] is not None
    ]


@pytest.mark.parametrize(("row", "way", "wanted"), _cases("code_lcb_stdin"))
def test_stdin_program(sandbox, row, way, wanted):
    verdict = judge(sandbox, row["code"], Cases(None, (row["stdin"],), (row["expected"],)), way)
    assert (verdict.status == "pass") == (wanted == "pass"), verdict


@pytest.mark.parametrize(("row", "way", "wanted"), _cases("code_lcb_functional"))
def test_functional_program(sandbox, row, way, wanted):
    verdict = judge(sandbox, row["code"], Cases("f", tuple(row["inputs"]), tuple(row["outputs"])), way)
    assert (verdict.status == "pass") == (wanted == "pass"), verdict
