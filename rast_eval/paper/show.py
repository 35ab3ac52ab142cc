"""Published numbers as printable tables."""

from __future__ import annotations

from rast_eval.paper import published
from rast_eval.paper.audit import Audit
from rast_eval.paper.published import BENCHMARKS
from rast_eval.paper.released import FACTS
from rast_eval.report.table import DASH, Table

SOURCE = "arXiv 2506.15710 v1, percent."
NAMES = {"base": "base", "rast": "RAST", "rl": "RL ceiling"}


def table1() -> Table:
    """Table 1: Avg., and RR. under it."""
    rows = []
    keys = dict.fromkeys((s.base, s.system, s.delta) for s in published.table1())
    for base, system, delta in keys:
        label = f"{NAMES[system]}{f' + Δ{delta}' if delta else ''}"
        cells = [published.score(system, base, benchmark, delta) for benchmark in BENCHMARKS]
        figures = [
            DASH if c is None else f"{c.average.value}" + (f"\n{c.recovery.value}" if c.recovery else "") for c in cells
        ]
        rows.append((base, label, *figures))
    note = f"{SOURCE} Second line: recovery rate. Base greedy, all others mean pass@1 over 32 runs."
    return Table("Table 1", ("base", "system", *BENCHMARKS), tuple(rows), note, keys=2)


def table4() -> Table:
    """Table 4: GPU memory against averaged recovery rate."""
    rows = tuple(
        (
            f"{m.base} + Δ{m.delta}",
            f"{m.rast_gb.value:.0f} ({m.rast_gpus})",
            f"{m.rl_gb.value:.0f} ({m.rl_gpus})",
            f"{m.averaged_recovery.value}",
        )
        for m in published.table4()
    )
    header = ("system", "RAST, GB (GPUs)", "RL training, GB (GPUs)", "averaged RR.")
    return Table("Table 4", header, rows, f"{SOURCE} The averaged RR. is the mean over Table 1's six benchmarks.")


def figure3() -> Table:
    """Figure 3: pass@k."""
    rows = tuple((p.benchmark, str(p.k), str(p.base), str(p.rast), str(p.rl)) for p in published.figure3())
    return Table("Figure 3, pass@k", ("benchmark", "k", *NAMES.values()), rows, f"{SOURCE} Base sampled too.")


def figure4() -> Table:
    """Figure 4: similarity of deltas against recovery."""
    rows = tuple((f"{p.base} + Δ{p.delta}", str(p.cosine), f"{p.recovery.value:.1f}") for p in published.figure4())
    return Table("Figure 4", ("system", "cosine similarity", "RR. on math500"), rows, SOURCE)


def figure6() -> Table:
    """Figure 6: λ and temperature."""
    rows = tuple((p.sweep, str(p.weight), str(p.temperature), str(p.average.value)) for p in published.figure6())
    return Table("Figure 6, MATH500", ("sweep", "λ", "temperature", "Avg."), rows, SOURCE)


def released() -> Table:
    """What the released code does that the paper does not say."""
    rows = tuple((f.where, f.paper, f.code, f.file) for f in FACTS)
    note = "A script says what can be run with it, not what was."
    return Table("The released code", ("where", "the paper", "the released code", "file"), rows, note, keys=4)


def errata_table(audit: Audit) -> Table:
    """Errata, printed beside recomputed."""
    rows = tuple(
        (
            e.table,
            f"{e.base} + Δ{e.delta}",
            e.benchmark,
            f"{e.printed:.1f}",
            f"{e.recomputed:.1f}",
            f"[{e.low}, {e.high}]",
        )
        for e in audit.errata
    )
    header = ("where", "system", "benchmark", "printed", "recomputed", "rounding allows")
    note = (
        "Recovery rates in percent, recomputed from the accuracies of Table 1; rounding allows = from accuracies "
        "± 0.05. Figure 4's rates are read as those on MATH500, as that of 14b + Δ7b, 94.4, suggests."
    )
    return Table(f"{audit.checked} numbers recomputed, {len(rows)} errata", header, rows, note, keys=1)
