"""A run beside the published row that it repeats: is the paper's value inside our interval?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rast_eval import statistics
from rast_eval.errors import UsageError
from rast_eval.inputs.models import known_pairs
from rast_eval.paper import published
from rast_eval.paper.published import Printed
from rast_eval.report.table import DASH, Table, interval, percent
from rast_eval.results.cell_metrics import CellMetrics
from rast_eval.results.metrics import RunMetrics
from rast_eval.results.reader import Run, load_grades
from rast_eval.statistics import Recovery
from rast_eval.types import Arm, ModelRef

NOTE = (
    "Values in percent; [low, high] = our 95 % interval. inside = some value that rounds to the paper's lies in our "
    "interval. The paper gives no intervals, so `outside` speaks of our uncertainty alone."
)


@dataclass(frozen=True)
class Beside:
    """One figure of ours and the paper's; percent.

    Attributes:
        figure: `Avg.` or `RR.`.
        inside: whether the paper's value, rounding allowed for, lies in our interval; None without an interval.
        note: what limits the comparison.
    """

    benchmark: str
    arm: Arm
    figure: str
    ours: float
    low: float
    high: float
    paper: float
    inside: bool | None
    note: str = ""


def identify(run: Run) -> tuple[str, str]:
    """Sizes (base, delta) of a run as Table 1 names them; delta is empty without arm `rast`.

    Raises:
        UsageError: the paper has no row for these models.
    """
    base = delta = ""
    for cell in run.cells:
        if cell.arm.role in ("base", "rast"):
            base = short_name(cell.system.base)
        if cell.arm.role == "rast":
            weighted = [(d.weight, short_name(d.antiexpert)) for d in cell.system.deltas]
            delta = " + ".join(name if weight == 1.0 else f"{weight:g}·{name}" for weight, name in weighted)
    rows = {(s.base, s.delta) for s in published.table1() if s.system == "rast"}
    if (base, delta) not in rows and not (delta == "" and base in {b for b, _ in rows}):
        known = ", ".join(f"{b} + {d}" for b, d in sorted(rows))
        raise UsageError(
            f"Table 1 has no row for base {base or '?'} with delta {delta or '?'}.",
            f"It has {known}; `rast-eval paper show` prints it.",
        )
    return base, delta


def short_name(ref: ModelRef) -> str:
    """`32b` for Qwen/Qwen2.5-32B, by hub id; else its own name."""
    by_path = {pair.base.path: pair.name for pair in [*known_pairs().values()][::-1]}
    return by_path.get(ref.path, ref.name)


def beside_paper(run: Run, metrics: RunMetrics) -> list[Beside]:
    """Accuracy and recovery of every cell that Table 1 has too.

    Raises:
        UsageError: Table 1 has no row for these models, or none of these benchmarks.
    """
    base, delta = identify(run)
    rows: list[Beside] = []
    for cell in metrics.cells:
        role = cell.arm.role
        cell_paper = published.score(role, base, cell.benchmark, delta if role == "rast" else "")
        if cell_paper is None or cell.arm == "base@sampled":
            continue
        notes = [] if cell.problems == cell.problem_count else [f"{cell.problems} of {cell.problem_count} problems"]
        if theirs := published.simplerl_score(role, base, cell.benchmark):
            notes.append(f"SimpleRL-Zoo states {theirs.average.value}")
        note = "; ".join(notes)
        a = cell.accuracy
        rows.append(_row(cell, "Avg.", a.value, a.low, a.high, cell_paper.average, note))
        if cell_paper.recovery is not None:
            recovery = cell.recovery or _against_published(run, cell, base)
            if recovery is not None:
                found = (recovery.value, recovery.low, recovery.high)
                rows.append(_row(cell, "RR.", *found, cell_paper.recovery, recovery.note))
    if not rows:
        raise UsageError(
            f"Table 1 has none of the benchmarks of {run.name}.", f"It has {', '.join(published.BENCHMARKS)}."
        )
    return rows


def beside_table(title: str, rows: list[Beside]) -> Table:
    """The comparison as a table of strings."""
    words = {True: "inside", False: "outside", None: DASH}
    lines = tuple(
        (
            row.benchmark,
            row.arm.label,
            row.figure,
            f"{percent(row.ours / 100)} {interval(row.low / 100, row.high / 100)}".rstrip(),
            f"{row.paper:.1f}",
            DASH if math.isnan(row.ours) else f"{row.ours - row.paper:+.1f}",
            words[row.inside],
            row.note,
        )
        for row in rows
    )
    header = ("benchmark", "arm", "", "ours", "paper", "ours − paper", "paper's value", "")
    return Table(title, header, lines, NOTE, keys=3)


def _row(cell: CellMetrics, figure: str, value: float, low: float, high: float, paper: Printed, note: str) -> Beside:
    inside = None if math.isnan(low) else 100 * low <= paper.high and paper.low <= 100 * high
    percents = (100 * value, 100 * low, 100 * high)
    return Beside(cell.benchmark, cell.arm, figure, *percents, paper.value, inside, note)


def _against_published(run: Run, cell: CellMetrics, base: str) -> Recovery | None:
    """Recovery of a run without a ceiling of its own, against the published one."""
    ceiling = published.score("rl", base, cell.benchmark)
    own = run.cell(cell.arm, cell.benchmark)
    if ceiling is None or own is None:
        return None
    rast = load_grades(run, own, cell.scorer).by_problem
    floor = run.cell("base", cell.benchmark)
    rl = ceiling.average.value / 100
    if floor is None:
        printed = published.score("base", base, cell.benchmark)
        if printed is None:
            return None
        return statistics.recovery_fixed(list(rast.values()), printed.average.value / 100, rl)
    low = load_grades(run, floor, cell.scorer).by_problem
    common = [problem for problem in rast if problem in low]
    return statistics.recovery_fixed([rast[p] for p in common], [low[p] for p in common], rl)
