"""The `letter` scorer: the option that an output of a multiple-choice question names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rast_eval.scoring.math.base import markup_stops
from rast_eval.scoring.math.boxes import has_box
from rast_eval.types import Grade, Sample

_LETTER = r"(?:\\text\w*\{)?[\s(*$]*([A-Z])(?![A-Za-z0-9'])"
_BOX = re.compile(r"\\f?box(?:ed)?\s*\{\s*" + _LETTER)
_SAID = re.compile(r"(?i:\banswer\b(?:\s+is)?)[\s:*$]{0,6}" + _LETTER)


class LetterScorer:
    r"""Right where the last box, else the last "answer is" or "Answer:", names the gold's letter; nothing is guessed.

    Of a sample's stops it heeds those that are markup, as `strict` does.

    Args:
        votes: whether grades carry their letter as the class for majority@k.
    """

    name = "letter"
    version = "1"
    judges = "letters"
    options = ()
    has_votes = True

    def __init__(self, votes: bool = True) -> None:
        self._votes = votes

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """One grade a sample, in their order."""
        return [self._judge(sample) for sample in samples]

    def _judge(self, sample: Sample) -> Grade:
        output = sample.output
        for stop in markup_stops(sample):
            output = output.partition(stop)[0]
        found = (_BOX if has_box(output) else _SAID).findall(output)
        letter = found[-1] if found else ""
        vote = ord(letter) - ord("A") if letter and self._votes else None
        right = letter == sample.problem.gold
        return Grade(sample.problem.id, sample.index, letter, right, "ok" if letter else "no_answer", vote)
