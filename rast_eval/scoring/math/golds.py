"""Gold answers of the math benchmarks, from the columns of the published files and of their copies on the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rast_eval.errors import DataError
from rast_eval.scoring.math.extract import UNIT_BENCHMARKS, extract
from rast_eval.scoring.math.normalize import shorten_relations, strip
from rast_eval.types import Problem

_SOLUTION_BENCHMARKS = frozenset({"math500"}) | UNIT_BENCHMARKS
"""Their gold is the last box of `solution`; copies on the hub without that column carry `answer`."""


def gold_of(benchmark: str, row: Mapping[str, Any]) -> str:
    """Normalised gold answer of one benchmark row, as SimpleRL derives it.

    Args:
        benchmark: canonical name.
        row: the row's columns; only those of the reference answer are read.

    Raises:
        DataError: the row has none of the columns that hold the benchmark's answer.
    """
    columns = ("final_answer", "answer") if benchmark == "olympiadbench" else ("answer",)
    if benchmark in _SOLUTION_BENCHMARKS and "boxed" in str(row.get("solution") or ""):
        columns = ("solution",)
    for column in columns:
        if row.get(column) is not None:
            return gold_from_raw(benchmark, row[column])
    raise DataError(
        f"A {benchmark} row has no column {' or '.join(map(repr, columns))}.",
        "Check the file against the benchmark's published columns.",
    )


def gold_from_raw(benchmark: str | None, raw: Any) -> str:
    """Normalised gold from the one field of the benchmark that holds it.

    Args:
        benchmark: canonical name; None for the general rule, which is MATH-500's.
        raw: a solution, an answer, a number, or a list of which the first entry counts.

    Raises:
        DataError: gsm8k's field holds `####` more than once.
    """
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        raw = raw[0] if raw else ""
    text = "" if raw is None else str(raw)
    if benchmark == "gsm8k" and "####" in text:
        if text.count("####") != 1:
            raise DataError("A gsm8k answer holds `####` more than once.", "Give the final answer alone as `gold`.")
        text = text.split("####")[1]
    elif benchmark == "olympiadbench":
        text = text.strip("$")
    elif (benchmark is None or benchmark in _SOLUTION_BENCHMARKS) and "boxed" in text:
        text = extract(text, benchmark in UNIT_BENCHMARKS)
        return shorten_relations(text) if benchmark in UNIT_BENCHMARKS else strip(strip(text))
    return normalize_gold(benchmark, text)


def printed_gold(problem: Problem) -> str:
    """Reference answer as the benchmark prints it, for scorers that do their own reading.

    Read from the problem's metadata: the benchmark's columns, or `gold` / `gold_raw`; the normalised gold otherwise.
    """
    row = problem.metadata
    given = next(
        (row[name] for name in ("gold", "gold_raw", "final_answer", "answer") if row.get(name) is not None), None
    )
    if given is None or (row.get("gold") is None and problem.benchmark in _SOLUTION_BENCHMARKS):
        given = row.get("solution") or given
    if isinstance(given, Sequence) and not isinstance(given, str):
        given = given[0] if given else ""
    text = problem.gold if given is None else str(given)
    if problem.benchmark == "gsm8k":
        text = text.rpartition("####")[2].strip()
    return text


def normalize_gold(benchmark: str | None, answer: str) -> str:
    """Normalised form of an answer that is given as such; plain digits stay as they are (`025`)."""
    if answer.isdigit():
        return answer
    if benchmark in UNIT_BENCHMARKS:
        return shorten_relations(strip(answer, keep_units=True))
    return strip(strip(strip(answer)))
