"""SimpleRL's answer normalisation: what is left of an answer before two are compared.

The order of the steps is part of the rules: several undo, or feed on, what an earlier one did, and the whole is
not idempotent. Predictions are normalised exactly twice. Every step is linear in the length of the text, also on
text that was written to make a backtracking pattern explode.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

_RELATIONS = (("\\neq", "\\ne"), ("\\leq", "\\le"), ("\\geq", "\\ge"))
_ASSIGNMENTS = tuple(f"{name}{sign}" for sign in ("=", "\\in", "\\to") for name in "xyz")
_MARKS = ("^{\\circ}", "^\\circ", "\\$", "$", "\\(", "\\)")


def strip(text: str, keep_units: bool = False) -> str:
    """One pass of the normalisation.

    Args:
        text: an extracted answer, or a gold answer.
        keep_units: leave unit words in place, as for minerva_math, whose answers carry units.
    """
    text = _strip_layout(text)
    if not keep_units:
        for _ in range(2):
            for unit in _units():
                text = unit.remove_from(text) or text
    text = _delete(text, _MARKS)
    text = _unwrap(_number_words(text), "\\text{")
    text = _delete(text, _ASSIGNMENTS)
    text = text.replace("\\emptyset", "{}").replace("(-\\infty,\\infty)", "\\mathbb{R}")
    text = _delete(text, ("\\%", "%"))
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = text.replace("infinity", "\\infty")
    if "\\infty" not in text:
        text = text.replace("inf", "\\infty")
    text = _unwrap(_delete(text, ("and", "\\mathbf")), "\\mbox{", keep=False)
    if "j" in text and "i" not in text:
        text = text.replace("j", "i")
    text = re.sub(r"(?<=\d)\.0*(\D)", r"\1", text)
    text = re.sub(r"(?<=\d)\.0*$", "", text)
    return _strip_form(text) if text else text


@lru_cache(maxsize=4096)
def normalize_gold(printed: str, keep_units: bool = False) -> str:
    """The reference answer in the form in which predictions are compared with it.

    Plain digits stay as they are (`025`); dollar signs around the answer go; an answer with units is normalised once,
    others three times.
    """
    text = re.sub(r"^\$+|(?<!\\)\$+$", "", printed)
    if text.isdigit():
        return text
    if keep_units:
        return shorten_relations(strip(text, keep_units=True))
    return strip(strip(strip(text)))


def shorten_relations(text: str) -> str:
    r"""`\neq`, `\leq`, `\geq` → `\ne`, `\le`, `\ge`."""
    for long, short in _RELATIONS:
        text = text.replace(long, short)
    return text


def _strip_layout(text: str) -> str:
    text = _delete(text.strip().replace("\n", "").rstrip("."), ("\\!",))
    text = re.sub(r"\\begin\{array\}\{[^}]*\}", r"\\begin{pmatrix}", text)
    text = text.replace("\\end{array}", "\\end{pmatrix}").replace("bmatrix", "pmatrix")
    text = text.replace("tfrac", "frac").replace("dfrac", "frac")
    text = _delete(shorten_relations(text), ("\\left", "\\right"))
    text = text.replace("\\{", "{").replace("\\}", "}")
    head, unit, tail = text.partition("\\text{")
    return head.strip() or text if unit and tail.endswith("}") else text


def _strip_form(text: str) -> str:
    if text[0] == ".":
        text = "0" + text
    if text.count("=") == 1:
        left, right = text.split("=")
        text = right if len(left) <= 2 else text
    text = re.sub(r"\\sqrt(\w+)", r"\\sqrt{\1}", text).replace(" ", "")
    return _slash_to_frac(_brace_fracs(text))


class _Unit:
    """A unit word that is deleted where no word character touches it; a dot in it stands for any character."""

    def __init__(self, text: str) -> None:
        self._literal = max(text.split("."), key=len)
        self._pattern = re.compile(rf"(^|\W){text}($|\W)")

    def remove_from(self, text: str) -> str:
        return self._pattern.sub(r"\1\2", text) if self._literal in text else text


@cache
def _units() -> tuple[_Unit, ...]:
    listed = Path(__file__).with_name("units.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return tuple(_Unit(name) for name in [*listed, *(name + "s" for name in listed)])


def _delete(text: str, needles: tuple[str, ...]) -> str:
    for needle in needles:
        text = text.replace(needle, "")
    return text


def _number_words(text: str) -> str:
    """`twenty two` → `22`, `009` → `9`; a text without a number word, or with contradicting ones, is left alone."""
    from word2number.w2n import american_number_system, word_to_num

    lowered = text.replace("-", " ").lower()
    if not lowered.isdigit() and not any(word in american_number_system for word in lowered.split()):
        return text
    try:
        return str(word_to_num(text))
    except (ValueError, IndexError, TypeError):
        return text


def _unwrap(text: str, opening: str, keep: bool = True) -> str:
    """Replace `opening`…`}` by its content, or by nothing; an opening without an end stays."""
    pieces = []
    position = 0
    while (start := text.find(opening, position)) >= 0 and (end := text.find("}", start)) >= 0:
        pieces.append(text[position:start])
        if keep:
            pieces.append(text[start + len(opening) : end])
        position = end + 1
    return "".join([*pieces, text[position:]])


def _brace_fracs(text: str) -> str:
    r"""`\frac12` → `\frac{1}{2}`, `\frac1{72}` → `\frac{1}{72}`; a `\frac` cut short leaves the whole text alone."""
    head, *tails = text.split("\\frac")
    pieces = [head]
    for tail in tails:
        if not tail.startswith("{"):
            if len(tail) < 2:
                return text
            tail = f"{{{tail[0]}}}{tail[1:]}" if tail[1] == "{" else f"{{{tail[0]}}}{{{tail[1]}}}{tail[2:]}"
        pieces.append(tail)
    return "\\frac".join(pieces)


def _slash_to_frac(text: str) -> str:
    r"""`3/4` → `\frac{3}{4}` where both sides are plain integers or hold a root."""
    if text.count("/") != 1:
        return text
    sides = text.split("/")
    if not all("sqrt" in side or _is_plain_integer(side) for side in sides):
        return text
    return "\\frac{{{}}}{{{}}}".format(*sides)


def _is_plain_integer(text: str) -> bool:
    try:
        return str(int(text)) == text
    except ValueError:
        return False
