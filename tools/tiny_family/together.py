"""All seeds in one table: does the similarity of two deltas tell how much of a gap one of them closes (Figure 4)?

    python -m tools.tiny_family.together

Each seed gives three points of the paper's kind, a larger base with a smaller delta. They are read from the sections
that `tools.tiny_family.report` wrote into the page, so that a seed stays in the table when its checkpoints are gone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rast_eval.report.table import Table, markdown_table
from tools.tiny_family.measure import PAIRS, SIZES
from tools.tiny_family.report import replace_section

SECTION = "all seeds"


@dataclass(frozen=True)
class DeltaPoint:
    """One base with one smaller delta, trained from one seed.

    Attributes:
        pair: `l + Δm`.
        raw, weighted: cosine of the base's own delta with the one added, as in Eq. 6 and weighted by probability.
        recovery: in percent.
        interval: 95 %, as printed.
    """

    seed: str
    pair: str
    raw: float
    weighted: float
    recovery: float
    interval: str


def points(page: str) -> Iterator[DeltaPoint]:
    """Three points of every seed that has a section of the page, e.g. from its rows

        | l + Δm | 86.7 [84.2, 89.1] | 97.1 [93.3, 101.1] | …
        | Δl, Δm | 0.093 ± 0.021 | 0.538 ± 0.012 | …

    Raises:
        ValueError: a section lacks one of them.
    """
    for seed, section in re.findall(r"<!-- seed (\d+): begin -->(.*?)<!-- seed \1: end -->", page, re.DOTALL):
        for base, delta in PAIRS:
            if SIZES.index(base) > SIZES.index(delta):
                recovery, interval = _found(rf"^\| {base} \+ Δ{delta} \| [^|]+\d\] \| (\S+) (\[.*?\]) \|", section)
                raw, weighted = _found(rf"^\| Δ{base}, Δ{delta} \| (\S+)[^|]*\| (\S+)", section)
                yield DeltaPoint(seed, f"{base} + Δ{delta}", float(raw), float(weighted), float(recovery), interval)


def _found(pattern: str, section: str) -> Sequence[str]:
    rows = re.findall(pattern, section, re.MULTILINE)
    if len(rows) != 1:
        raise ValueError(f"A seed's section has {len(rows)} rows of the form {pattern}: `make tiny-report` writes it.")
    return list(rows[0])


def together(found: Sequence[DeltaPoint]) -> Table:
    """A row a point, the most alike first, and how far the order of similarity is that of recovery."""
    from scipy.stats import spearmanr

    ordered = sorted(found, key=lambda point: -point.weighted)
    rows = tuple(
        (p.pair, p.seed, f"{p.weighted:.3f}", f"{p.raw:.3f}", f"{p.recovery:.1f} {p.interval}") for p in ordered
    )
    recoveries = [point.recovery for point in found]
    ranks = {name: float(spearmanr([getattr(point, name) for point in found], recoveries).statistic)
             for name in ("weighted", "raw")}  # fmt: skip
    note = (
        f"Spearman's rank correlation with recovery over {len(found)} points: weighted cosine "
        f"{ranks['weighted']:+.2f}, raw cosine of Eq. 6 {ranks['raw']:+.2f}. Points of one seed share its models."
    )
    header = ("pair", "seed", "weighted cosine", "raw cosine", "recovery, % [95 %]")
    return Table("Similarity against recovery, all seeds", header, rows, note, keys=2)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_family.together", description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, default=Path("docs/tiny-family.md"))
    typed = parser.parse_args()
    page = typed.page.read_text()
    table = together(list(points(page)))
    text = f"#### {table.title}\n\n{markdown_table(table).strip()}"
    typed.page.write_text(replace_section(page, SECTION, text))
    print(text)


if __name__ == "__main__":
    main()
