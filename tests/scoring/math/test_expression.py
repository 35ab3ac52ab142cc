"""The expression grammar gives what sympy's parser gives on honest input, and refuses the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sympy.parsing.sympy_parser import parse_expr

from rast_eval.scoring.math.expression import UnsafeExpression, parse_expression

CASES = [
    json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_expression.jsonl").read_text().splitlines()
]


def texts(outcome):
    return [case["text"] for case in CASES if case["outcome"] == outcome]


@pytest.mark.parametrize("text", texts("reads"))
def test_agrees_with_sympy(text):
    ours, theirs = parse_expression(text), parse_expr(text)
    assert type(ours) is type(theirs)
    assert ours == theirs


@pytest.mark.parametrize("text", texts("refuses"))
def test_refuses_what_would_run_or_reach_out(text):
    with pytest.raises((UnsafeExpression, SyntaxError)):
        parse_expression(text)


@pytest.mark.parametrize("text", texts("raises"))
def test_raises_where_sympy_raises(text):
    for parser in (parse_expr, parse_expression):
        with pytest.raises(Exception):  # noqa: B017, PT011
            parser(text)
