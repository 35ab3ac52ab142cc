"""A report's tables for the viewer: a cell says what it counts, so that it can filter the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rast_eval.report import run_tables
from rast_eval.report.links import counted
from rast_eval.report.table import Table
from rast_eval.results.metrics import RunMetrics


def report_tables(metrics: RunMetrics) -> list[dict[str, Any]]:
    """Scores by arm and benchmark, then the report's further tables.

    A cell is `{"text", "counts"}`, the latter a `report.links.Counted` or None.
    """
    return [_table(metrics, table) for table in (run_tables.list_table(metrics), *run_tables.detail_tables(metrics))]


def _table(metrics: RunMetrics, table: Table) -> dict[str, Any]:
    def cells(row: Sequence[str]) -> list[dict[str, Any]]:
        found = [(cell, counted(metrics, table, row, i)) for i, cell in enumerate(row)]
        return [{"text": cell, "counts": counts and counts._asdict()} for cell, counts in found]

    facts = {"run": metrics.run, "title": table.title, "header": table.header, "keys": table.keys, "note": table.note}
    return {**facts, "rows": [cells(row) for row in table.rows]}
