"""What the workers of the math scorers run: the only code that touches a model's text during grading."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rast_eval.scoring.math.compare import decide, equal
from rast_eval.scoring.math.extract import choose_letters, predict, truncate
from rast_eval.scoring.math.normalize import normalize_gold

READ = "rast_eval.scoring.math.tasks:read"
ALGEBRA = "rast_eval.scoring.math.tasks:algebra"
GROUP_CHEAPLY = "rast_eval.scoring.math.tasks:group_cheaply"
LOAD_PARSERS = "rast_eval.scoring.math.latex:load"


def read(task: tuple[str, str, bool, Sequence[str]]) -> tuple[str, bool | None, str]:
    """(prediction, whether it is right, gold) of (output, printed gold, whether units stay, stops).

    Prediction and gold are normalised; nothing is predicted in an empty output. Whether it is right is None where the
    rules without algebra leave it open.
    """
    output, printed, keep_units, stops = task
    gold = normalize_gold(printed, keep_units)
    text = truncate(output, stops)
    prediction = predict(text, keep_units)
    if prediction is None:
        return "", False, gold
    prediction = choose_letters(prediction, gold, text)
    return prediction, decide(prediction, gold), gold


def algebra(task: tuple[str, Sequence[str]]) -> bool | list[int]:
    """What needs the parsers: equality for `("compare", (prediction, gold))`, classes for `("group", predictions)`."""
    kind, texts = task
    return equal(*texts) if kind == "compare" else group(texts, equal)


def group_cheaply(predictions: Sequence[str]) -> tuple[list[int], bool]:
    """Classes by the rules without algebra, and whether these decided every pair they met."""
    complete = True

    def same(prediction: str, first: str) -> bool:
        nonlocal complete
        decided = decide(prediction, first)
        complete = complete and decided is not None
        return bool(decided)

    return group(predictions, same), complete


def group(predictions: Sequence[str], same: Callable[[str, str], bool]) -> list[int]:
    """Class of each prediction: that of the first earlier class whose first member it equals, else a new one."""
    firsts: list[str] = []
    classes = []
    for prediction in predictions:
        found = next((number for number, first in enumerate(firsts) if same(prediction, first)), len(firsts))
        if found == len(firsts):
            firsts.append(prediction)
        classes.append(found)
    return classes
