"""Truncation, extraction and what is left after both normalisations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rast_eval.inputs import prompts
from rast_eval.scoring.math.extract import choose_letters, predict, truncate

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_extract.jsonl").read_text().splitlines()]

STOPS = prompts.get("qwen-boxed").stop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["output"][:30])
def test_prediction(case):
    assert predict(truncate(case["output"], STOPS)) == case["prediction"]


def test_units_stay_where_they_belong():
    assert predict(r"\boxed{5 m/s}", keep_units=True) == "5m/s"
    assert predict(r"\boxed{5 m/s}") == "5/"


def test_outputs_are_cut_at_each_stop_in_turn():
    assert truncate("5 user 6", STOPS) == "5"
    assert truncate("5 user 6 Answer: 7 Question: 8", prompts.get("abel").stop) == "5 user 6"
    assert truncate(" 5 b 6 a 7 b 8", ("a", "b")) == "5"
    assert truncate("the user says 5\n", ()) == "the user says 5"


@pytest.mark.parametrize(
    ("prediction", "gold", "reduced"),
    [("17", "", ""), ("north", "", ""), ("East", "", "E"), ("A, C", "AC", "AC"), ("BD", "AC", "BD"), ("5", "7", "5")],
)
def test_letters(prediction, gold, reduced):
    assert choose_letters(prediction, gold, "") == reduced


def test_a_single_letter_is_looked_for_in_the_output():
    assert choose_letters("5", "B", "A is 3, so the answer is (B)") == "B"


@given(st.text() | st.text(alphabet="\\{}$boxed0123456789.,/=-answeri "))
def test_extraction_never_raises(text):
    prediction = predict(truncate(text, STOPS))
    assert prediction is None or isinstance(prediction, str)
