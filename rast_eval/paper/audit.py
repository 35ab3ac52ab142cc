"""Recompute what the paper prints from the accuracies it prints.

A printed accuracy stands for every value that rounds to it, so a recomputed rate is an interval: only a
printed rate whose own rounding interval lies wholly outside is an erratum.
"""

from __future__ import annotations

from dataclasses import dataclass

from rast_eval.paper import prose, published
from rast_eval.paper.contradictions import contradictions
from rast_eval.paper.published import Printed
from rast_eval.paper.recompute import SLACK, Bounds, mean_rate, recovery_of
from rast_eval.paper.released import FACTS, Fact


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
        released: what the released code does that the paper does not say.
    """

    errata: tuple[Erratum, ...]
    checked: int
    unchecked: tuple[str, ...]
    contradictions: tuple[str, ...]
    released: tuple[Fact, ...]


def run_audit() -> Audit:
    """Check Table 1's rates, Table 4's averages, Figure 4's rates and Figure 6 against Table 1."""
    errata: list[Erratum] = []
    checked = 0

    def check(table: str, base: str, delta: str, benchmark: str, value: Printed, found: Bounds) -> None:
        nonlocal checked
        checked += 1
        recomputed, low, high = found
        if value.high < low - SLACK or value.low > high + SLACK:
            rounded = (round(x, 2) for x in (recomputed, low, high))
            errata.append(Erratum(table, base, delta, benchmark, value.value, *rounded))

    for cell in published.table1():
        if cell.recovery is not None:
            bounds = recovery_of(cell.base, cell.delta, cell.benchmark)
            check("Table 1", cell.base, cell.delta, cell.benchmark, cell.recovery, bounds)
    for row in published.table4():
        check("Table 4", row.base, row.delta, "average", row.averaged_recovery, mean_rate(row.base, row.delta))
    for point in published.figure4():
        bounds = recovery_of(point.base, point.delta, "math500")
        check("Figure 4", point.base, point.delta, "math500", point.recovery, bounds)
    full = published.score("rast", "32b", "math500", "14b")
    for sweep in published.figure6():
        if full is not None and sweep.weight == sweep.temperature == 1.0:
            average = full.average
            check("Figure 6", "32b", "14b", "math500", sweep.average, (average.value, average.low, average.high))
    return Audit(tuple(errata), checked, unchecked(), contradictions(), FACTS)


def unchecked() -> tuple[str, ...]:
    """What cannot be recomputed, and why."""
    told = [f"{where}: known from the text only ({what})" for where, what in prose.SAYS.items()]
    return (
        *told,
        "Table 1, accuracies: the grades behind them are not published",
        "Table 4, memory: rounded totals that depend on unstated tensor parallelism and activation memory",
        "Table 5: decoding settings, nothing to recompute",
        "Figure 3: the grades behind pass@k are not published; printed without the pair it was measured on",
        "Figure 4, cosine similarity: needs the logits",
        "Figure 6: only its point λ = 1, τ = 1 stands in Table 1 too",
    )
