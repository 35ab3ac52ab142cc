"""Two runs side by side, as a table."""

from __future__ import annotations

import math

from rast_eval.report.table import DASH, Table, interval, p_value, percent
from rast_eval.results.comparison import Comparison
from rast_eval.results.reader import Run
from rast_eval.types import Arm

NOTE = (
    "difference = A − B in points, paired by problem, [low, high] = its 95 % interval. p = exact McNemar (one sample a "
    "problem) or sign-flip permutation; p Holm = adjusted for the benchmarks of the arm. "
    "detectable = the smallest true difference that 80 of 100 such comparisons would find."
)


def comparison_table(a: Run, b: Run, rows: list[Comparison]) -> Table:
    """The comparison as a table of strings, values in percent."""
    lines = []
    for row in rows:
        d = row.difference
        bounds = interval(d.low, d.high)
        lines.append(
            (
                row.benchmark,
                Arm(row.arm).label,
                percent(row.accuracy_a),
                percent(row.accuracy_b),
                f"{100 * d.value:+.1f} {bounds}".rstrip(),
                _p(d.p_value),
                _p(row.holm),
                percent(d.detectable),
            )
        )
    header = ("benchmark", "arm", "A", "B", "difference", "p", "p Holm", "detectable")
    return Table(f"A = {a.name}, B = {b.name}", header, tuple(lines), NOTE, keys=2)


def _p(value: float) -> str:
    return DASH if math.isnan(value) else p_value(value).removeprefix("= ")
