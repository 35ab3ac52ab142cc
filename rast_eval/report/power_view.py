"""What a planned comparison can find, as a table and a sentence."""

from __future__ import annotations

import math

from rast_eval.report.table import DASH, Table, percent
from rast_eval.results.questions import GAP, Question


def power_table(question: Question) -> Table:
    """A row a number of samples; the answer stands first under the table."""
    rows = []
    for effort in question.efforts:
        shown = "∞" if math.isinf(effort.samples) else f"{effort.samples:.0f}"
        needed = "over 10,000,000" if effort.problems is None else f"{effort.problems:,}"
        rows.append((shown, percent(effort.power), percent(effort.smallest), needed))
    points = f"{_points(question.difference)} points"
    header = ("n", f"finds {points}", "finds at least", "problems needed")
    note = "\n".join(
        (
            answer(question),
            f"n = samples a problem of each arm; finds {points} = chance in percent that a paired test at 5 % finds a "
            f"true difference of that size; finds at least = the smallest true difference, in points, found with "
            f"{100 * question.target:g} %; problems needed = for {points} with that chance.",
            f"From {question.source}.",
        )
    )
    title = f"{question.benchmark}, {question.problems} problems: {question.asks} of {points}"
    return Table(title, header, tuple(rows), note)


def answer(question: Question) -> str:
    """Whether the benchmark can answer, in one sentence."""
    points = f"{question.asks} of {_points(question.difference)} points"
    purpose = ", and so bounds a recovery rate," if question.asks == GAP else ""
    if question.samples_needed is not None:
        many = "1 sample" if question.samples_needed == 1 else f"{question.samples_needed} samples"
        return (
            f"{question.benchmark} finds {points}{purpose} with {many} a problem of each arm "
            f"({100 * question.target:g} of 100 times)."
        )
    last = question.efforts[-1]
    floor = percent(last.smallest) if not math.isnan(last.smallest) else DASH
    more = "more than ten million" if last.problems is None else f"{last.problems:,}"
    return (
        f"{question.benchmark} cannot answer: its {question.problems} problems find {floor} points at best, however "
        f"many samples; {points} needs {more} problems at least."
    )


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}".removesuffix(".0")
