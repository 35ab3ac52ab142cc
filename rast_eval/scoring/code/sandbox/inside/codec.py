"""Tagged JSON: Python values as data that cannot run anything when read.

JSON null, booleans, numbers, strings and lists stand for themselves; every JSON object has one key, the tag:

    {"t": [...]} tuple            {"s": [...]} set              {"f": [...]} frozenset
    {"d": [[key, value], ...]}    {"c": [real, imag]} complex   {"b": "00ff"} bytes or bytearray
    {"i": "0xff"} huge int        {"q": "1/3"} Fraction         {"n": "1.5"} Decimal
    {"p": [base64, [[index, int], ...]]} a long list of floats: their 8 bytes each, and the ints that stand among them
    {"u": [type, value]} at the top: a subclass of a builtin type, or a numpy scalar, by its plain value
    {"x": type} anything else: equal to nothing

Reading uses the json parser alone (never pickle, marshal or eval). The module runs on both sides of the sandbox and
imports nothing but the standard library.
"""

from __future__ import annotations

import binascii
import json
import math
from array import array
from collections import Counter
from itertools import chain
from typing import Any

MAX_DEPTH = 150
"""Containers nested deeper than this are opaque: no reference answer comes near it."""

PACK_ITEMS = 64
"""Lists of floats from this length on are packed: a tenth of the time of printing each float's shortest form."""

MAX_COLLISIONS = 256
"""Items of one set with the same hash. Those of -1 and -2 are equal, and so are those of tuples that differ in them."""

_PLAIN = frozenset({int, float, str, bool, type(None)})
_NUMBERS = frozenset({int, float})
_to_json = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Opaque:
    """A value that has no data form, e.g. a function: equal to nothing, not even to itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.kind}>"


class Foreign:
    """A value whose exact type is not builtin: compares by its plain value, but is never of the expected type."""

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self.value = value


def encode(value: Any, depth: int = MAX_DEPTH) -> str:
    """`value` as tagged JSON, ASCII; `RecursionError` never: what nests too deep is opaque."""
    kind = type(value)
    try:
        if kind in _PLAIN:
            return _to_json(value)
        if depth <= 0:
            return '{"x":"too deep"}'
        if kind is list:
            return _items(value, depth)
    except ValueError:  # an int with more digits than the interpreter prints
        if kind is not list:
            return '{"i":"' + hex(value) + '"}'
        return "[" + ",".join([encode(item, depth - 1) for item in value]) + "]"
    writer = _WRITERS.get(kind)
    if writer is not None:
        return str(writer(value, depth))
    return _encode_other(value, kind, depth)


def _items(value: Any, depth: int) -> str:
    each = list(map(type, value))
    kinds = set(each)
    if kinds <= _PLAIN:
        packed = float in kinds and len(each) >= PACK_ITEMS and kinds <= _NUMBERS and _packed(value, each)
        return packed or _to_json(value)
    if kinds == {list} and set(map(type, chain.from_iterable(value))) <= _PLAIN:
        return _to_json(value)
    return "[" + ",".join([encode(item, depth - 1) for item in value]) + "]"


def _packed(value: list[Any], kinds: list[type]) -> str:
    """The floats as bytes; empty if they are not all finite (a NaN must stay visible) or many ints are among them."""
    if 8 * kinds.count(int) > len(kinds):
        return ""
    try:
        if not math.isfinite(sum(value)):
            return ""
        floats = binascii.b2a_base64(array("d", value), newline=False).decode()
    except OverflowError:  # an int beyond any float
        return ""
    ints: list[tuple[int, int]] = []
    position = -1
    for _ in range(kinds.count(int)):
        position = kinds.index(int, position + 1)
        ints.append((position, value[position]))
    return f'{{"p":["{floats}",{_to_json(ints)}]}}'


def _unordered(value: Any, depth: int) -> str:
    return "[" + ",".join(sorted([encode(item, depth - 1) for item in value])) + "]"


def _pairs(value: Any, depth: int) -> str:
    items = [f"[{encode(key, depth - 1)},{encode(item, depth - 1)}]" for key, item in dict.items(value)]
    return '{"d":[' + ",".join(items) + "]}"


_WRITERS: dict[type, Any] = {
    tuple: lambda value, depth: '{"t":' + _sequence(value, depth) + "}",
    set: lambda value, depth: '{"s":' + _unordered(value, depth) + "}",
    frozenset: lambda value, depth: '{"f":' + _unordered(value, depth) + "}",
    dict: _pairs,
    complex: lambda value, depth: '{"c":' + _to_json([value.real, value.imag]) + "}",
    bytes: lambda value, depth: '{"b":"' + value.hex() + '"}',
    bytearray: lambda value, depth: '{"b":"' + value.hex() + '"}',
    type({}.keys()): lambda value, depth: '{"s":' + _unordered(value, depth) + "}",
}


def _sequence(value: Any, depth: int) -> str:
    return encode(list(value), depth)


# Base methods, not the object's own: a subclass cannot choose what is read out of it.
_BASES: tuple[tuple[type, Any], ...] = (
    (bool, bool),
    (int, lambda value: int.__add__(value, 0)),
    (float, lambda value: float.__add__(value, 0.0) if value else float.__abs__(value)),
    (str, lambda value: str.__str__(value)),
    (list, lambda value: list(list.__iter__(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
)


def _encode_other(value: Any, kind: type, depth: int) -> str:
    name = _to_json(str(getattr(kind, "__name__", "?"))[:80])
    try:
        mro = type.mro(kind)
        for base, plain in _BASES:
            if base in mro:
                return _foreign(name, encode(plain(value), depth - 1), depth)
        if kind.__module__ == "numpy" and any(parent.__name__ == "generic" for parent in mro):
            return _foreign(name, encode(value.item(), depth - 1), depth)
        if kind.__name__ == "Fraction" and kind.__module__ == "fractions":
            return f'{{"q":"{value.numerator}/{value.denominator}"}}'
        if kind.__name__ == "Decimal":
            return '{"n":' + _to_json(str(value)) + "}"
    except Exception:
        pass
    return '{"x":' + name + "}"


def _foreign(name: str, text: str, depth: int) -> str:
    # Below the top only equality counts, and there a subclass compares like its plain value.
    return '{"u":[' + name + "," + text + "]}" if depth == MAX_DEPTH else text


def decode(text: str | bytes) -> Any:
    """The value that `encode` wrote.

    Raises:
        ValueError, RecursionError: for text that `encode` cannot have written.
    """
    return json.loads(text, object_hook=_untag)


def _untag(tagged: dict[str, Any]) -> Any:
    if len(tagged) != 1:
        raise ValueError("an object with other than one tag")
    ((tag, body),) = tagged.items()
    reader = _READERS.get(tag)
    if reader is None:
        raise ValueError(f"unknown tag {tag[:20]!r}")
    try:
        return reader(body)
    except (TypeError, LookupError, ArithmeticError, AttributeError) as problem:
        raise ValueError(f"malformed {tag}") from problem


def may_hold_nan(text: bytes) -> bool:
    """Whether tagged JSON may hold a NaN, so that equal text does not mean equal values."""
    return text == b"NaN" or b"[NaN" in text or b",NaN" in text


def _unpack(body: Any) -> list[Any]:
    floats = array("d")
    floats.frombytes(binascii.a2b_base64(body[0], strict_mode=True))
    items: list[Any] = floats.tolist()
    for index, item in body[1]:
        items[index] = item
    return items


def _hashed(items: list[Any]) -> list[Any]:
    """`items`, refused where many share one hash, as integers can be made to: a set of them would take hours."""
    if len(items) > MAX_COLLISIONS and max(Counter(map(hash, items)).values()) > MAX_COLLISIONS:
        raise ValueError("many equal hashes")
    return items


def _rational(text: str) -> Any:
    from fractions import Fraction

    return Fraction(*map(int, text.split("/")))


def _decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


_READERS: dict[str, Any] = {
    "t": tuple,
    "s": lambda body: set(_hashed(body)),
    "f": lambda body: frozenset(_hashed(body)),
    "d": lambda body: dict(zip(_hashed([key for key, _ in body]), [item for _, item in body], strict=True)),
    "c": lambda body: complex(float(body[0]), float(body[1])),
    "b": bytes.fromhex,
    "i": lambda body: int(body, 16),
    "p": _unpack,
    "q": _rational,
    "n": _decimal,
    "u": lambda body: Foreign(str(body[0]), body[1]),
    "x": lambda body: Opaque(str(body)),
}
