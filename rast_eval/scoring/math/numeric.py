"""Values of sympy expressions at one fixed point, to tell unequal ones apart without simplifying them.

Two expressions that differ at one point are not identically equal, whatever a simplification would try for seconds.
The converse does not hold: equal values decide nothing about expressions with symbols.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
from mpmath import mp
from sympy.core.function import AppliedUndef

_DIGITS = 50
_LARGEST = mpmath.mpf(10) ** 300
_MARGIN = 2e-4
_TOLERANCE = 1e-4

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mp, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")},
    **{name: getattr(mp, name) for name in ("asin", "acos", "atan", "acot", "asec", "acsc", "asinh", "acosh", "atanh")},
    **{name: getattr(mp, name) for name in ("exp", "log", "factorial", "binomial", "gamma", "floor", "conjugate")},
    "Abs": abs,
    "ceiling": mp.ceil,
    "re": mp.re,
    "im": mp.im,
}


class Value(NamedTuple):
    """A number, and whether the expression is a constant (no symbols, no unknown functions)."""

    number: Any
    constant: bool


def evaluate(expression: Any) -> Value | None:
    """Value with 50 digits at the fixed point; None where it is undefined, too large or not covered here."""
    with mp.workdps(_DIGITS):
        try:
            walker = _Walker()
            number = walker.value(expression)
            if not mp.isfinite(number) or abs(number) > _LARGEST:
                return None
        except (ArithmeticError, ValueError, TypeError, RecursionError, KeyError, AttributeError):
            return None
        return Value(number, walker.constant)


def compare(a: Value, b: Value) -> bool | None:
    """Whether two expressions are equal as far as their values decide it.

    Unequal by a margin: False. Constants within the scoring rules' tolerance: True. Else None.
    """
    with mp.workdps(_DIGITS):
        distance, scale = abs(a.number - b.number), max(abs(a.number), abs(b.number))
        if distance > _MARGIN * scale:
            return False
        real = isinstance(a.number, mpmath.mpf) and isinstance(b.number, mpmath.mpf)
        if a.constant and b.constant and real and distance < 0.9 * _TOLERANCE * scale:
            return True
        return None


class _Walker:
    """Walks one expression. Symbols and unknown functions get values that depend on their names only."""

    def __init__(self) -> None:
        self.constant = True

    def value(self, node: Any) -> Any:
        if node.is_Number:
            return self._number(node)
        if node.is_Symbol:
            self.constant = False
            return _pseudo_random(node.name)
        if node.is_Add:
            return mp.fsum([self.value(part) for part in node.args])
        if node.is_Mul:
            return mp.fprod([self.value(part) for part in node.args])
        if node.is_Pow:
            return self._power(*map(self.value, node.args))
        return self._call(node)

    def _number(self, node: Any) -> Any:
        if node.is_Rational:
            return mp.mpf(node.p) / node.q
        if node.is_Float:
            return mp.mpf(node._mpf_)
        raise ValueError(node)

    def _power(self, base: Any, exponent: Any) -> Any:
        if abs(exponent) > 10**5 or abs(base) > _LARGEST:
            raise OverflowError
        return mp.power(base, exponent)

    def _call(self, node: Any) -> Any:
        name = type(node).__name__
        if not node.args:
            return {"ImaginaryUnit": mp.j, "Pi": mp.pi(), "Exp1": mp.e()}[name]
        arguments = [self.value(argument) for argument in node.args]
        if isinstance(node, AppliedUndef):
            self.constant = False
            return _pseudo_random(name, *arguments)
        if any(abs(argument) > 10**6 for argument in arguments):
            raise OverflowError
        return _FUNCTIONS[name](*arguments)


def _pseudo_random(name: str, *arguments: Any) -> Any:
    """A number in (0.5, 2.5); arguments that agree to 25 digits give the same one."""
    seed = "|".join([name, *(mp.nstr(argument, 25) for argument in arguments)])
    return mp.mpf(zlib.crc32(seed.encode("utf-8", "surrogatepass"))) / 2**31 + mp.mpf(1) / 2
