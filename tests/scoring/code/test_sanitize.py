from __future__ import annotations

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rast_eval.scoring.code.sanitize import longest_code, sanitize

LINES = [
    "def f(x):",
    "    return x",
    "    y = (",
    ")",
    "x = 1",
    "",
    "   ",
    "Here is the code:",
    "Hope",
    '"""',
    "if x:",
    "    pass",
    "else:",
    "@wraps",
    "class A:",
    "```python",
    "# note",
    "    # indented note",
    "x = [1,",
    "2]",
    "\\",
    "'",
]


def by_every_pair(text: str) -> str:
    """The definition, taken at its word."""
    lines = text.split("\n")
    best, most = (0, 0), 0
    for i in range(len(lines)):
        for j in range(i + 1, len(lines)):
            try:
                ast.parse("\n".join(lines[i : j + 1]))
            except (SyntaxError, MemoryError, ValueError):
                continue
            count = sum(1 for line in lines[i : j + 1] if line.strip())
            if count > most:
                best, most = (i, j), count
    return "\n".join(lines[best[0] : best[1] + 1])


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=9).map("\n".join))
@example("\\\n\n")
@example("x = 1 \\\n\n\n")
def test_the_short_search_finds_what_the_long_one_finds(text):
    assert longest_code(text) == by_every_pair(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Sure!\n```python\nimport os\n\ndef f(x):\n    return g(x)\n\ndef g(x):\n    return x\n```\nDone.",
         "import os\ndef f(x):\n    return g(x)\ndef g(x):\n    return x"),
        ("def f(x):\n    return x\n\ndef unused():\n    return 1\n\nprint(f(1))", "def f(x):\n    return x"),
        ("def show():\n    print(1)\n\ndef f(x):\n    show()\n    return x", "def f(x):\n    show()\n    return x"),
        ("def pairs(x):\n    yield x\n\ndef f(x):\n    return list(pairs(x))",
         "def pairs(x):\n    yield x\ndef f(x):\n    return list(pairs(x))"),
        ("def f(x):\n    return 1\n\ndef f(x):\n    return 2", "def f(x):\n    return 1"),
        ("N = 1\nN = 2\ndef f(x):\n    return N", "N = 1\ndef f(x):\n    return N"),
        ("A, B = 1, 2\ndef f(x):\n    return A", "def f(x):\n    return A"),
        ("LIMIT: int = 5\ndef f(x):\n    return LIMIT", "LIMIT: int = 5\ndef f(x):\n    return LIMIT"),
        ("from __future__ import division\nimport re\ndef f(x):\n    return x", "import re\ndef f(x):\n    return x"),
        ("@cache\ndef g(x):\n    return x\ndef f(x):\n    return g(x)", "def f(x):\n    return g(x)"),
        ("class Node:\n    pass\ndef f(x):\n    return Node()", "class Node:\n    pass\ndef f(x):\n    return Node()"),
        ("é = 1; ü = 2\ndef f(x):\n    return 'é' + str(ü)", "ü = 2\ndef f(x):\n    return 'é' + str(ü)"),
        ("print(1)\nprint(2)", "print(1)\nprint(2)"),
        ("I cannot do this.\nSorry.", "I cannot do this."),
        ("", ""),
    ],
)  # fmt: skip
def test_what_the_entry_point_needs_is_kept(text, wanted):
    assert sanitize(text, "f") == wanted


HOSTILE = [
    "(" * 100_000,
    "-" * 100_000 + "1",
    "a" + ".b" * 50_000,
    "1" + "+1" * 50_000,
    "\x00\nx",
    "x = " + "[" * 5000 + "]" * 5000,
    "if 1:\n" * 200,
    "\n".join(" " * i + "if 1:" for i in range(200)),
    "\n" * 5000,
    "lambda: " * 20_000 + "1",
    "\ud800 = 1\n1",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text[:9]) for text in HOSTILE])
def test_no_text_breaks_it(text):
    assert isinstance(sanitize(text, "f"), str)
