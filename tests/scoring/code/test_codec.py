from __future__ import annotations

import enum
import json
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rast_eval.scoring.code.sandbox.inside.codec import PACK_ITEMS, Foreign, Opaque, decode, encode, may_hold_nan

ATOMS = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
SCALARS = ATOMS | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.sets(HASHABLE) | st.dictionaries(HASHABLE, inner),
    max_leaves=20,
)


def same(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_every_value_comes_back_with_its_types(value):
    text = encode(value)
    assert text.isascii()
    json.loads(text)
    assert same(decode(text), value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers() | st.text(), unique=True))
def test_equal_sets_are_equal_text(items):
    forth, back = set(), set()
    forth.update(items)
    back.update(items[::-1])
    assert encode(forth) == encode(back)


LONG = st.lists(st.floats() | st.integers(), min_size=PACK_ITEMS, max_size=2 * PACK_ITEMS)
FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=PACK_ITEMS, max_size=2 * PACK_ITEMS)


@settings(max_examples=100, deadline=None)
@given(
    LONG | FLOATS | st.tuples(st.integers(), FLOATS).map(lambda pair: [pair[0], *pair[1]]),
    st.sampled_from([list, tuple]),
)
def test_long_lists_of_numbers_come_back_bit_for_bit(numbers, kind):
    found = decode(encode(kind(numbers)))
    assert type(found) is kind
    assert [(type(item), repr(item)) for item in found] == [(type(item), repr(item)) for item in numbers]


def test_long_lists_of_floats_are_packed_unless_that_could_hide_something():
    floats = [0.1 * number for number in range(PACK_ITEMS)]
    for packed in (floats, [1, *floats, -(2**60)], [*floats, -0.0, 5e-324]):
        assert encode(packed).startswith('{"p":["')
        assert encode(tuple(packed)).startswith('{"t":{"p":["')
    ints = list(range(PACK_ITEMS))
    for plain in (floats[1:], [True, *floats], [10**400, *floats], [float("nan"), *floats], floats + ints, ints):
        assert encode(plain).startswith("[")


def test_a_nan_is_seen_in_text():
    nan = float("nan")
    for value in (nan, [nan], (1, nan), {"a": [nan]}, complex(0, nan), np.float64("nan"), [0.5] * PACK_ITEMS + [nan]):
        assert may_hold_nan(encode(value).encode())
    for value in ("NaN", ["NaN"], {"NaN": 1}, [0.5] * 1000):
        assert not may_hold_nan(encode(value).encode())


Pair = namedtuple("Pair", "a b")
Colour = enum.IntEnum("Colour", "RED")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("aa"), {"a": 2}),
        (OrderedDict(a=1), {"a": 1}),
        (Pair(1, 2), (1, 2)),
        (Colour.RED, 1),
        (np.int64(5), 5),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_subclasses_keep_their_value_but_not_their_type(value, plain):
    top = decode(encode(value))
    assert isinstance(top, Foreign)
    assert top.value == plain
    assert type(top.value) is type(plain)
    assert same(decode(encode([value])), [plain])


def test_numbers_beyond_the_ordinary():
    assert decode(encode(Fraction(1, 3))) == Fraction(1, 3)
    assert decode(encode(Decimal("1.50"))) == Decimal("1.5")
    assert decode(encode(-(10**6000))) == -(10**6000)
    assert decode(encode([10**6000, 1])) == [10**6000, 1]
    assert str(decode(encode([float("nan"), float("inf"), -0.0]))) == "[nan, inf, -0.0]"


def test_what_has_no_data_form_equals_nothing():
    loop: list = []
    loop.append(loop)
    deep: list = []
    for _ in range(10**5):
        deep = [deep]
    for value in (object(), len, int, iter([]), range(3), deque([1]), np.array([1, 2]), ..., NotImplemented, json):
        found = decode(encode(value))
        assert isinstance(found, Opaque)
        assert found != found
    for value in (loop, deep):
        assert decode(encode(value)) != value


class Liar(int):
    def __eq__(self, other):
        return True

    def __int__(self):
        return 42

    __index__ = __repr__ = __str__ = __add__ = __int__
    __hash__ = int.__hash__


def test_a_subclass_cannot_choose_what_is_read():
    assert decode(encode(Liar(7))).value == 7
    assert decode(encode([Liar(7)])) == [7]


FORGED = (
    "1" * 5000,
    "[1",
    "",
    "{}",
    '{"z":1}',
    '{"t":1}',
    '{"t":[1],"s":[2]}',
    '{"s":[[1]]}',
    '{"d":[[1]]}',
    '{"d":[[[],1]]}',
)
FORGED += (
    '{"c":[1]}',
    '{"b":"xyz"}',
    '{"b":5}',
    '{"i":"x"}',
    '{"i":5}',
    '{"q":"1/0"}',
    '{"q":"x"}',
    '{"q":5}',
    '{"n":"x"}',
)
FORGED += ('{"p":5}', '{"p":["AAAA",[]]}', '{"p":["?",[]]}', '{"p":["",[[0,1]]]}', '{"p":["",[1]]}', '{"p":[1,[]]}')
FORGED += ('{"u":5}', '{"u":[]}', '{"u":{"t":[]}}', '{"f":[{"d":[]}]}', '{"c":[{"x":1},1]}', '{"n":[]}')


@pytest.mark.parametrize("text", FORGED)
def test_forged_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        decode(text)


def test_forged_nesting_is_refused():
    with pytest.raises((ValueError, RecursionError)):
        decode("[" * 100_000)
