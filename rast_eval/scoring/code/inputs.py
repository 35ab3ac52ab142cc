"""MBPP+ arguments as Python values: the JSON rows hold lists where 80 problems take tuples, sets or numbers.

A rule is a small pattern for one call's argument list. `tuples(k)`: every list from level k down to the innermost
rule becomes a tuple; the table says which problem needs which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Arguments = Sequence[Any]
_Rule = Callable[[Arguments], Arguments]


def convert(task_id: str, inputs: Any) -> list[Arguments]:
    """Argument lists of MBPP+ problem `task_id` (`Mbpp/2`); an empty object stands for no inputs."""
    if not inputs:
        return []
    rule = _BY_NUMBER.get(int(task_id.rpartition("/")[2]))
    return [rule(call) if rule else call for call in inputs]


def _each(call: Arguments) -> Arguments:
    """f([1], [2]) → f((1,), (2,))"""
    return [tuple(argument) for argument in call]


def _items(call: Arguments) -> Arguments:
    """f([[1], [2]]) → f([(1,), (2,)])"""
    return [[tuple(item) for item in argument] for argument in call]


def _both(call: Arguments) -> Arguments:
    """f([[1], [2]]) → f(((1,), (2,)))"""
    return [tuple(tuple(item) for item in argument) for argument in call]


def _items_of_first(call: Arguments) -> Arguments:
    """f([[1], [2]], 3) → f([(1,), (2,)], 3)"""
    return [[tuple(item) for item in call[0]], call[1]]


def _first(call: Arguments) -> Arguments:
    """f([1, 2], 3) → f((1, 2), 3)"""
    return [tuple(call[0]), *call[1:]]


def _second(call: Arguments) -> Arguments:
    """f(1, [2, 3]) → f(1, (2, 3))"""
    return [call[0], tuple(call[1])]


def _mixed(call: Arguments) -> Arguments:
    """f([1, [2]]) → f((1, (2,)))"""
    return [tuple(tuple(item) if isinstance(item, list) else item for item in call[0])]


def _sets(call: Arguments) -> Arguments:
    """f([[1], []]) → f([{1}, {}]): an empty list becomes an empty dict, as in the benchmark's own reader"""
    return [[set(item) if isinstance(item, list) and item else {} for item in call[0]]]


def _values(call: Arguments) -> Arguments:
    """f({"a": [1]}, 2) → f({"a": (1,)}, 2)"""
    return [{key: tuple(value) for key, value in call[0].items()}, *call[1:]]


def _deep(value: Any) -> Any:
    """Every list, at every level."""
    return tuple(_deep(item) for item in value) if isinstance(value, list) else value


def _float_complex(call: Arguments) -> Arguments:
    return [float(call[0]), complex(call[1])]


def _complex(call: Arguments) -> Arguments:
    return [complex(call[0])]


_TABLE: Mapping[_Rule, tuple[int, ...]] = {
    _each: (
        *(2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424),
        *(429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
    ),
    _items: (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    _items_of_first: (75, 413, 444, 753),
    _second: (106, 750),
    _sets: (115,),
    _float_complex: (124,),
    _first: (250, 307, 405, 446, 617, 720, 763, 808),
    _both: (259, 401, 445),
    _mixed: (278,),
    _values: (722,),
    _complex: (252,),
    _deep: (580, 615, 791),
}
_BY_NUMBER = {number: rule for rule, numbers in _TABLE.items() for number in numbers}
