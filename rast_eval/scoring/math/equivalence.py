"""Mathematical equivalence for the `strict` scorer: math-verify, kept from evaluating text and given whole answers.

math-verify finds the answer in an output, reads it by latex2sympy2-extended, and compares numbers, expressions, sets,
intervals with their ends, relations and matrices. Three things are added: answers without any LaTeX delimiters are
read as LaTeX too, mixed numbers in plain text are read, and its expression parser is replaced by one that runs nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rast_eval.inputs.golds import box_content
from rast_eval.scoring.math import tasks
from rast_eval.scoring.math.expression import parse_expression

STRICT = "rast_eval.scoring.math.equivalence:judge"
GROUP_STRICTLY = "rast_eval.scoring.math.equivalence:group"
LOAD_MATH_VERIFY = "rast_eval.scoring.math.equivalence:load"

_DELIMITED = re.compile(r"(?<!\\)\$|\\\(|\\\[|boxed|\\begin\{(?:align|equation)")
_SPACED_NUMBER = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_PERCENTAGE = re.compile(r"-?[\d.,]+ ?\\?%")
_MIXED_NUMBER = re.compile(r"(-?)(\d+)\s+(\d+)/(\d+)")
_BARE_LENGTH = 300


def judge(task: tuple[str, str, Sequence[str]]) -> tuple[str, bool]:
    """(prediction, whether it is right) of (output, gold as the benchmark prints it, where to cut the output)."""
    output, gold, stops = task
    for stop in stops:
        output = output.partition(stop)[0]
    answer = read(output)
    return _text(answer), bool(answer) and _same(output, gold)


def group(answers: Sequence[str]) -> list[int]:
    """Classes of equal answers, see `tasks.group`."""
    return tasks.group(answers, _same)


def load() -> None:
    """Import math-verify and run it once."""
    logging.disable(logging.CRITICAL)
    _math_verify()
    judge((r"\boxed{\frac{1}{2}}", "$0.5$", ()))


@lru_cache(maxsize=1024)
def read(text: str) -> list[Any]:
    """What `text` says, as math-verify gives it: sympy objects and the text they were read from; empty for nothing."""
    boxed = box_content(text.rpartition("boxed")[2])
    if any(form.fullmatch(boxed) for form in (_SPACED_NUMBER, _PERCENTAGE, _MIXED_NUMBER)):
        text = boxed  # inside a box, math-verify reads these as products or comments
    if _DELIMITED.search(text) or len(text) > _BARE_LENGTH or "\n" in text.strip():
        return _parse(text)
    text = text.replace("\\$", "").strip()
    if mixed := _MIXED_NUMBER.fullmatch(text):
        sign, *parts = mixed.groups()
        return _parse(f"${sign}({parts[0]}+\\frac{{{parts[1]}}}{{{parts[2]}}})$")
    return (_SPACED_NUMBER.fullmatch(text) and _parse(text)) or _parse(f"${text}$") or _parse(text)


def _parse(text: str) -> list[Any]:
    parsed: list[Any] = _math_verify().parse(text, parsing_timeout=None)
    return parsed


def _same(output: str, gold: str) -> bool:
    return bool(_math_verify().verify(read(gold), read(output), timeout_seconds=None))


def _text(answer: list[Any]) -> str:
    return next((part for part in reversed(answer) if isinstance(part, str)), str(answer[0]) if answer else "")


def _math_verify() -> Any:
    import math_verify
    from math_verify import parser

    parser.parse_expr = _parse_expr  # in worker processes only; theirs evaluates the text as Python
    return math_verify


def _parse_expr(text: str, evaluate: bool = True) -> Any:
    del evaluate
    return parse_expression(text)
