"""All seeds in one table: does the similarity of two deltas tell how much of a gap one of them closes (Figure 4)?

    python -m tools.tiny_family.together 0=rast_eval/tiny/checkpoints 1=build/tiny/seed1 2=build/tiny/seed2

Three seeds give nine points of the paper's kind, a larger base with a smaller delta. What the reports of single seeds
have sampled already is read, not sampled again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rast_eval import statistics
from rast_eval.report.table import Table, markdown_table, rate
from rast_eval.statistics import Recovery
from tools.tiny_family.measure import PAIRS, SIZES, Combination, Family, Measurements
from tools.tiny_family.report import replace_section, similarities, walk

SECTION = "all seeds"


@dataclass(frozen=True)
class DeltaPoint:
    """One base with one smaller delta, trained from one seed.

    Attributes:
        raw, weighted: cosine of the base's own delta with the one added, as in Eq. 6 and weighted by probability.
    """

    seed: str
    base: str
    delta: str
    raw: float
    weighted: float
    recovery: Recovery


def points(seed: str, measurements: Measurements, processes: int) -> list[DeltaPoint]:
    """The three points of one seed."""
    pairs = [(base, delta) for base, delta in PAIRS if SIZES.index(base) > SIZES.index(delta)]
    singles = {Combination(f"{base}-{kind}") for base, _ in pairs for kind in ("base", "rl")}
    fused = [Combination(f"{base}-base", delta) for base, delta in pairs]
    found = measurements.measure_all([*fused, *sorted(singles, key=lambda c: c.label)], processes)
    family = measurements.family
    alike = {(s.larger, s.smaller): s for s in similarities(family, walk(family))}
    rows = []
    for base, delta in pairs:
        below, above = (found[Combination(f"{base}-{kind}")].by_problem for kind in ("base", "rl"))
        closed = statistics.recovery(below, found[Combination(f"{base}-base", delta)].by_problem, above)
        similar = alike[base, delta]
        rows.append(DeltaPoint(seed, base, delta, similar.raw.value, similar.weighted.value, closed))
    return rows


def together(found: Sequence[DeltaPoint]) -> Table:
    """A row a point, the most alike first, and how far the order of similarity is that of recovery."""
    ordered = sorted(found, key=lambda point: -point.weighted)
    rows = tuple(
        (f"{p.base} + Δ{p.delta}", p.seed, f"{p.weighted:.3f}", f"{p.raw:.3f}", rate(p.recovery)) for p in ordered
    )
    ranks = {name: rank_correlation([getattr(p, name) for p in found], [p.recovery.value for p in found])
             for name in ("weighted", "raw")}  # fmt: skip
    note = (
        f"Spearman's rank correlation with recovery over {len(found)} points: weighted cosine "
        f"{ranks['weighted']:+.2f}, raw cosine of Eq. 6 {ranks['raw']:+.2f}. Points of one seed share its models."
    )
    header = ("pair", "seed", "weighted cosine", "raw cosine", "recovery, % [95 %]")
    return Table("Similarity against recovery, all seeds", header, rows, note, keys=2)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def parse(texts: Sequence[str]) -> Mapping[str, Path]:
    """`["0=folder"]` as {"0": folder}.

    Raises:
        SystemExit: not of that form, or no such folder.
    """
    found = {}
    for text in texts:
        seed, _, folder = text.partition("=")
        if not folder or not Path(folder).is_dir():
            raise SystemExit(f"{text}: {folder or 'no folder'} is not a folder of checkpoints; type SEED=FOLDER.")
        found[seed] = Path(folder)
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_family.together", description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="+", metavar="SEED=FOLDER")
    parser.add_argument("--work", type=Path, default=Path("results/tiny-report"), help="where the runs are kept")
    parser.add_argument("--page", type=Path, default=Path("docs/tiny-family.md"))
    parser.add_argument("-n", type=int, default=16, help="samples a problem")
    parser.add_argument("--limit", type=int, default=400, help="problems")
    parser.add_argument("--processes", type=int, default=2, help="systems sampled side by side, one thread each")
    typed = parser.parse_args()
    replace_section(typed.page.read_text(), SECTION, "")  # before an hour's work, not after it
    found: list[DeltaPoint] = []
    for seed, folder in parse(typed.seeds).items():
        measurements = Measurements(Family(folder), typed.work / f"seed{seed}", typed.n, typed.limit)
        found += points(seed, measurements, typed.processes)
    table = together(found)
    text = f"#### {table.title}\n\n{markdown_table(table).strip()}"
    typed.page.write_text(replace_section(typed.page.read_text(), SECTION, text))
    print(text)


if __name__ == "__main__":
    main()
