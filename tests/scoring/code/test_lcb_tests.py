from __future__ import annotations

import base64
import json
import os
import pickle
import zlib

import pytest

from rast_eval.errors import DataError
from rast_eval.scoring.code import lcb_tests
from rast_eval.scoring.code.lcb_tests import decode_private, extract_program, read_tests, same_output, same_value


def pack(value, protocol=None):
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


CASES = [{"input": "1\n2", "output": "3", "testtype": "stdin"}, {"input": "é\ud800", "output": "", "testtype": "stdin"}]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_private_tests_come_back_in_every_pickle_protocol(protocol):
    assert json.loads(decode_private(pack(json.dumps(CASES), protocol))) == CASES


def test_public_come_before_private():
    row = {
        "public_test_cases": json.dumps(CASES[:1]),
        "private_test_cases": pack(json.dumps(CASES[1:])),
        "metadata": "{}",
    }
    cases = read_tests("p", row)
    assert cases.inputs == ("1\n2", "é\ud800")
    assert cases.function is None
    plain = read_tests("p", row | {"private_test_cases": json.dumps(CASES[1:])})
    assert plain == cases


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_a_pickle_that_calls_anything_is_refused_before_the_call(tmp_path):
    target = str(tmp_path / "made")
    for value in (Bomb(target), [Bomb(target)], {"a": Bomb(target)}):
        with pytest.raises(ValueError, match="cannot be decoded"):
            decode_private(pack(value))
    assert not os.path.exists(target)


@pytest.mark.parametrize(
    "field",
    [
        pack(["a list"]),
        pack(b"bytes"),
        pack(json.dumps({"not": "a list"})),
        pack("not json"),
        "no base64!",
        base64.b64encode(b"not compressed").decode(),
        base64.b64encode(zlib.compress(b"not a pickle")).decode(),
        base64.b64encode(zlib.compress(pickle.dumps("cut")[:-3])).decode(),
        base64.b64encode(zlib.compress(b"\x80\x04\x8c\x02os\x8c\x06system\x93.")).decode(),
        base64.b64encode(zlib.compress(b"cos\nsystem\n(S'true'\ntR.")).decode(),
        base64.b64encode(zlib.compress(b"Pid\n.")).decode(),
    ],
)
def test_unreadable_tests_name_the_problem(field):
    with pytest.raises(DataError, match="problem p7"):
        read_tests("p7", {"public_test_cases": "[]", "private_test_cases": field, "metadata": "{}"})


def test_a_compression_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(lcb_tests, "MAX_PRIVATE_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="too large"):
        decode_private(pack("x" * (8 << 20)))


def test_a_row_without_tests_is_refused():
    with pytest.raises(DataError, match="has no tests"):
        read_tests("p", {"public_test_cases": "[]", "metadata": "{}"})
    with pytest.raises(DataError, match="cannot be read"):
        read_tests("p", {"metadata": "{}"})


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\nx = 1\n```", "x = 1"),
        ("a\n```\none\n```\nb\n```py\ntwo\n```\nc", "two"),
        ("```python\nunclosed", ""),
        ("no fence", ""),
        ("```\nfirst\n```\nprose\n```python\nunclosed", "prose"),
        ("  ```python\nindented fence\n  ```", "indented fence"),
        ("````\nfour\n````", "four"),
    ],
)
def test_the_program_lies_between_the_last_two_fences(text, program):
    assert extract_program(text) == program


def test_hostile_output_is_compared_without_error():
    for text in ("9" * 10**6, "1e" + "9" * 1000, "sNaN", "\x00", "1_" * 1000, " " * 10**6, "\n" * 10**5):
        assert not same_output(text, "1")
    assert same_value((1, [2]), [1, [2]])
    assert not same_value([(1,)], [[1]])
