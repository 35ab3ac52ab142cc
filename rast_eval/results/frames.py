"""Results as pandas DataFrames; pandas is loaded when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rast_eval.results.metrics import RunMetrics
from rast_eval.statistics import Estimate, Recovery

if TYPE_CHECKING:
    from pandas import DataFrame

FIGURE_COLUMNS = ("value", "low", "high", "se", "seeds_se", "method", "note")


def frame(metrics: RunMetrics) -> DataFrame:
    """One row a figure (tidy form): what it is of, its name, k where it has one, value and interval; fractions."""
    import pandas as pd

    rows = []
    for cell in metrics.cells:
        labels = ("benchmark", "arm", "system", "prompt", "decoding", "max_tokens", "scorer", "problems", "samples")
        named = {"run": metrics.run, **{label: getattr(cell, label) for label in labels}}
        figures: list[tuple[str, int | None, Estimate | Recovery | float]] = [("accuracy", None, cell.accuracy)]
        figures += [("pass", k, estimate) for k, estimate in cell.pass_at.items()]
        figures += [("majority", k, estimate) for k, estimate in cell.majority_at.items()]
        figures += [("recovery", None, cell.recovery)] if cell.recovery else []
        figures += [(name, None, share) for name, share in vars(cell.shares).items()]
        for metric, k, figure in [*figures, ("mean_tokens", None, cell.mean_tokens)]:
            parts = {"value": figure} if isinstance(figure, float) else vars(figure)
            rows.append({**named, "metric": metric, "k": k, **{key: parts.get(key) for key in FIGURE_COLUMNS}})
    return pd.DataFrame(rows).astype({"k": "Int64"})
