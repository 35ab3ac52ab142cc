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

from rast_eval.scoring.math.expression import parse_expression
from rast_eval.scoring.math.extract import box_content

STRICT = "rast_eval.scoring.math.equivalence:judge"
GROUP_STRICTLY = "rast_eval.scoring.math.equivalence:group"
LOAD_MATH_VERIFY = "rast_eval.scoring.math.equivalence:load"

_END_TOKENS = ("</s>", "<|im_end|>", "<|endoftext|>")
_DELIMITED = re.compile(r"(?<!\\)\$|\\\(|\\\[|boxed|\\begin\{(?:align|equation)")
_SPACED_NUMBER = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_PERCENTAGE = re.compile(r"-?[\d.,]+ ?\\?%")
_MIXED_NUMBER = re.compile(r"(-?)(\d+)\s+(\d+)/(\d+)")
_BARE_LENGTH = 300


def judge(task: Sequence[str]) -> tuple[str, bool]:
    """(prediction, verdict) of (output, gold): the gold as the benchmark prints it, the output as the model wrote it.

    Unlike the `simplerl` rules it cuts an output at end tokens only, never at ordinary words.
    """
    output, gold = task
    for token in _END_TOKENS:
        output = output.partition(token)[0]
    answer = read(output)
    return _text(answer), bool(answer) and _same(gold, output)


def group(outputs: Sequence[str]) -> list[int]:
    """Class of each answer: that of the first earlier class whose first member it equals, else a new one."""
    firsts: list[str] = []
    classes = []
    for output in outputs:
        found = next((number for number, first in enumerate(firsts) if _same(first, output)), len(firsts))
        if found == len(firsts):
            firsts.append(output)
        classes.append(found)
    return classes


def load() -> None:
    """Import math-verify and run it once."""
    logging.disable(logging.CRITICAL)
    _math_verify()
    judge((r"\boxed{\frac{1}{2}}", "$0.5$"))


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


def _same(gold: str, output: str) -> bool:
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
