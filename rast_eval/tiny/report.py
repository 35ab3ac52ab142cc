"""Measure a trained family and write what was found: `python -m rast_eval.tiny.report --checkpoints DIR`.

Every output is generated, stored and graded by the project's own run; this module only says which systems to run and
puts their verdicts into tables. It can be interrupted: stored samples are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rast_eval import plan, runner, statistics
from rast_eval.analysis import path_coverage, similarity
from rast_eval.analysis.drawing import draw_prompts
from rast_eval.analysis.forcing import TeacherForcer, greedy_paths, members_of
from rast_eval.config import Delta, EngineConfig, ModelRef, System
from rast_eval.report.layout import DASH, Table, percent
from rast_eval.report.tables import markdown_table
from rast_eval.results import Verdicts, iter_samples, load_run, load_verdicts
from rast_eval.zoo import Lineup

BENCHMARK = "tiny-check"
PROBLEMS = 400
SIZES = ("s", "m", "l")
PAIRS = (("l", "m"), ("l", "s"), ("m", "s"), ("m", "l"), ("s", "m"), ("s", "l"))
LAMBDAS = (0.0, 0.5, 1.0, 1.5, 2.0)
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Measured:
    """One system's graded outputs."""

    verdicts: Verdicts
    outputs: tuple[str, ...]

    @property
    def by_problem(self) -> np.ndarray:
        """Share of right samples, float64 [N]."""
        shares: np.ndarray = self.verdicts.correct.mean(axis=1)
        return shares


class Laboratory:
    """Runs systems made of one folder of checkpoints and remembers what they did.

    Args:
        work: a run directory a system is kept under it.
    """

    def __init__(self, checkpoints: Path, work: Path) -> None:
        self.checkpoints, self.work = checkpoints.resolve(), work

    def model(self, name: str) -> ModelRef:
        """`m-base` as a reference."""
        return ModelRef(str(self.checkpoints / name), name=f"tiny-{name}")

    def delta(self, size: str, weight: float = 1.0) -> Delta:
        """The delta of one size."""
        return Delta(self.model(f"{size}-rl"), self.model(f"{size}-base"), weight)

    def single(self, name: str, n: int, limit: int = PROBLEMS) -> Measured:
        """One model alone, at temperature 1."""
        return self._run(name, Lineup(self.model(name), (), None, "tiny", (BENCHMARK,)), "base", n, limit)

    def rast(self, base: str, delta: str, n: int, weight: float = 1.0, limit: int = PROBLEMS) -> Measured:
        """`base` with the delta of size `delta`."""
        lineup = Lineup(self.model(f"{base}-base"), (self.delta(delta, weight),), None, "tiny", (BENCHMARK,))
        return self._run(f"{base}-with-{delta}-at-{weight:g}", lineup, "rast", n, limit)

    def _run(self, name: str, lineup: Lineup, arm: str, n: int, limit: int) -> Measured:
        root = self.work / (name if limit == PROBLEMS else f"{name}-first{limit}")
        built = plan.build(plan.RunConfig(lineup, (arm,), (BENCHMARK,), n=n, limit=limit))
        with contextlib.redirect_stdout(io.StringIO()):
            runner.run(built, root)
        record = load_run(root)
        cell = record.cells[0]
        outputs = tuple(row["output"] for row in iter_samples(record, cell))
        return Measured(load_verdicts(record, cell), outputs)


def interval(value: float, low: float, high: float) -> str:
    """`85.2 [82.3, 87.9]`."""
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def accuracy_row(label: str, found: Measured) -> tuple[str, ...]:
    """Accuracy with its interval, pass@k and majority@k."""
    accuracy = statistics.accuracy(found.verdicts.correct)
    n = found.verdicts.correct.shape[1]
    passes = [percent(float(statistics.pass_at_k(found.verdicts.correct, k).mean())) for k in (4, n)]
    votes = statistics.majority_at_k(found.verdicts.correct, found.verdicts.votes, n)
    return label, interval(accuracy.value, accuracy.low, accuracy.high), *passes, percent(float(np.mean(votes)))


def behaviour_row(label: str, found: Measured) -> tuple[str, ...]:
    """How often the outputs work in steps, check and correct themselves."""
    steps = sum(len(re.findall(r" to \d\d", text)) for text in found.outputs)
    checks = sum(text.count(" check ") for text in found.outputs)
    corrections = sum(text.count(" wait ") for text in found.outputs)
    worked = float(np.mean([" to " in text for text in found.outputs]))
    shares = (percent(count / steps) if steps else DASH for count in (checks, corrections))
    return label, percent(worked), *shares, f"{found.verdicts.num_tokens.mean():.1f}"


def pair_row(base: str, delta: str, found: Measured, singles: dict[str, Measured]) -> tuple[str, ...]:
    """Recovery of one pair, and its differences from base and expert with p-values."""
    below, above, expert = singles[f"{base}-base"], singles[f"{base}-rl"], singles[f"{delta}-rl"]
    rate = statistics.recovery(below.by_problem, found.by_problem, above.by_problem)
    accuracy = statistics.accuracy(found.verdicts.correct)
    differences = (
        statistics.paired_difference(found.verdicts.correct, other.verdicts.correct) for other in (below, expert)
    )
    return (
        f"{base} + Δ{delta}",
        interval(accuracy.value, accuracy.low, accuracy.high),
        interval(rate.value, rate.low, rate.high),
        *(f"{100 * d.value:+.1f} (p = {d.p_value:.4f})" for d in differences),
    )


def sampled_tables(laboratory: Laboratory, n: int, sweep: tuple[str, str], sweep_limit: int) -> Iterator[Table]:
    """What 400 problems with `n` samples each say."""
    singles = {f"{size}-{kind}": laboratory.single(f"{size}-{kind}", n) for size in SIZES for kind in ("base", "rl")}
    fused = {pair: laboratory.rast(*pair, n) for pair in PAIRS}
    everything = {**singles, **{f"{base} + Δ{delta}": found for (base, delta), found in fused.items()}}
    scores = ("accuracy, % [95 %]", "pass@4, %", f"pass@{n}, %", f"majority@{n}, %")
    yield Table(
        f"Accuracy, 400 problems × {n} samples",
        ("system", *scores),
        tuple(accuracy_row(label, found) for label, found in everything.items()),
    )
    yield Table(
        "Recovery",
        ("pair", "RAST, % [95 %]", "recovery, % [Fieller 95 %]", "minus base, points", "minus expert, points"),
        tuple(pair_row(*pair, found, singles) for pair, found in fused.items()),
        "A delta of the base's own size gives the RL model itself at λ = 1: base + (RL − base).",
    )
    yield Table(
        "Behaviours",
        ("system", "works in steps, %", "checks a step, %", "corrections a step, %", "tokens an output"),
        tuple(behaviour_row(label, found) for label, found in everything.items()),
    )
    lambdas = {f"{weight:g}": laboratory.rast(*sweep, n, weight, sweep_limit) for weight in LAMBDAS}
    yield Table(
        f"λ: {sweep[0]} + λΔ{sweep[1]}, the first {sweep_limit} problems",
        ("λ", *scores),
        tuple(accuracy_row(label, found) for label, found in lambdas.items()),
    )


def forced_tables(laboratory: Laboratory) -> Iterator[Table]:
    """Path coverage and the similarity of the deltas, along greedy paths of the largest RL model."""
    largest = laboratory.model("l-rl")
    drawn = draw_prompts(largest, BENCHMARK, "tiny")
    paths = greedy_paths(System(largest), drawn.ids, EngineConfig(), drawn.max_tokens)
    systems = {"l-base": System(laboratory.model("l-base"))}
    for delta in ("s", "m"):
        systems[f"l + Δ{delta}"] = System(laboratory.model("l-base"), (laboratory.delta(delta),))
    forcer = TeacherForcer(members_of([*systems.values(), *(System(laboratory.model(f"{s}-rl")) for s in SIZES)]))
    coverages = path_coverage.measure(forcer, systems, paths)
    yield path_coverage.coverage_table(f"Path coverage on {len(paths)} greedy paths of l-rl", coverages)
    deltas = {size: (laboratory.model(f"{size}-rl"), laboratory.model(f"{size}-base")) for size in SIZES[::-1]}
    found = similarity.measure(forcer, deltas, paths)
    yield similarity.similarity_table("Similarity of the deltas on the same paths", found)


def replace_measured(page: str, tables: str) -> str:
    """The page with the tables between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m rast_eval.tiny.report")
    parser.add_argument("--checkpoints", type=Path, default=Path("build/tiny/seed0"))
    parser.add_argument("--work", type=Path, default=Path("results/tiny-report"))
    parser.add_argument("--page", type=Path, default=Path("docs/tiny-family.md"))
    parser.add_argument("-n", type=int, default=16, help="samples a problem")
    parser.add_argument("--sweep", default="l,s", help="base,delta of the λ sweep")
    parser.add_argument("--sweep-limit", type=int, default=100, help="problems of the λ sweep")
    arguments = parser.parse_args()
    base, delta = arguments.sweep.split(",")
    laboratory = Laboratory(arguments.checkpoints, arguments.work)
    sampled = sampled_tables(laboratory, arguments.n, (base, delta), arguments.sweep_limit)
    found = (*sampled, *forced_tables(laboratory))
    tables = "\n\n".join(f"### {table.title}\n\n{markdown_table(table)}" for table in found)
    arguments.page.write_text(replace_measured(arguments.page.read_text(), tables))
    print(tables)


if __name__ == "__main__":
    main()
