"""SimpleRL's equality of a prediction and a gold answer: a list of rules of which the first decision stands.

Rules that need no algebra come first, and `decide` applies them alone, so that most comparisons never load sympy.
Known false positives (percentages, deleted parentheses, open against closed intervals) belong to the rules.
"""

from __future__ import annotations

import math
import re

from rast_eval.scoring.math.extract import last_option

_BRACKETED = re.compile(r"[(\[].+[)\]]")
_MATRIX = re.compile(r"\\begin\{[pb]matrix\}(.*)\\end\{[pb]matrix\}", re.DOTALL)
_RELATIVE_TOLERANCE = 1e-4


def equal(prediction: str, gold: str) -> bool:
    """Whether `prediction` counts as `gold`; both are normalised answers.

    Takes unbounded time and memory on hostile text: call it in a worker that can be killed.
    """
    decided = decide(prediction, gold)
    if decided is not None:
        return decided
    prediction, gold = prediction.strip(), gold.strip()
    if "pmatrix" in prediction and "pmatrix" not in gold:
        gold = _sets_as_matrices(gold)
    if _BRACKETED.match(prediction) and _BRACKETED.match(gold) and _parts_equal(_inner(prediction), _inner(gold)):
        return True
    if (a := _MATRIX.fullmatch(prediction)) and (b := _MATRIX.fullmatch(gold)) and _matrices_equal(a[1], b[1]):
        return True
    return _equations_equal(prediction, gold)


def decide(prediction: str, gold: str) -> bool | None:
    """What the rules decide that need no algebra; None where they leave the question open."""
    if prediction.strip().lower() == gold.strip().lower():
        return True
    if gold in {"A", "B", "C", "D", "E"} and (last_option(prediction) or prediction.upper()) == gold:
        return True
    numbers = number(prediction), number(gold)
    if numbers[0] is not None and numbers[1] is not None:
        return any(math.isclose(value, numbers[0], rel_tol=_RELATIVE_TOLERANCE) for value in _readings(numbers[1]))
    if not prediction:
        return False
    if "pmatrix" in prediction and "pmatrix" not in gold:
        gold = _sets_as_matrices(gold.strip())
    return _same_without_brackets(prediction.strip(), gold.strip()) or None


def number(text: str) -> float | None:
    """`text` as Python's `float` reads it once commas are gone; `5%` and `5\\%` are 0.05; None if it is no number."""
    text = text.replace(",", "")
    for form, scale in ((text, 1), (text.removesuffix("%").removesuffix("\\") if text.endswith("%") else "", 100)):
        try:
            return float(form) / scale
        except ValueError:
            continue
    return None


def _readings(value: float) -> tuple[float, float, float]:
    """A gold number as a fraction, as it stands and as a percentage: a prediction may be any of them."""
    return value / 100, value, value * 100


def _same_without_brackets(prediction: str, gold: str) -> bool:
    square = prediction.startswith("[") and prediction.endswith("]") and not gold.startswith("(")
    if square or (prediction.startswith("(") and prediction.endswith(")") and not gold.startswith("[")):
        prediction, gold = prediction.strip("[]()"), gold.strip("[]()")
    brackets = str.maketrans("", "", "{}()")
    return prediction.translate(brackets).lower() == gold.translate(brackets).lower()


def _inner(text: str) -> list[str]:
    return text[1:-1].split(",")


def _parts_equal(predictions: list[str], golds: list[str]) -> bool:
    return len(predictions) == len(golds) and all(map(equal, predictions, golds))


def _rows(matrix: str) -> list[list[str]]:
    return [row.split("&") for row in map(str.strip, matrix.split("\\\\")) if row]


def _matrices_equal(prediction: str, gold: str) -> bool:
    rows, gold_rows = _rows(prediction), _rows(gold)
    return len(rows) == len(gold_rows) and all(
        _parts_equal([cell.strip() for cell in row], [cell.strip() for cell in gold_row])
        for row, gold_row in zip(rows, gold_rows, strict=True)
    )


def _sets_as_matrices(gold: str) -> str:
    """`{1,2}` → a pmatrix of its entries, one to a single backslash, for a prediction written as a matrix."""
    sets = re.findall(r"\{.*,.*\}", gold)
    entries = (found.strip("{}").replace(",", "\\") for found in sets)
    return ", ".join(f"\\begin{{pmatrix}}{entry}\\end{{pmatrix}}" for entry in entries)


def _equations_equal(prediction: str, gold: str) -> bool:
    from rast_eval.scoring.math.symbolic import symbolic_equal

    sides, gold_sides = prediction.split("="), gold.split("=")
    if len(sides) == len(gold_sides) == 2:
        difference, gold_difference = _difference(sides), _difference(gold_sides)
        if symbolic_equal(difference, gold_difference) or symbolic_equal(f"-({difference})", gold_difference):
            return True
    elif len(sides) == 2 and len(sides[0].strip()) <= 2 and len(gold_sides) == 1:
        if equal(sides[1], gold):
            return True
    elif (
        len(gold_sides) == 2
        and len(gold_sides[0].strip()) <= 2
        and len(sides) == 1
        and equal(prediction, gold_sides[1])
    ):
        return True
    return symbolic_equal(prediction, gold)


def _difference(sides: list[str]) -> str:
    return f"{sides[0].strip()} - ({sides[1].strip()})"
