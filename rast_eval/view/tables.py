"""A report's tables for the viewer: every cell says which problems it counts, as a filter of the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rast_eval.report import run_tables
from rast_eval.report.table import Table
from rast_eval.results.metrics import RunMetrics

COUNTED = {
    "extracted": "n",
    "cut": "ck",
    "right\nthough\ncut": "k",
    "timed\nout": "t",
    "error": "e",
    "disputed": "disputed",
}
"""Columns of a report that count samples of a letter, or problems of a filter; others count what is right."""


def report_tables(metrics: RunMetrics) -> list[dict[str, Any]]:
    """Scores by arm and benchmark, then the report's further tables whose rows name both.

    A cell is `{"text", "filter"}`; the filter is `{"benchmark", "arm", "marks"}`, `marks` letters or `disputed`.
    """
    further = [table for table in run_tables.detail_tables(metrics) if table.header[:2] == ("benchmark", "arm")]
    return [_scores(metrics), *(_table(metrics, table) for table in further)]


def _scores(metrics: RunMetrics) -> dict[str, Any]:
    table = run_tables.list_table(metrics)
    rows = [row for row in table.rows if row[0] in metrics.benchmarks]
    return _table(metrics, Table(table.title, table.header, tuple(rows), table.note, keys=2))


def _table(metrics: RunMetrics, table: Table) -> dict[str, Any]:
    arms = {arm.label: str(arm) for arm in metrics.arms}

    def cells(row: Sequence[str]) -> list[dict[str, Any]]:
        arm = next((name for label, name in arms.items() if row[1] in (label, f"{label}, greedy")), "")
        return [
            {"text": cell, "filter": {"benchmark": row[0], "arm": arm, "marks": COUNTED.get(name, "rk")}}
            for name, cell in zip(table.header, row, strict=True)
        ]

    return {
        "run": metrics.run,
        "title": table.title,
        "header": table.header,
        "keys": table.keys,
        "rows": [cells(row) for row in table.rows],
        "note": table.note,
    }
