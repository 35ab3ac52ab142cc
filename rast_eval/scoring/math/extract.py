"""From a model's text to its answer: truncation at stop words, then the first extraction rule that applies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rast_eval.inputs.golds import box_content, tidy
from rast_eval.scoring.math.normalize import strip

_OPTIONS = frozenset("ABCDE")


def truncate(output: str, stops: Sequence[str]) -> str:
    """Cut `output` at the first occurrence of each of `stops` in turn."""
    text = output.strip()
    for word in stops:
        text = text.partition(word)[0].strip()
    return text


def extract(text: str, keep_units: bool = False) -> str:
    """The answer in `text`, normalised once; `""` where there is none.

    Args:
        text: a truncated model output.
        keep_units: see `normalize.strip`.
    """
    return strip(tidy(_find(text.replace("ки", ""))), keep_units)


def predict(text: str, keep_units: bool = False) -> str | None:
    """Prediction in a truncated output, normalised twice; None where nothing was said."""
    if text in {"", "error"}:
        return None
    return strip(extract(text, keep_units), keep_units)


def choose_letters(prediction: str, gold: str, text: str) -> str:
    """Reduce a prediction to option letters where the gold consists of them.

    A gold without any character counts as consisting of letters: the normalisation empties one MATH-500 gold, and
    SimpleRL then accepts every answer without a capital A to E.

    Args:
        text: the truncated output, in which a single letter is looked for.
    """
    if gold in _OPTIONS:
        return prediction if prediction in _OPTIONS else last_option(re.split("choice is|answer is", text)[-1])
    if set(gold) <= _OPTIONS and not (prediction and set(prediction) <= _OPTIONS):
        return "".join(letter for letter in prediction if letter in _OPTIONS)
    return prediction


def last_option(text: str) -> str:
    """Last letter A to E, in either case, that stands alone as a word; `""` without one."""
    letters = re.findall(r"\b[ABCDE]\b", text.upper())
    return letters[-1] if letters else ""


def _find(text: str) -> str:
    if "final answer is $" in text and "$. I hope" in text:
        return text.split("final answer is $", 1)[1].split("$. I hope", 1)[0].strip()
    if "boxed" in text:
        return box_content(text.rsplit("boxed", 1)[1])
    for phrase in ("he answer is", "final answer is"):
        if phrase in text:
            return text.rsplit(phrase, 1)[1].strip()
    if "答案是" in text:
        return text.split("答案是")[1].strip().split("\n\n", 1)[0].strip()
    numbers = re.findall(r"-?\d*\.?\d+", text.replace(",", ""))
    return numbers[-1] if numbers else ""
