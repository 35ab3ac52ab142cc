"""The systems of a family of checkpoints, each sampled, stored and graded by the project's own run."""

from __future__ import annotations

import contextlib
import io
import sys
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rast_eval.config import RunConfig
from rast_eval.results.reader import GradeMatrix, iter_samples, load_grades, load_run
from rast_eval.runs import plan, runner
from rast_eval.types import Delta, ModelRef, Models
from tools.tiny_family.workers import pool

BENCHMARK = "tiny-arith"
SIZES = ("s", "m", "l")
PAIRS = (("l", "m"), ("l", "s"), ("m", "s"), ("m", "l"), ("s", "m"), ("s", "l"))
"""(base, delta), the pairs of the paper's kind first: a larger base with a smaller delta."""


@dataclass(frozen=True)
class Family:
    """One folder of six checkpoints, `s-base` … `l-rl`."""

    folder: Path

    def model(self, name: str) -> ModelRef:
        """`m-base` as a reference."""
        return ModelRef(str(self.folder.resolve() / name), name=f"tiny-{name}")

    def delta(self, size: str, weight: float = 1.0) -> Delta:
        """The delta of one size."""
        return Delta(self.model(f"{size}-rl"), self.model(f"{size}-base"), weight)


@dataclass(frozen=True)
class Combination:
    """One system to sample from: a checkpoint alone, or `base` with λ times the delta of another size."""

    base: str
    delta: str | None = None
    weight: float = 1.0

    @property
    def label(self) -> str:
        """`l + 0.5Δs`, or the checkpoint's name."""
        weight = "" if self.weight == 1 else f"{self.weight:g}"
        return f"{self.base.removesuffix('-base')} + {weight}Δ{self.delta}" if self.delta else self.base

    def models(self, family: Family) -> Models:
        """Its models."""
        deltas = (family.delta(self.delta, self.weight),) if self.delta else ()
        return Models(family.model(self.base), deltas, None, "tiny", (BENCHMARK,))


@dataclass(frozen=True)
class Measured:
    """One system's graded outputs."""

    grades: GradeMatrix
    outputs: tuple[str, ...]

    @property
    def by_problem(self) -> np.ndarray:
        """Share of right samples, float64 [N]."""
        shares: np.ndarray = self.grades.correct.mean(axis=1)
        return shares


@dataclass(frozen=True)
class Measurements:
    """Runs combinations, each in a run directory of its own under `work`.

    Attributes:
        n: samples a problem.
        limit: problems, all 400 unless told.
    """

    family: Family
    work: Path
    n: int
    limit: int

    def measure(self, combination: Combination) -> Measured:
        """Generate and grade what is missing of a combination, and read all of it."""
        root = self.work / combination.label.replace(" ", "").replace("Δ", "d")
        built = plan.build(
            RunConfig(combination.models(self.family), ("rast" if combination.delta else "base",), (BENCHMARK,),
                      n=self.n, limit=self.limit)
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            runner.run(built, root)
        run = load_run(root)
        cell = run.cells[0]
        return Measured(load_grades(run, cell), tuple(row["output"] for row in iter_samples(run, cell)))

    def measure_all(self, combinations: list[Combination], processes: int) -> dict[Combination, Measured]:
        """Several combinations, `processes` at a time, each in a process of its own."""
        with pool(processes) as workers:
            futures = {workers.submit(self.measure, combination): combination for combination in combinations}
            found = {}
            for done, future in enumerate(as_completed(futures), start=1):
                found[futures[future]] = future.result()
                print(f"{done}/{len(combinations)} {futures[future].label}", file=sys.stderr)
        return {combination: found[combination] for combination in combinations}
