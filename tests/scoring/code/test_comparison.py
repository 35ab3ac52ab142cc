"""The comparison beside the run gives the same answer for any pieces, whether it goes by bytes or by outputs."""

from __future__ import annotations

import pytest

from rast_eval.scoring.code.comparison import StreamComparison
from rast_eval.scoring.code.truth import Truth

EXPECTED = (b"1", b'"two"', b"[3]")


@pytest.fixture
def truth(tmp_path):
    body = b"".join(b"=" + text + b"\n" for text in EXPECTED)
    path = tmp_path / "truth"
    path.write_bytes(b"head\n[[1]]" + body)
    return Truth(path, 10, 5, tuple(map(len, EXPECTED)), (0.0,) * 3, None, nan=False)


def compared(truth, stream, size, verbatim, accepts):
    with open(truth.path, "rb") as file:
        comparison = StreamComparison(truth, file, accepts, verbatim, most=1000)
        for at in range(0, len(stream), size):
            if not comparison.consume(stream[at : at + size]):
                break
        return comparison.passed, comparison.wrong, comparison.errors


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b'=1\n="two"\n=[3]\n', (3, False, [])),
        (b'=1\n="two"\n=[3]', (2, False, [])),
        (b"", (0, False, [])),
        (b'=1\n="tw1"\n=[3]\n', (1, True, [])),
        (b"=2\n", (0, True, [])),
        (b'=1\n="TWO"\n=[3]\n', (3, False, [])),
        (b'=1\n="TWO"\n=[4]\n', (2, True, [])),
        (b'=1\n="two"\n!KeyError\n', (2, False, ["KeyError"])),
        (b'=1\n="two"\n=[3]\n=4\n', (3, True, [])),
        (b'=1\n="two"\n=[3]\nrest', (3, False, [])),
        (b'=1\n="two"\n\n=[3]\n', (2, False, [])),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("verbatim", [True, False])
def test_any_pieces_either_way(truth, stream, found, size, verbatim):
    def accepts(index, output, expected):
        assert expected == EXPECTED[index]
        return output.lower() == expected

    assert compared(truth, stream, size, verbatim, accepts) == found


def test_equal_bytes_are_not_enough_where_the_rule_must_be_asked(truth):
    stream = b'=1\n="two"\n=[3]\n'
    assert compared(truth, stream, 100, False, lambda index, *_: index == 0) == (1, True, [])
    assert compared(truth, stream, 100, True, lambda *_: False) == (3, False, [])


def test_inputs_are_kept_beside_the_outputs(truth):
    assert truth.inputs() == b"[[1]]"
