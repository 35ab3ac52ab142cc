"""How often the intervals of rast-eval hold the truth: one seeded run, a few minutes.

python tools/coverage.py                                  # prints the tables as markdown
python tools/coverage.py --markdown docs/statistics.md    # writes them between the page's coverage marks
python tools/coverage.py --replications 200 --only paired # a quick look at some of them
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import coverage_gains as gains
import coverage_shares as shares
import simulated
from simulated import rate

BEGIN, END = "<!-- coverage -->", "<!-- /coverage -->"


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        rows: given the number of replications, the cells of each row.
        part: of the replications asked for, as the costs differ; 0 for what is computed exactly.
        note: what the columns mean.
        goal: so many last columns are to lie in .93–.99; how many do is counted.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: Callable[[int], Iterator[tuple[str, ...]]]
    part: float
    note: str = ""
    goal: int = 0


MODELS = tuple(simulated.MODELS)
COMPARED = ("N×n", "a / b", "a − b", "covered", "p < .05")
SECTIONS = (
    Section(
        "total", "Accuracy, other problems and other seeds", ("N", "n", "truth", *MODELS), shares.total, 1,
        "A column a model of difficulty. Above .99 stand benchmarks whose problems are nearly alike: N problems "
        "cannot exclude a few that are always wrong, so the interval allows for them.", len(MODELS),
    ),
    Section(
        "single", "Accuracy with one sample a problem (exact, not simulated)",
        ("N", *(f"{t:g}" for t in shares.TRUTHS), "lowest on .02–.98", "share of .02–.98 under .93"), shares.single, 0,
        "Wilson's interval; all models of difficulty give the same.",
    ),
    Section(
        "seeds", "Accuracy, the same problems and other seeds", ("N", "n", "truth", *MODELS), shares.seeds, 1,
        "The truth is the mean θ of the problems drawn. Under all or nothing no seed changes anything: 1.00 is right.",
        len(MODELS),
    ),
    Section(
        "subsets", "pass@8 and majority@8", ("figure", "N", "n", "difficulty", "truth", "covered", "mean half-width"),
        shares.subsets, 1, "majority@8 has a fifth of the replications.",
    ),
    Section(
        "recovery", "Recovery rate, of one benchmark and of several",
        ("N×n", "base/RAST/RL", "truth", "bounded", "unbounded", "undefined", "no gap", "covered, bounded", "covered"),
        gains.recoveries, 0.75,
        "covered = bounded intervals that hold the truth, and unbounded ones, of all of both. Where most intervals "
        "are unbounded, the bounded ones are those whose gap came out large by luck, and hold the truth less often.",
    ),
    Section("mcnemar", "Paired differences, one sample", COMPARED, gains.single_differences, 0.5,
            "a / b = share of the problems that only a, only b gets right, in percent."),
    Section("paired", "Paired differences, several samples", COMPARED, gains.differences, 0.5,
            "a / b = accuracies in percent."),
    Section(
        "choice", "The best of 15 λ, chosen and scored on the same problems",
        ("N×n", "true accuracies", "naive bias", "covered", "honest bias", "covered"), gains.choices, 0.3,
        "Bias in points against the true accuracy of the λ that was chosen.",
    ),
    Section("power", "Power foretold and found", ("N×n", "a / b", "by the truth", "by pilots", "found"),
            gains.powers, 0.25, "by pilots = mean of what each run would have foretold from its own grades."),
    Section(
        "sequences", "Looking after every round", ("order", "N×n", "difficulty", "until", "all held", "stops after"),
        gains.sequences, 0.5, "all held = no interval at any look missed the target: .95 is promised.",
    ),
)  # fmt: skip


def main() -> None:
    """Simulate, print, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000, metavar="R", help="simulated runs a cell, at most")
    parser.add_argument("--only", action="append", choices=[s.name for s in SECTIONS], help="this table; repeatable")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace what stands between the coverage marks")
    options = parser.parse_args()
    if options.replications < 100:
        parser.error("fewer than 100 replications tell nothing: type --replications 100 or more.")
    page = options.markdown.read_text(encoding="utf-8") if options.markdown else f"{BEGIN}{END}"
    if BEGIN not in page or END not in page:
        parser.error(f"{options.markdown} has no {BEGIN} … {END}: type them where the tables shall stand.")
    chosen = [s for s in SECTIONS if not options.only or s.name in options.only]
    text = "\n".join(_table(section, options.replications) for section in chosen)
    if options.markdown:
        head, tail = page.split(BEGIN)[0], page.split(END)[1]
        options.markdown.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
    else:
        sys.stdout.write(f"{text}\n")


def _table(section: Section, replications: int) -> str:
    count = round(section.part * replications)
    print(f"{section.title} …", file=sys.stderr)
    rows = list(section.rows(count))
    remarks = [section.note] if section.note else []
    if count:
        error = math.sqrt(0.95 * 0.05 / count)
        remarks.insert(0, f"{count:,} replications a cell: a coverage of .95 has a standard error of {rate(error)}.")
    if section.goal:
        found = [float(cell) for row in rows for cell in row[-section.goal :]]
        under, over = (sum(x < 0.93 for x in found), sum(x > 0.99 for x in found))
        remarks.append(f"Of {len(found)} cells {under} lie under .93 (lowest {rate(min(found))}), {over} above .99.")
    lines = [f"### {section.title}", "", " ".join(remarks), ""]
    lines += [f"| {' | '.join(cells)} |" for cells in (section.header, ["---"] * len(section.header), *rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
