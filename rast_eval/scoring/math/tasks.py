"""What the workers of the math scorers run: the only code that touches a model's text during grading."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rast_eval.scoring.math.compare import decide, equal
from rast_eval.scoring.math.extract import choose_letters, predict, truncate

READ = "rast_eval.scoring.math.tasks:read"
ALGEBRA = "rast_eval.scoring.math.tasks:algebra"
GROUP_CHEAPLY = "rast_eval.scoring.math.tasks:group_cheaply"
LOAD_PARSERS = "rast_eval.scoring.math.latex:load"


def read(task: Sequence[str]) -> tuple[str | None, bool | None]:
    """(prediction, verdict) of (output, gold, benchmark, prompt); no prediction for an empty output.

    The verdict is None where the rules without algebra leave it open.
    """
    output, gold, benchmark, prompt = task
    prediction = predict(output, benchmark, prompt)
    if prediction is None:
        return None, False
    prediction = choose_letters(prediction, gold, truncate(output, prompt))
    return prediction, decide(prediction, gold)


def algebra(task: tuple[str, Sequence[str]]) -> bool | list[int]:
    """What needs the parsers: a verdict for `("compare", (prediction, gold))`, classes for `("group", predictions)`.

    The class of a prediction is that of the first earlier class whose first member it equals, else a new one.
    """
    kind, texts = task
    return equal(*texts) if kind == "compare" else _group(texts, equal)


def group_cheaply(predictions: Sequence[str]) -> tuple[list[int], bool]:
    """Classes by the rules without algebra, and whether these decided every pair they met."""
    complete = True

    def same(prediction: str, first: str) -> bool:
        nonlocal complete
        verdict = decide(prediction, first)
        complete = complete and verdict is not None
        return bool(verdict)

    return _group(predictions, same), complete


def _group(predictions: Sequence[str], same: Callable[[str, str], bool]) -> list[int]:
    firsts: list[str] = []
    classes = []
    for prediction in predictions:
        found = next((number for number, first in enumerate(firsts) if same(prediction, first)), len(firsts))
        if found == len(firsts):
            firsts.append(prediction)
        classes.append(found)
    return classes
