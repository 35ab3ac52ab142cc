"""Judging outputs: math answers and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rast_eval.errors import UnknownName

if TYPE_CHECKING:
    from rast_eval.types import Scorer

SCORERS = ("simplerl", "strict", "evalplus", "livecodebench")


def get_scorer(name: str, **options: Any) -> Scorer:
    """The scorer called `name`; its libraries are imported when it first needs them.

    Args:
        options: passed to the scorer, e.g. `cpu_seconds` of the math scorers, `unsafe` of the code scorers.

    Raises:
        UnknownName: no scorer has this name.
    """
    if name == "simplerl":
        from rast_eval.scoring.math.simplerl import SimpleRLScorer

        return SimpleRLScorer(**options)
    if name == "evalplus":
        from rast_eval.scoring.code.evalplus import EvalPlus

        return EvalPlus(**options)
    if name == "livecodebench":
        from rast_eval.scoring.code.livecodebench import LiveCodeBench

        return LiveCodeBench(**options)
    if name == "strict":
        from rast_eval.scoring.math.strict import StrictScorer

        return StrictScorer(**options)
    raise UnknownName("scorer", name, SCORERS)
