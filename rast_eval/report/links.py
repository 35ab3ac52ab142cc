"""What a number of a report counts, and where the viewer lists just that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from rast_eval.report.table import Table
from rast_eval.results.metrics import RunMetrics

PORT = 8421
"""Where the viewer answers unless told otherwise."""

RIGHT = "rk"

COUNTED = {
    "extracted": "n",
    "cut": "ck",
    "right\nthough\ncut": "k",
    "timed\nout": "t",
    "error": "e",
    "disputed": "disputed",
}
"""By a column's title: letters of `view.index.MARKS`, or a filter of the list; other columns count what is right."""


class Counted(NamedTuple):
    """Samples of one arm on one benchmark, by their letters or by a filter."""

    benchmark: str
    arm: str
    marks: str


def counted(metrics: RunMetrics, table: Table, row: Sequence[str], column: int) -> Counted | None:
    """What a cell counts; None where its table names no arm."""
    labels = {name: str(arm) for arm in metrics.arms for name in (arm.label, f"{arm.label}, greedy")}
    named = [labels[first] for cell in row[: table.keys] if (first := cell.partition("\n")[0]) in labels]
    title = table.header[column]
    benchmark = next((name for name in (row[0], title, *metrics.benchmarks[-1:]) if name in metrics.benchmarks), "")
    if not named or table.header[1] == "RAST minus":
        return None
    return Counted(benchmark, named[0], COUNTED.get(title, RIGHT))


def address(found: Counted) -> str:
    """Of the viewer's list of it."""
    marks = found.marks if found.marks == "disputed" else f"{found.arm}:{found.marks}"
    return f"http://127.0.0.1:{PORT}/#{urlencode({'b': found.benchmark, 'f': marks})}"
