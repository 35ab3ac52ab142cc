"""Parsing, its self-test, and values at a point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sympy
from sympy.parsing.latex import parse_latex as reference

from rast_eval.errors import BackendError
from rast_eval.scoring.math import latex, numeric

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_equal.jsonl").read_text().splitlines()]
TEXTS = sorted({case[side] for case in CASES for side in ("prediction", "gold")})


def attempt(parser, text):
    try:
        return str(parser(text))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "text", [*TEXTS, r"\int_0^1 x dx", r"\frac{1}{", r"x \leq 3", "007", "0.50", "1,000.5", "00", r"f(x)=2"]
)
def test_the_fast_parser_is_the_slow_one(text):
    assert attempt(latex.parse_latex, text) == attempt(reference, text)


def test_selftest_passes_here():
    latex.selftest()


def test_selftest_fails_loudly(monkeypatch):
    def broken(text):
        raise ImportError("LaTeX parsing requires antlr4 4.11")

    monkeypatch.setattr(latex, "parse_latex", broken)
    with pytest.raises(BackendError, match="LaTeX parser does not work") as caught:
        latex.selftest()
    assert "antlr4-python3-runtime==4.11" in caught.value.hint


def test_selftest_notices_wrong_readings(monkeypatch):
    monkeypatch.setattr(latex, "parse_latex", lambda text: sympy.Integer(1))
    with pytest.raises(BackendError, match="it reads"):
        latex.selftest()


@pytest.mark.parametrize(
    "text", [r"\frac{3}{4}", r"\sqrt{2}+1", r"\sin 1", "2^{10}", r"\binom{5}{2}", "5!", r"\log_2 8", "|-3|"]
)
def test_constants_have_sympy_s_value(text):
    expression = reference(text)
    value = numeric.evaluate(expression)
    assert value.constant
    assert float(value.number) == pytest.approx(float(sympy.N(expression)))


@pytest.mark.parametrize("text", [r"\int x dx", r"\frac{1}{0}", "9^{9^{9}}", r"\infty", r"\sum_{k=1}^{3} k"])
def test_no_value(text):
    assert numeric.evaluate(reference(text)) is None


@pytest.mark.parametrize(
    ("a", "b", "settled"),
    [
        ("x+1", "1+x", None),
        ("x+1", "x+2", False),
        ("f(x)", "f(x)", None),
        ("f(x)", "g(x)", False),
        ("2", "2.00001", True),
        ("x", "2", False),
    ],
)
def test_settled(a, b, settled):
    assert numeric.compare(numeric.evaluate(reference(a)), numeric.evaluate(reference(b))) is settled
