"""The normalisation, step by step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rast_eval.scoring.math.normalize import strip

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_strip.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:30])
def test_two_passes(case):
    keep_units = case.get("keep_units", False)
    assert strip(strip(case["text"], keep_units), keep_units) == case["twice"]


@given(st.text() | st.text(alphabet="\\{}frac sqrt text mbox 0123456789./=ijxyz%$^"), st.booleans())
def test_never_raises(text, keep_units):
    assert isinstance(strip(text, keep_units), str)
