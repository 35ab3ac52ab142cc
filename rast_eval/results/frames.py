"""Results as pandas DataFrames; pandas is loaded when one is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rast_eval.results.metrics import RunMetrics

if TYPE_CHECKING:
    from pandas import DataFrame

FIGURE_COLUMNS = (
    *("value", "low", "high", "se", "seeds_se", "seeds_low", "seeds_high", "method", "note"),
    *("p_value", "p_holm", "detectable", "test"),
)

CELL_COLUMNS = (
    *("benchmark", "arm", "system", "prompt", "decoding", "max_tokens", "scorer"),
    *("problems", "samples", "problem_count", "total"),
)


def frame(metrics: RunMetrics) -> DataFrame:
    """One row a figure (tidy form): what it is of, its name, k where it has one, value and interval; fractions.

    Every figure that a report shows: of each arm; RAST minus each other arm, as `Avg. minus base`; means over
    benchmarks, as of the benchmark `average`. What the report warns of is the note of a row `warning`.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []

    def add(of: Mapping[str, Any], metric: str, figure: Any, k: int | None = None) -> None:
        parts = vars(figure) if hasattr(figure, "__dict__") else {"value": figure}
        of = {"run": metrics.run, **{label: of.get(label) for label in CELL_COLUMNS}}
        rows.append({**of, "metric": metric, "k": k, **{key: parts.get(key) for key in FIGURE_COLUMNS}})

    for cell in metrics.cells:
        add(vars(cell), "accuracy", cell.accuracy)
        for metric, estimates in (("pass", cell.pass_at), ("majority", cell.majority_at)):
            for k, estimate in estimates.items():
                add(vars(cell), metric, estimate, k)
        if cell.recovery:
            add(vars(cell), "recovery", cell.recovery)
        read = vars(cell.readings) if cell.readings else {}
        shown = {**vars(cell.shares), **{f"reading_{name}": value for name, value in read.items()}}
        shown |= {f"passes_{name}": share for name, share in cell.criteria.items()}
        for metric, value in {**shown, "mean_tokens": cell.mean_tokens}.items():
            add(vars(cell), metric, value)
    for row in metrics.differences:
        add(
            {**vars(row), "problems": row.difference.problems, "samples": row.samples_a},
            f"{row.measure} minus {row.other}",
            SimpleNamespace(**vars(row.difference), p_holm=row.holm),
        )
    for ran in metrics.arms if len(metrics.benchmarks) > 1 else ():
        scores = [cell.accuracy.value for cell in metrics.cells if cell.arm == ran]
        if len(scores) == len(metrics.benchmarks):
            add({"benchmark": "average", "arm": ran}, "accuracy", math.fsum(scores) / len(scores))
    for arm, recovery in metrics.average_recovery.items():
        add({"benchmark": "average", "arm": arm}, "recovery", recovery)
    for warning in metrics.warnings:
        add({}, "warning", SimpleNamespace(note=warning))
    counts = dict.fromkeys(("k", "max_tokens", "problems", "samples", "problem_count", "total"), "Int64")
    return pd.DataFrame(rows).astype(counts)
