"""Whether two answers are equal as mathematical objects, by SimpleRL's sequence of tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sympy import N, simplify
from sympy.core.relational import Relational
from sympy.core.sympify import SympifyError

from rast_eval.scoring.math import latex, numeric
from rast_eval.scoring.math.latex import parse


def symbolic_equal(prediction: str, gold: str) -> bool:
    """Whether one of the tests finds the two parsed texts equal; a test that raises counts as not passed.

    Where the values of both at one point settle the outcome of the remaining tests, these are not run.
    """
    a, b = parse(prediction), parse(gold)
    if _passes(_same, prediction, gold):
        return True
    value, gold_value = _value(prediction), _value(gold)
    if value and gold_value and isinstance(a, Relational) == isinstance(b, Relational):
        settled = numeric.compare(value, gold_value)
        if settled is not None:
            return settled
    tests = (_same_after_simplification, _same_equation, _same_number, _same_matrix)
    return any(_passes(test, a, b) for test in tests)


def load() -> None:
    """Run each parser once: seconds that belong to no answer.

    Raises:
        BackendError: the first one does not work here.
    """
    latex.selftest()
    for text in ("(1, 2)", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\frac{x}{2}=\sin y"):
        symbolic_equal(text, "x+1")


@lru_cache(maxsize=4096)
def _printed(text: str) -> str:
    return str(parse(text))


@lru_cache(maxsize=4096)
def _value(text: str) -> numeric.Value | None:
    """Value of what `text` means; of an equation or inequality, |left − right|, never a constant."""
    meaning = parse(text)
    if not isinstance(meaning, Relational):
        return numeric.evaluate(meaning)
    left, right = numeric.evaluate(meaning.lhs), numeric.evaluate(meaning.rhs)
    return numeric.Value(abs(left.number - right.number), constant=False) if left and right else None


def _passes(test: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    try:
        return test(a, b)
    except Exception:
        return False


def _same(prediction: str, gold: str) -> bool:
    return _printed(prediction) == _printed(gold) or bool(parse(prediction) == parse(gold))


def _same_after_simplification(a: Any, b: Any) -> bool:
    _refuse_text(a, b)
    return bool(a.equals(b)) or bool(simplify(a - b) == 0)


def _same_equation(a: Any, b: Any) -> bool:
    return bool(abs(a.lhs - a.rhs).equals(abs(b.lhs - b.rhs)))


def _same_number(a: Any, b: Any) -> bool:
    _refuse_text(a, b)
    return math.isclose(float(N(a)), float(N(b)), rel_tol=1e-4)


def _same_matrix(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    return bool(a.applyfunc(lambda cell: round(cell, 3)).equals(b.applyfunc(lambda cell: round(cell, 3))))


def _refuse_text(*meanings: Any) -> None:
    """Text that no parser took stays text, and sympy would evaluate that as Python."""
    if any(isinstance(meaning, str) for meaning in meanings):
        raise SympifyError("text")
