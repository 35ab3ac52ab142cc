"""Whether what a program returned is what EvalPlus accepts: equality, tolerance for floats, and the special tasks.

Runs outside the sandbox on decoded data. Values are compared as EvalPlus compares the objects themselves, except that
an object can no longer answer for its own equality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rast_eval.scoring.code.sandbox.inside.codec import Foreign, decode, may_hold_nan

SET_TASKS = frozenset(
    {
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    }
)
"""MBPP+ functions whose answers are compared as sets: Mbpp/2, 7, 111, 140, 232, 249, 579, 769."""

NOT_NONE_TASKS = frozenset({"check_str", "text_match_three", "text_starta_endb"})
"""MBPP+ functions of which only "is it None" counts, unless they return a bool."""

RTOL = 1e-7
FLOAT_ATOL = 1e-6
"""Tolerance once an expected output was a float, or a non-empty list or tuple of floats."""


def longest(size: int) -> int:
    """Bytes beyond which an output cannot equal `size` expected ones: `{"c":[1.0,0.0]},` may stand for `1,`."""
    return 8 * size + (1 << 16)


def comparable(output: bytes, expected: bytes) -> bool:
    """Whether `output` can be right by its length and its number of items; if not, it should not be read.

    Small text makes large objects, most of all empty containers. What equals `expected` has as many items, but for a
    list of floats that only one side has packed; escapes and digits that print differently may make it longer.
    """
    if len(output) > longest(len(expected)):
        return False
    return _items(output) <= _items(expected) + len(expected) // 8 + (1 << 16)


def _items(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def is_floats(expected: Any) -> bool:
    """A float, or a non-empty list or tuple of floats."""
    if isinstance(expected, (list, tuple)) and expected:
        return all(isinstance(item, float) for item in expected)
    return isinstance(expected, float)


@dataclass(frozen=True)
class Oracle:
    """The acceptance rule of one problem.

    Attributes:
        benchmark: `humaneval_plus` or `mbpp_plus`.
        entry_point: the function's name; the special tasks go by it.
        atol: the problem's own absolute tolerance, 0 for none.
        first_float: index of the first expected output that `is_floats`; the tolerance holds from there on.
    """

    benchmark: str
    entry_point: str
    atol: float
    first_float: int | None

    @property
    def root_counts(self) -> bool:
        """HumanEval/32: what is returned must be a root of the polynomial, whatever the reference found."""
        return self.benchmark == "humaneval_plus" and self.entry_point == "find_zero"

    def accepts(self, index: int, arguments: Sequence[Any], output: bytes, expected: bytes) -> bool:
        """Whether `output` (tagged JSON) is right for call `index`, for which the reference returned `expected`."""
        if output == expected and not self.root_counts and not may_hold_nan(expected):
            return True  # the usual case, without reading either
        try:
            return self._judge(index, arguments, decode(output), decode(expected))
        except Exception:  # whatever forged data provoke, they are wrong
            return False

    def _judge(self, index: int, arguments: Sequence[Any], output: Any, expected: Any) -> bool:
        value = output.value if isinstance(output, Foreign) else output
        if isinstance(expected, Foreign):  # e.g. a Counter
            same_type = isinstance(output, Foreign) and output.kind == expected.kind
            expected = expected.value
        else:
            same_type = type(output) is type(expected)
        if self.root_counts:
            return bool(abs(_polynomial(arguments[0], value)) <= self.atol)
        equal = bool(value == expected)
        if self.benchmark == "mbpp_plus":
            equal = self._special(arguments, value, expected, equal)
        past_float = self.first_float is not None and index >= self.first_float
        atol = self.atol or (FLOAT_ATOL if past_float else 0)
        return equal or (atol != 0 and same_type and _close(value, expected, atol))

    def _special(self, arguments: Sequence[Any], value: Any, expected: Any, equal: bool) -> bool:
        name = self.entry_point
        if name == "are_equivalent":
            return True
        if name == "sum_div":
            return equal or bool(value == 0)
        if name == "surface_Area":
            return equal or bool(abs(value - _pyramid_surface(*arguments)) <= self.atol)
        if name == "digit_distance_nums":
            return equal or bool(value == _padded_digit_distance(*arguments))
        if name in NOT_NONE_TASKS:
            present = expected if isinstance(expected, bool) else expected is not None
            return bool(value == present) if isinstance(value, bool) else present == (value is not None)
        return equal


def _close(value: Any, expected: Any, atol: float) -> bool:
    import numpy as np

    return _same_shape(value, expected) and bool(np.allclose(value, expected, rtol=RTOL, atol=atol))


def _same_shape(value: Any, expected: Any) -> bool:
    """Whether both are numbers, or lists or tuples of the same shape.

    numpy would stretch one to the other's shape: `[[]]` would be close to any `[x]`, and n lists of one number to n
    numbers would fill n² cells; n strings fill cells as wide as the longest.
    """
    if isinstance(expected, (list, tuple)):
        same = isinstance(value, (list, tuple)) and len(value) == len(expected)
        return same and all(map(_same_shape, value, expected))
    return isinstance(value, (int, float, complex)) and isinstance(expected, (int, float, complex))


def _polynomial(factors: Sequence[float], x: float) -> float:
    return sum(factor * math.pow(x, power) for power, factor in enumerate(factors))


def _pyramid_surface(base: float, height: float) -> int:
    """Square pyramid of perpendicular height `height`; the reference reads it as the slant height (Mbpp/581)."""
    slant = math.sqrt((base / 2) ** 2 + height**2)
    return round(base**2 + 4 * (base * slant) / 2)


def _padded_digit_distance(first: int, second: int) -> int:
    """Sum of digit differences after padding with zeros to one length (Mbpp/558)."""
    left, right = str(first), str(second)
    width = max(len(left), len(right))
    return sum(abs(int(a) - int(b)) for a, b in zip(left.zfill(width), right.zfill(width), strict=True))
