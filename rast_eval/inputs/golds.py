r"""From a benchmark's own columns to the answer it prints, by the rule that its YAML names.

    gold: boxed            the last \boxed{…} of a solution
    gold: after-hashes     what follows the one ####
    gold: first            the first entry of a list
    gold: plain            the column as it stands: a text or a number

A column that lacks the mark its rule looks for counts as it stands, after one that has it: so a copy of the rows that
carries the bare answer in another column reads alike. Nothing is normalised here; each scorer does that its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rast_eval.errors import DataError


def box_content(tail: str) -> str:
    """Content of a box, given what follows the word `boxed`: to the matching brace, or to a `$` without braces."""
    if not tail.startswith("{"):
        return tail.split("$", 1)[0].strip()
    depth = 0
    for brace in re.finditer(r"[{}]", tail):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return tail[1 : brace.start()]
    return tail[1:]


def tidy(answer: str) -> str:
    """An answer cut out of a text: on one line, without a colon before it or a full stop or slash after it."""
    return re.sub(r"\n\s*", "", answer).removeprefix(":").removesuffix(".").removesuffix("/")


def _boxed(text: str) -> str:
    content = tidy(box_content(text.rpartition("boxed")[2]))
    # A formula that is broken in two inside its box: what leaves math mode there enters it again.
    return content if content.startswith("$") else re.sub(r"\$\s*\$", " ", content)


def _after_hashes(text: str) -> str:
    if text.count("####") > 1:
        raise DataError("An answer holds `####` more than once.", "Leave the one before the final answer.")
    return text.partition("####")[2].strip()


@dataclass(frozen=True)
class Rule:
    """How an answer is taken from a column.

    Attributes:
        mark: what a text holds to which `take` applies; the empty mark is in every text.
        lists: whether the first entry of a list counts.
    """

    mark: str
    take: Callable[[str], str]
    lists: bool = False


RULES: Mapping[str, Rule] = {
    "plain": Rule("", str),
    "first": Rule("", str, lists=True),
    "boxed": Rule("boxed", _boxed),
    "after-hashes": Rule("####", _after_hashes),
}


def gold_from(values: Sequence[Any], rule: str) -> str:
    """The answer in the first of `values` that holds the rule's mark; the last value as it stands where none does.

    Raises:
        DataError: there is no value, or one that is no text or number (for `first`: nor a list of them).
    """
    if not values:
        raise DataError("There is no answer.", "Give one column that holds it.")
    found = RULES[rule]
    texts = [_text(value, found.lists) for value in values]
    marked = next((text for text in texts if found.mark in text), None)
    return texts[-1] if marked is None else found.take(marked)


def gold_of_any(value: Any) -> str:
    """The answer in a value of unknown origin: after the one `####`, else in the last box, else as it stands.

    Raises:
        DataError: it is an object.
    """
    text = _text(value, lists=True)
    rule = "after-hashes" if text.count("####") == 1 else "boxed"
    return gold_from([text], rule)


def _text(value: Any, lists: bool) -> str:
    if lists and isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else ""
    if isinstance(value, Mapping | list | tuple):
        kind = "an object" if isinstance(value, Mapping) else "a list"
        raise DataError(f"The answer is {kind}.", "`gold: first` takes a list's first entry.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 27.0 in one copy of the rows is 27 in another
    return "" if value is None else str(value)
