"""Recompute what the paper prints from the accuracies it prints.

A printed accuracy stands for every value that rounds to it, so a recomputed rate is an interval: only a
printed rate whose own rounding interval lies wholly outside is an erratum.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from rast_eval.paper import published
from rast_eval.paper.published import BENCHMARKS, Printed

PROBLEMS = {"math500": 500, "aime24": 30, "amc23": 40, "minerva": 272, "olympiadbench": 675, "gsm8k": 1319}
RUNS = 32
SLACK = 1e-6
"""Of binary fractions, in points."""


@dataclass(frozen=True)
class Erratum:
    """A printed number that the printed accuracies rule out; percent.

    Attributes:
        recomputed: from the accuracies as printed; low, high: what their rounding allows.
    """

    table: str
    base: str
    delta: str
    benchmark: str
    printed: float
    recomputed: float
    low: float
    high: float


@dataclass(frozen=True)
class Audit:
    """Outcome of all checks.

    Attributes:
        checked: numbers recomputed, errata included.
        unchecked: published numbers without accuracies behind them, and why.
        contradictions: what the paper states in two ways, and values its protocol cannot produce.
    """

    errata: tuple[Erratum, ...]
    checked: int
    unchecked: tuple[str, ...]
    contradictions: tuple[str, ...]


def recovery_bounds(rast: Printed, base: Printed, rl: Printed) -> tuple[float, float, float]:
    """Recovery rate in percent from printed accuracies: recomputed, low, high.

    The rate is monotone in each accuracy while the gap keeps its sign, so its extremes lie at the corners of
    the rounding box. A gap that rounding may close gives (NaN or the rate, −inf, inf).
    """
    gap = rl.value - base.value
    recomputed = 100 * (rast.value - base.value) / gap if gap else math.nan
    if abs(gap) <= rl.half + base.half + SLACK:
        return recomputed, -math.inf, math.inf
    corners = itertools.product(*((x.low, x.high) for x in (rast, base, rl)))
    rates = [100 * (r - b) / (c - b) for r, b, c in corners]
    return recomputed, min(rates), max(rates)


def run_audit() -> Audit:
    """Check Table 1's rates, Table 4's averages, Figure 4's rates and Figure 6 against Table 1."""
    errata: list[Erratum] = []
    checked = 0

    def check(table: str, base: str, delta: str, benchmark: str, value: Printed, found: tuple[float, ...]) -> None:
        nonlocal checked
        checked += 1
        recomputed, low, high = found
        if value.high < low - SLACK or value.low > high + SLACK:
            rounded = (round(x, 2) for x in (recomputed, low, high))
            errata.append(Erratum(table, base, delta, benchmark, value.value, *rounded))

    for cell in published.table1():
        if cell.recovery is not None:
            bounds = _recovery_of(cell.base, cell.delta, cell.benchmark)
            check("Table 1", cell.base, cell.delta, cell.benchmark, cell.recovery, bounds)
    for row in published.table4():
        check("Table 4", row.base, row.delta, "average", row.averaged_recovery, _mean_rate(row.base, row.delta))
    for point in published.figure4():
        bounds = _recovery_of(point.base, point.delta, "math500")
        check("Figure 4", point.base, point.delta, "math500", point.recovery, bounds)
    full = published.score("rast", "32b", "math500", "14b")
    for sweep in published.figure6():
        if full is not None and sweep.weight == sweep.temperature == 1.0:
            average = full.average
            check("Figure 6", "32b", "14b", "math500", sweep.average, (average.value, average.low, average.high))
    return Audit(tuple(errata), checked, unchecked(), contradictions())


def unchecked() -> tuple[str, ...]:
    """What cannot be recomputed, and why."""
    prose = [f"{where}: known from the text only ({what})" for where, what in published.PROSE.items()]
    return (
        *prose,
        "Table 1, accuracies: the verdicts behind them are not published",
        "Table 4, memory: rounded totals that depend on unstated tensor parallelism and activation memory",
        "Table 5: decoding settings, nothing to recompute",
        "Figure 3: the verdicts behind pass@k are not published; printed without the pair it was measured on",
        "Figure 4, cosine similarity: needs the logits",
        "Figure 6: only its point λ = 1, τ = 1 stands in Table 1 too",
    )


def contradictions() -> tuple[str, ...]:
    """Statements that cannot both hold, found by computing where numbers allow it."""
    return (
        *_two_figures_of_one_rate(),
        *_unattainable_averages(),
        "Prompt of delta 1.5B: Table 1's † says that the prompt used for RAST does not match the one its small model "
        "was trained with; A.2 says that prompt (b) was chosen for 1.5B to match its training.",
        "Table 1 has one base and one RL row a size, although its deltas use two prompts: "
        "rows with delta 1.5B compare arms under different prompts.",
        f"Appendix D, 14B example: (14B/4) × 2 bytes × 3 models = {14 / 4 * 2 * 3:.0f} GB of weights a GPU follows; "
        f"the about 156 GB of optimiser states in CPU memory do not: 2 × 14B × 4 bytes = {2 * 14 * 4} GB for one "
        f"model, {3 * 2 * 14 * 4} GB for three.",
        "§4.2, KL of 837.9 nats at one token: a softmax gives that only where RAST puts its mass on a token to which "
        "the base gives a probability near e^-838, which float32 cannot represent.",
    )


def _recovery_of(base: str, delta: str, benchmark: str) -> tuple[float, float, float]:
    cells = [published.score(*key) for key in _trio(base, delta, benchmark)]
    rast, low, high = (cell.average for cell in cells if cell is not None)
    return recovery_bounds(rast, low, high)


def _trio(base: str, delta: str, benchmark: str) -> tuple[tuple[str, str, str, str], ...]:
    return (("rast", base, benchmark, delta), ("base", base, benchmark, ""), ("rl", base, benchmark, ""))


def _mean_rate(base: str, delta: str) -> tuple[float, float, float]:
    """Mean of the printed rates of a row of Table 1."""
    cells = [published.score("rast", base, benchmark, delta) for benchmark in BENCHMARKS]
    rates = [cell.recovery for cell in cells if cell is not None and cell.recovery is not None]
    low, value, high = (
        math.fsum(getattr(rate, key) for rate in rates) / len(rates) for key in ("low", "value", "high")
    )
    return value, low, high


def _two_figures_of_one_rate() -> list[str]:
    found = []
    for point in published.figure4():
        cell = published.score("rast", point.base, "math500", point.delta)
        if cell is None or cell.recovery is None:
            continue
        if abs(cell.recovery.value - point.recovery.value) > cell.recovery.half + point.recovery.half + SLACK:
            found.append(
                f"Recovery of {point.base} + delta {point.delta} on MATH500: {cell.recovery.value:.1f} in Table 1, "
                f"{point.recovery.value:.1f} in Figure 4."
            )
    return found


def _unattainable_averages() -> list[str]:
    """Averages that no count of right answers gives: base greedy over N problems, the others over 32 · N outputs."""
    found = []
    for cell in published.table1():
        outputs = PROBLEMS[cell.benchmark] * (1 if cell.system == "base" else RUNS)
        below = math.floor(cell.average.high * outputs / 100 + SLACK)
        if 100 * below / outputs < cell.average.low - SLACK:
            found.append(
                f"Table 1, {cell.base} {cell.system} on {cell.benchmark}: {cell.average.value} % is no share of "
                f"{outputs} outputs ({below} right are {100 * below / outputs:.2f}, {below + 1} are "
                f"{100 * (below + 1) / outputs:.2f}), so it is not one greedy run over them."
            )
    return found
