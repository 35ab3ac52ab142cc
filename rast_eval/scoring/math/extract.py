"""From a model's text to its answer: truncation at stop words, then the first extraction rule that applies."""

from __future__ import annotations

import re

from rast_eval.scoring.math.normalize import strip

UNIT_BENCHMARKS = frozenset({"minerva", "minerva_math"})
"""Benchmarks whose answers keep their units."""

_END_TOKENS = ("</s>", "<|im_end|>", "<|endoftext|>")
_CHAT_WORDS = ("assistant", "user", "_end", "_start")
_PROMPT_STOPS = {"abel": ("Question:", "Answer:")}
_OPTIONS = frozenset("ABCDE")


def stop_words(prompt: str) -> tuple[str, ...]:
    """Stop words of a prompt template, in the order in which they are applied.

    SimpleRL cuts at the chat words under every template whose name holds `qwen`; the RAST tables were made under
    such a one, so they are the rule here, and the template that replaces them is named.
    """
    return _END_TOKENS + _PROMPT_STOPS.get(prompt, _CHAT_WORDS)


def truncate(output: str, prompt: str = "qwen-boxed", prompt_text: str = "") -> str:
    """Cut `output` at the first occurrence of each stop word in turn; keep what follows a repeated prompt.

    Args:
        output: the generated text.
        prompt: name of the prompt template.
        prompt_text: the rendered prompt, where a repetition of it in `output` shall be dropped.
    """
    text = (output.rsplit(prompt_text, 1)[-1] if prompt_text else output).strip()
    for word in stop_words(prompt):
        text = text.partition(word)[0].strip()
    return text


def extract(text: str, keep_units: bool = False) -> str:
    """The answer in `text`, normalised once; `""` where there is none.

    Args:
        text: a truncated model output or a reference solution.
        keep_units: see `normalize.strip`.
    """
    answer = re.sub(r"\n\s*", "", _find(text.replace("ки", "")))
    return strip(answer.removeprefix(":").removesuffix(".").removesuffix("/"), keep_units)


def predict(output: str, benchmark: str, prompt: str = "qwen-boxed", prompt_text: str = "") -> str | None:
    """Prediction of one output: truncated, extracted, normalised twice; None for an empty output."""
    text = truncate(output, prompt, prompt_text)
    if text in {"", "error"}:
        return None
    keep_units = benchmark in UNIT_BENCHMARKS
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
