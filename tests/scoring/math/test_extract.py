"""Truncation, extraction and what is left after both normalisations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rast_eval.scoring.math.extract import choose_letters, predict, truncate

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_extract.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["output"][:30])
def test_prediction(case):
    assert predict(case["output"], "math500") == case["prediction"]


def test_minerva_keeps_units():
    assert predict(r"\boxed{5 m/s}", "minerva_math") == "5m/s"
    assert predict(r"\boxed{5 m/s}", "math500") == "5/"


def test_stop_words_depend_on_the_prompt():
    assert truncate("5 user 6") == "5"
    assert truncate("5 user 6 Answer: 7 Question: 8", "abel") == "5 user 6"


def test_only_what_follows_a_repeated_prompt_counts():
    assert truncate("Q: 1? A: 2\nQ: 1? A: 3", prompt_text="Q: 1? A:") == "3"


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
    prediction = predict(text, "math500")
    assert prediction is None or isinstance(prediction, str)
