"""An output as its scorer read it: cut at the prompt's stop words, with the answer that was taken from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from rast_eval.inputs.golds import box_content


class Spans(TypedDict):
    """An output in four pieces, which together are the output.

    Attributes:
        answer: empty where the answer does not stand in the output as the scorer put it.
        dropped: what stood behind the first stop word that cut it.
        word: that stop word.
    """

    before: str
    answer: str
    after: str
    dropped: str
    word: str


def split(output: str, stops: Sequence[str], prediction: str) -> Spans:
    """Where a scorer cut an output and where its answer stands.

    Args:
        stops: the prompt's stop words, applied in turn.
        prediction: the extracted answer, normalised; empty where there is none.
    """
    end, last = len(output), ""
    for word in stops:
        at = output.find(word, 0, end)
        # What is at the very start leaves nothing, as the scorers have it.
        if at >= 0:
            end, last = at, word
    kept = output[:end]
    start, length = _answer(kept, prediction)
    return {
        "before": kept[:start],
        "answer": kept[start : start + length],
        "after": kept[start + length :],
        "dropped": output[end:],
        "word": last,
    }


def _answer(kept: str, prediction: str) -> tuple[int, int]:
    """Start and length of the answer: the last box's content, else where the prediction last stands."""
    if not prediction:
        return len(kept), 0
    opened = kept.rfind("boxed{")
    if opened >= 0:
        content = box_content(kept[opened + len("boxed") :])
        at = kept.find(content, opened) if content else -1
        if at >= 0:
            return at, len(content)
    at = kept.rfind(prediction)
    return (at, len(prediction)) if at >= 0 else (len(kept), 0)
