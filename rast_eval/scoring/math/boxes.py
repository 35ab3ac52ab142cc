"""Whether an output says which of its numbers is the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rast_eval.types import Grade, Sample

BOXED = "boxed"
"""Key of a grade's details: whether the output holds a box."""

_BOX = re.compile(r"\\f?box(?:ed)?\s*\{")


def has_box(output: str) -> bool:
    r"""Whether `output` holds an opened `\boxed{`, `\fbox{` or `\box{`."""
    return _BOX.search(output) is not None


def with_boxes(samples: Sequence[Sample], grades: Sequence[Grade]) -> list[Grade]:
    """The grades, each saying whether its output holds a box: without one the last number counts as the answer."""
    return [
        replace(grade, details={**grade.details, BOXED: has_box(sample.output)})
        for sample, grade in zip(samples, grades, strict=True)
    ]
