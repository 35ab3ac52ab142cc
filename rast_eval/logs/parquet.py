"""A run as one table: a row a sample, with its question, gold and grade; pandas, polars and duckdb read it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from rast_eval.logs.finished import FinishedCell

FILE = "samples.parquet"


def write(cells: Iterable[FinishedCell], folder: Path) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """All cells in one file."""
    import pandas as pd
    import pyarrow  # noqa: F401 - pandas would say in a paragraph that it is missing

    rows = [
        {
            "arm": cell.arm,
            "system": cell.model,
            "benchmark": cell.benchmark,
            "problem_id": one.problem.id,
            "sample": one.index,
            "question": one.problem.question,
            "gold": one.problem.gold,
            "output": one.output,
            "prediction": one.grade["prediction"],
            "correct": one.grade["correct"],
            "status": one.grade["status"],
            "vote": one.grade["vote"],
            "scorer": cell.scorer,
            "num_tokens": one.tokens,
            "finish_reason": one.finish,
        }
        for cell in cells
        for _, problem in cell.problems()
        for one in problem
    ]
    table = pd.DataFrame(rows).astype({"vote": "Int64", "num_tokens": "Int64"})
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    yield folder / FILE, iter([stream.getvalue()])
