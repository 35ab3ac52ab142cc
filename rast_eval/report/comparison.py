"""Differences as tables: the arms of a run against each other, and two runs side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rast_eval.report.table import DASH, Table, interval, p_value, percent, with_shared
from rast_eval.results.comparison import AVERAGE, Comparison, RunComparison
from rast_eval.statistics import Difference

DIFFERENCE_NOTE = (
    "Differences in points, paired by problem, [low, high] = the 95 % interval of its test: exact McNemar where every "
    "problem is right or wrong in both, else sign-flip permutation. p Holm = adjusted over the rows of one measure. "
    "detectable = the smallest true difference that 80 of 100 such comparisons would find."
)


def arms_table(rows: Sequence[Comparison]) -> Table | None:
    """RAST against each other arm of its run; None where there is no other.

    Several benchmarks show mean pass@1 only.
    """
    if not rows:
        return None
    several = len({row.benchmark for row in rows}) > 1
    shown = [row for row in rows if row.measure == AVERAGE or not several]
    lines = []
    for row in shown:
        other = f"{row.other.label} ({row.arm.variant} RAST)" if row.arm.variant else row.other.label
        size = f"{row.difference.problems} × {_samples(row)}"
        lines.append((row.benchmark, other, row.measure, size, *_tested(row.difference, row.holm)))
    header = ("benchmark", "RAST minus", "measure", "outputs", "difference", "p", "p Holm", "detectable", "test")
    rest = " metrics.json holds those of pass@k and majority@k." if len(shown) < len(rows) else ""
    table = Table("RAST against the other arms", header, tuple(lines), f"{DIFFERENCE_NOTE}{rest}", keys=3)
    return with_shared(table, ("measure", "outputs", "test"))


def comparison_table(found: RunComparison) -> Table:
    """Two runs, values in percent; under it every setting that differs."""
    lines = []
    for row in found.rows:
        values = (percent(row.value_a), percent(row.value_b))
        size = (str(row.difference.problems), _samples(row))
        lines.append((row.benchmark, row.arm.label, row.measure, *size, *values, *_tested(row.difference, row.holm)))
    header = ("benchmark", "arm", "measure", "N", "n", "A", "B", "A − B", "p", "p Holm", "detectable", "test")
    note = [
        f"N = problems, n = samples a problem; graded by {', '.join(dict.fromkeys(row.scorer for row in found.rows))}.",
        DIFFERENCE_NOTE,
    ]
    differ = "; ".join(f"{name} {a} | {b}" for name, (a, b) in found.settings.items())
    note.append(f"Settings that differ, A | B: {differ}." if differ else "No setting differs.")
    table = Table(f"A = {found.a}, B = {found.b}", header, tuple(lines), "\n".join(note), keys=3)
    return with_shared(table, ("N", "n", "test"))


def _samples(row: Comparison) -> str:
    """`32`, or `32/1` where the sides differ."""
    return "/".join(str(n) for n in dict.fromkeys((row.samples_a, row.samples_b)))


def _tested(d: Difference, holm: float) -> tuple[str, str, str, str, str]:
    """difference with its interval, p, p Holm, detectable, test."""
    return (signed(d).replace(" ", "\n", 1), p_shown(d.p_value), p_shown(holm), _detectable(d.detectable), d.test)


def _detectable(share: float) -> str:
    """No difference is larger than all points: so few outputs would find none."""
    return "> 100" if share > 1.0 else percent(share)


def signed(d: Difference) -> str:
    """`+3.1 [0.2, 6.0]` in points."""
    return f"{100 * d.value:+.1f} {interval(d.low, d.high)}".rstrip()


def p_shown(value: float) -> str:
    """`0.012`, `< 0.001` or a dash."""
    return DASH if math.isnan(value) else p_value(value).removeprefix("= ")
