"""Measure a family of checkpoints and write what was found: `python -m tools.tiny_family.report`.

Every output is generated, stored and graded by the project's own run; this module only says which systems to run and
puts their grades into tables. It can be interrupted: stored samples are kept.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rast_eval import statistics
from rast_eval.analysis import path_coverage, similarity
from rast_eval.analysis.drawing import draw_prompts
from rast_eval.analysis.forcing import TeacherForcer, greedy_paths
from rast_eval.config import EngineConfig
from rast_eval.inputs import resources
from rast_eval.report.table import DASH, Table, markdown_table, percent
from rast_eval.types import System
from tools.tiny_family.measure import BENCHMARK, PAIRS, SIZES, Combination, Family, Measured, Measurements

LAMBDAS = (0.0, 0.5, 1.0, 1.5, 2.0)


def interval(value: float, low: float, high: float) -> str:
    """`85.2 [82.3, 87.9]`."""
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def accuracy_row(label: str, found: Measured) -> tuple[str, ...]:
    """Accuracy with its interval, pass@k and majority@k."""
    accuracy = statistics.accuracy(found.grades.correct)
    n = found.grades.correct.shape[1]
    passes = [percent(float(statistics.pass_at_k(found.grades.correct, k).mean())) for k in (4, n)]
    votes = statistics.majority_at_k(found.grades.correct, found.grades.votes, n)
    return label, interval(accuracy.value, accuracy.low, accuracy.high), *passes, percent(float(np.mean(votes)))


def behaviour_row(label: str, found: Measured) -> tuple[str, ...]:
    """How often the outputs work in steps, check and correct themselves."""
    steps = sum(len(re.findall(r" to \d\d", text)) for text in found.outputs)
    checks = sum(text.count(" check ") for text in found.outputs)
    corrections = sum(text.count(" wait ") for text in found.outputs)
    worked = float(np.mean([" to " in text for text in found.outputs]))
    shares = (percent(count / steps) if steps else DASH for count in (checks, corrections))
    return label, percent(worked), *shares, f"{found.grades.num_tokens.mean():.1f}"


def pair_row(base: str, delta: str, found: dict[Combination, Measured]) -> tuple[str, ...]:
    """Recovery of one pair, and its differences from base and expert with p-values."""
    below, above, expert = (found[Combination(name)] for name in (f"{base}-base", f"{base}-rl", f"{delta}-rl"))
    fused = found[Combination(f"{base}-base", delta)]
    rate = statistics.recovery(below.by_problem, fused.by_problem, above.by_problem)
    accuracy = statistics.accuracy(fused.grades.correct)
    differences = (
        statistics.paired_difference(fused.grades.correct, other.grades.correct) for other in (below, expert)
    )
    return (
        f"{base} + Δ{delta}",
        interval(accuracy.value, accuracy.low, accuracy.high),
        interval(rate.value, rate.low, rate.high),
        *(f"{100 * d.value:+.1f} (p = {d.p_value:.4f})" for d in differences),
    )


def sampled_tables(measurements: Measurements, swept: tuple[str, str], processes: int) -> Iterator[Table]:
    """What the samples say; `swept` is the (base, delta) of the λ sweep."""
    base, delta = f"{swept[0]}-base", swept[1]
    singles = [Combination(f"{size}-{kind}") for size in SIZES for kind in ("base", "rl")]
    fused = [Combination(f"{size}-base", other) for size, other in PAIRS]
    sweep = {w: Combination(base, delta, w) if w else Combination(base) for w in LAMBDAS}
    found = measurements.measure_all(list(dict.fromkeys([*fused, *sweep.values(), *singles])), processes)
    title = f"{measurements.limit} problems × {measurements.n} samples"
    scores = ("accuracy, % [95 %]", "pass@4, %", f"pass@{measurements.n}, %", f"majority@{measurements.n}, %")
    yield Table(
        f"Accuracy, {title}",
        ("system", *scores),
        tuple(accuracy_row(combination.label, found[combination]) for combination in [*singles, *fused]),
    )
    yield Table(
        "Recovery",
        ("pair", "RAST, % [95 %]", "recovery, % [Fieller 95 %]", "minus base, points", "minus expert, points"),
        tuple(pair_row(*pair, found) for pair in PAIRS),
    )
    yield Table(
        "Behaviours",
        ("system", "works in steps, %", "checks a step, %", "corrections a step, %", "tokens an output"),
        tuple(behaviour_row(combination.label, found[combination]) for combination in [*singles, *fused]),
    )
    yield Table(
        f"λ: {swept[0]} + λΔ{delta}",
        ("λ", *scores),
        tuple(accuracy_row(f"{weight:g}", found[combination]) for weight, combination in sweep.items()),
    )


def forced_tables(family: Family) -> Iterator[Table]:
    """Path coverage and the similarity of the deltas, along greedy paths of the largest RL model."""
    largest = family.model("l-rl")
    drawn = draw_prompts(largest, BENCHMARK, "tiny")
    paths = greedy_paths(System(largest), drawn.ids, EngineConfig(), drawn.max_tokens)
    systems = {"l-base": System(family.model("l-base"))}
    for size in ("s", "m"):
        systems[f"l + Δ{size}"] = System(family.model("l-base"), (family.delta(size),))
    coverages = path_coverage.measure(TeacherForcer(), systems, paths)
    yield path_coverage.coverage_table(f"Path coverage on {len(paths)} greedy paths of l-rl", coverages)
    deltas = {size: (family.model(f"{size}-rl"), family.model(f"{size}-base")) for size in SIZES[::-1]}
    alike = similarity.measure(TeacherForcer(), deltas, paths)
    yield similarity.similarity_table("Similarity of the deltas on the same paths", alike)


def replace_section(page: str, name: str, text: str) -> str:
    """The page with `text` between the two markers of section `name`.

    Raises:
        ValueError: the page has no such section.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"The page has no section between {begin} and {end}.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_family.report", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=resources.embedded_checkpoints())
    parser.add_argument("--work", type=Path, default=Path("results/tiny-report"), help="where its runs are kept")
    parser.add_argument("--page", type=Path, default=Path("docs/tiny-family.md"))
    parser.add_argument("--section", default="seed 0", help="the part of the page that is replaced")
    parser.add_argument("-n", type=int, default=16, help="samples a problem")
    parser.add_argument("--limit", type=int, default=400, help="problems")
    parser.add_argument("--sweep", default="l,m", help="base,delta of the λ sweep")
    parser.add_argument("--processes", type=int, default=2, help="systems sampled side by side, one thread each")
    arguments = parser.parse_args()
    base, delta = arguments.sweep.split(",")
    family = Family(arguments.checkpoints)
    measurements = Measurements(
        family, arguments.work / arguments.section.replace(" ", ""), arguments.n, arguments.limit
    )
    replace_section(arguments.page.read_text(), arguments.section, "")  # before an hour's work, not after it
    tables = [*sampled_tables(measurements, (base, delta), arguments.processes), *forced_tables(family)]
    text = "\n\n".join(f"#### {table.title}\n\n{markdown_table(table).strip()}" for table in tables)
    arguments.page.write_text(replace_section(arguments.page.read_text(), arguments.section, text))
    print(text)


if __name__ == "__main__":
    main()
