"""LiveCodeBench rows: tests, decoded without trusting them, and the checker's comparison of what was printed."""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import eq
from typing import Any, NoReturn

from rast_eval.errors import DataError

MAX_PRIVATE_BYTES = 2 << 30
"""Private tests that unpack to more than this are refused."""


@dataclass(frozen=True)
class Cases:
    """All tests of one problem, public before private.

    Attributes:
        function: method of `Solution` to call; None for a program that reads stdin.
        inputs, outputs: text as in the row. Functional: one JSON value a line is one argument; a JSON result.
    """

    function: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def arguments(self) -> list[list[Any]]:
        """Functional inputs as argument lists.

        Raises:
            ValueError: a line is no JSON.
        """
        return [[json.loads(line) for line in text.split("\n")] for text in self.inputs]


def read_tests(problem_id: str, row: Mapping[str, Any]) -> Cases:
    """The tests of a row with `public_test_cases`, `private_test_cases` (may be absent) and `metadata`.

    Raises:
        DataError: a column that cannot be read, or no test at all.
    """
    try:
        cases = [*_cases(row["public_test_cases"]), *_cases(row.get("private_test_cases") or "[]")]
        metadata = row.get("metadata") or {}
        facts = json.loads(metadata) if isinstance(metadata, str) else metadata
        function = facts.get("func_name")
        inputs = tuple(str(case["input"]) for case in cases)
        outputs = tuple(str(case["output"]) for case in cases)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise DataError(
            f"The tests of LiveCodeBench problem {problem_id} cannot be read: {problem}.",
            "Fetch test.jsonl … test5.jsonl of livecodebench/code_generation_lite again.",
        ) from problem
    if not inputs:
        raise DataError(f"LiveCodeBench problem {problem_id} has no tests.", "Fetch its file again.")
    return Cases(function, inputs, outputs)


def _cases(field: str | Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if not isinstance(field, str):
        return field
    text = field if field.lstrip().startswith("[") else decode_private(field)
    cases = json.loads(text)
    if not isinstance(cases, list):
        raise ValueError("tests are not a list")
    return cases


def decode_private(field: str) -> str:
    """The JSON text in base64(zlib(pickle(text))), unpickled without ever looking up a name.

    Raises:
        ValueError: anything but a pickled string comes out, or more than `MAX_PRIVATE_BYTES`.
    """
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(field.encode(), validate=True), MAX_PRIVATE_BYTES)
        if inflater.unconsumed_tail:
            raise ValueError("private tests are too large")
        text = _TextUnpickler(io.BytesIO(raw)).load()
    except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, LookupError, TypeError) as problem:
        raise ValueError(f"private tests cannot be decoded ({problem})") from problem
    if not isinstance(text, str):
        raise ValueError("private tests are not a pickled string")
    return text


class _TextUnpickler(pickle.Unpickler):
    """Reads plain data; a pickle that names any class or function is refused before anything is called."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"names {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("refers to outside objects")


def same_output(printed: str, expected: str) -> bool:
    """LiveCodeBench's comparison: stripped lines, equal or equal number by number as exact decimals."""
    printed, expected = printed.strip(), expected.strip()
    # No more is cut out of what was printed than is expected: lists of millions of lines or words take gigabytes.
    return printed.count("\n") == expected.count("\n") and all(
        map(_same_line, printed.split("\n"), expected.split("\n"))
    )


def _same_line(ours: str, theirs: str) -> bool:
    ours, theirs = ours.strip(), theirs.strip()
    if ours == theirs:
        return True
    words = theirs.split()
    printed = ours.split(maxsplit=len(words))
    try:
        return len(printed) == len(words) and all(map(eq, map(Decimal, printed), map(Decimal, words)))
    except ArithmeticError:
        return False


def same_value(returned: Any, expected: Any) -> bool:
    """LiveCodeBench's comparison of a method's result: a tuple counts as a list at the top, then plain equality."""
    if isinstance(returned, tuple):
        returned = list(returned)
    return bool(returned == expected)


def extract_program(text: str) -> str:
    """What lies between the last two lines that hold a code fence; empty with fewer than two."""
    lines = text.split("\n")
    fences = [number for number, line in enumerate(lines) if "```" in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""
