"""Expected outputs are computed once, found again by content, and never taken from half a file."""

from __future__ import annotations

import pytest

from rast_eval.scoring.code.sandbox.inside import codec
from rast_eval.scoring.code.truth import Reference

CODE = "def f(x):\n    return x / 2"


def reference(calls=((1,), (2,)), code=CODE, as_set=False, source=None):
    return Reference(code, "f", as_set, source or [list(call) for call in calls], lambda: calls)


def body(truth):
    return truth.path.read_bytes()[truth.offset :]


def test_outputs_are_kept_with_their_inputs(sandbox):
    assert reference().load() is None
    made = reference().compute(sandbox)
    found = reference().load()
    assert found == made
    assert body(found) == b"=0.5\n=1.0\n"
    assert found.sizes == (3, 3)
    assert codec.decode(found.inputs()) == [[1], [2]]
    assert (found.first_float, found.nan, found.reason) == (0, False, "")
    assert all(seconds >= 0 for seconds in found.seconds)


def test_another_content_is_another_file():
    other = [reference(((1,),)), reference(code=CODE + "\n"), reference(as_set=True), reference(source=["Mbpp/2", []])]
    assert len({made.path for made in (reference(), *other)}) == 5


def test_arguments_are_made_only_where_the_cache_has_nothing(sandbox):
    reference(((7,),)).compute(sandbox)

    def never():
        raise AssertionError("was asked for")

    assert Reference(CODE, "f", False, [[7]], never).load().sizes == (3,)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"{}\n" + data,
        lambda data: data[:-2] + bytes([data[-2] ^ 1]) + data[-1:],  # in an expected output
        lambda data: data.replace(b"[[8]]", b"[[9]]"),  # in the inputs
        lambda data: data.replace(b'"nan": false', b'"nan": true '),
    ],
)
def test_a_damaged_file_counts_as_none_and_is_made_anew(sandbox, damage):
    made = reference(((8,),)).compute(sandbox)
    whole = made.path.read_bytes()
    assert damage(whole) != whole
    made.path.write_bytes(damage(whole))
    assert reference(((8,),)).load() is None
    again = reference(((8,),)).compute(sandbox)
    assert again == reference(((8,),)).load()
    assert (again.inputs(), body(again)) == (b"[[8]]", body(made))


def test_a_file_that_others_may_be_reading_is_left_alone(sandbox):
    first = reference(((9,),)).compute(sandbox)
    before = first.path.stat()
    assert reference(((9,),)).compute(sandbox) == first
    assert first.path.stat().st_ino == before.st_ino


def test_a_nan_among_the_outputs_is_noted(sandbox):
    assert reference(((1.0,), (float("nan"),))).compute(sandbox).nan


def test_a_reference_that_fails_leaves_its_reason(sandbox):
    broken = reference(((1,), ("a",), (2,)))
    assert broken.compute(sandbox).reason == "the reference solution fails with TypeError on input 1"
    found = broken.load()
    assert (found.sizes, found.seconds, body(found)) == ((), (), b"")


def test_a_reference_that_returns_too_much_says_so(sandbox, monkeypatch):
    monkeypatch.setattr("rast_eval.scoring.code.truth.MAX_FRAME", 1000)
    long = reference(((1,), (2,)), code="def f(x):\n    return 'x' * 999 * (x - 1)")
    assert long.compute(sandbox).reason == "the reference solution returns too much on input 1"
