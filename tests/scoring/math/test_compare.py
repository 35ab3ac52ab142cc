"""Equality of normalised answers, rule by rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rast_eval.scoring.math.compare import decide, equal, number

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_equal.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['prediction']}|{case['gold']}")
def test_verdict(case):
    assert equal(case["prediction"], case["gold"]) is case["equal"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['prediction']}|{case['gold']}")
def test_rules_without_algebra_never_contradict(case):
    assert decide(case["prediction"], case["gold"]) in {None, case["equal"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,000", 1000.0), ("5%", 0.05), (r"5\%", 0.05), ("1e5", 1e5), ("x", None), ("", None), ("%", None)],
)
def test_number(text, value):
    assert number(text) == value


@settings(deadline=None)
@given(st.text(min_size=1))
def test_reflexive(text):
    assert equal(text, text)
