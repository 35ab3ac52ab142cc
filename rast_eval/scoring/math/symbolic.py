"""Whether two answers are equal as mathematical objects, by SimpleRL's sequence of tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rast_eval.scoring.math.latex import parse


def symbolic_equal(prediction: str, gold: str) -> bool:
    """Whether one of the tests finds the two parsed texts equal; a test that raises counts as not passed."""
    a, b = parse(prediction), parse(gold)
    tests = (_same, _same_after_simplification, _same_equation, _same_number, _same_matrix)
    return any(_passes(test, a, b) for test in tests)


def _passes(test: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    try:
        return test(a, b)
    except Exception:
        return False


def _same(a: Any, b: Any) -> bool:
    return str(a) == str(b) or bool(a == b)


def _same_after_simplification(a: Any, b: Any) -> bool:
    from sympy import simplify

    if isinstance(a, str) or isinstance(b, str):
        return False  # sympy would evaluate the text as Python
    return bool(a.equals(b)) or bool(simplify(a - b) == 0)


def _same_equation(a: Any, b: Any) -> bool:
    return bool(abs(a.lhs - a.rhs).equals(abs(b.lhs - b.rhs)))


def _same_number(a: Any, b: Any) -> bool:
    from sympy import N

    if isinstance(a, str) or isinstance(b, str):
        return False
    return math.isclose(float(N(a)), float(N(b)), rel_tol=1e-4)


def _same_matrix(a: Any, b: Any) -> bool:
    if a.shape != b.shape:
        return False
    return bool(a.applyfunc(lambda cell: round(cell, 3)).equals(b.applyfunc(lambda cell: round(cell, 3))))
