"""Response length in tokens (C.2, Table 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rast_eval import statistics
from rast_eval.report.table import Table, percent
from rast_eval.results.reader import Run, iter_samples
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

NOTE = (
    "Generated tokens an output by the base's tokenizer, the end token not counted: mean over problems and samples, "
    "± = half of the 95 % interval over problems. cut = ended by the token limit, so its length is a lower bound."
)


@dataclass(frozen=True)
class Length:
    """Lengths of one cell in tokens.

    Attributes:
        quantiles: 10 %, 50 % and 90 % of all outputs.
        cut: share of outputs that the token limit ended.
    """

    arm: str
    benchmark: str
    mean: Estimate
    quantiles: tuple[float, float, float]
    cut: float
    outputs: int


def measure_lengths(run: Run) -> list[Length]:
    """Lengths of every cell that has samples."""
    rows = []
    for cell in run.cells:
        by_problem: dict[str, list[int]] = {}
        cut = 0
        for sample in iter_samples(run, cell):
            by_problem.setdefault(str(sample["problem_id"]), []).append(int(sample["num_tokens"]))
            cut += sample["finish_reason"] == "length"
        if not by_problem:
            continue
        lengths = np.concatenate([np.asarray(x, dtype=np.float64) for x in by_problem.values()])
        low, median, high = np.quantile(lengths, [0.1, 0.5, 0.9]).tolist()
        mean = statistics.mean_estimate([float(np.mean(x)) for x in by_problem.values()])
        rows.append(Length(cell.arm, cell.benchmark, mean, (low, median, high), cut / lengths.size, lengths.size))
    return rows


def length_table(title: str, rows: Iterable[Length]) -> Table:
    """A row an arm and benchmark."""
    lines = []
    for row in rows:
        spread = "" if row.mean.method == "undefined" else f" ± {row.mean.half_width:.1f}"
        quantiles = (f"{q:.0f}" for q in row.quantiles)
        shown = (f"{row.mean.value:.1f}{spread}", *quantiles, percent(row.cut))
        lines.append((row.benchmark, Arm(row.arm).label, *shown))
    header = ("benchmark", "arm", "tokens", "10 %", "median", "90 %", "cut, %")
    return Table(title, header, tuple(lines), NOTE, keys=2)
