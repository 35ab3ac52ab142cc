"""The page of SCALE=paper without a model: `python -m tools.mock_paper -o results/mock-paper`.

Every run is simulated around the published numbers and written in the format of a real one, so that tables, figures
and the page can be looked at before the GPU hours are spent. Nothing in it is a result; each page and figure says so.
"""

from __future__ import annotations

import argparse
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

import numpy as np
from scipy.stats import beta

from rast_eval.analysis.behaviours import BEHAVIOURS
from rast_eval.analysis.divergence import Divergence, divergence_table
from rast_eval.analysis.similarity import Similarity
from rast_eval.paper import prose, published, targets
from rast_eval.paper import trajectory_figures as drawing
from rast_eval.paper.runs import NamedRun, Reproduction, sweep_run
from rast_eval.paper.scale import Scale, paper
from rast_eval.paper.trajectories import Alike, Coverage, Moved, PathCase
from rast_eval.report.page import Block
from rast_eval.results.store import Store
from rast_eval.runs.grading import grade_cell
from rast_eval.statistics import mean_estimate, share_estimate
from rast_eval.types import Arm, Cell, Completion, FinishReason, Grade, Problem, Request, Sample

MARK = "SIMULATED: no model was asked; every run is drawn at random around the published numbers."
SESSION = {"id": "simulated", "engine": {}, "engines": {}, "packages": {}}
CONCENTRATION = 1.2
"""Of a problem's chance around the accuracy: small, so that most problems are easy or hard."""
RIGHT = "7"
"""The answer to every problem."""
BEHAVING = {"base": 0.4, "rast": 1.1, "rl": 1.3, "expert": 0.8}
"""Listed words an output, by role."""
UNPRINTED = {"base": 0.30, "rast": 0.36, "rl": 0.40, "expert": 0.2}
"""Accuracy where the paper prints none."""


def mock_scale(limit: int) -> Scale:
    """The paper's scale with fewer problems, and the released number of runs a point of Figure 6."""
    return replace(paper(), limit=limit, sweep_limit=limit, sweep_n=10, mark=MARK)


@dataclass
class SimulatedReproduction(Reproduction):
    """A reproduction whose runs are drawn instead of generated."""

    def run(self, named: NamedRun) -> Path:
        """Write a run's manifest, samples and grades unless they are there."""
        folder = self.root / "runs" / named.name
        if not (folder / "manifest.json").is_file():
            write_run(named, folder)
        return folder

    def sweep(self) -> None:
        """Write every point of Figure 6."""
        for weight in self.scale.weights:
            self.run(sweep_run(self.scale, weight, 1.0))
        for temperature in self.scale.temperatures:
            self.run(sweep_run(self.scale, 0.5, temperature))


def accuracy(named: NamedRun, cell: Cell) -> float:
    """What a cell is simulated around, as a fraction."""
    deltas, temperature = cell.system.deltas, named.config.temperature
    if named.name.startswith("sweep/"):
        point = (deltas[0].weight, temperature)
        return next(p.average.value for p in published.figure6() if (p.weight, p.temperature) == point) / 100
    delta = deltas[0].antiexpert.label if deltas else ""
    printed = published.score(cell.arm.role, named.base, cell.benchmark, delta)
    if printed is None:
        return UNPRINTED[cell.arm.role]
    return printed.average.value / 100 * (0.8 if cell.arm == "base@sampled" else 1.0)


@dataclass
class SimulatedScorer:
    """Calls right what was written as right."""

    name: str
    version: str = "simulated"

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """Grades in the order of `samples`."""
        answers = [sample.output.rpartition("{")[2].partition("}")[0] for sample in samples]
        return [
            Grade(sample.problem.id, sample.index, answer, answer == RIGHT, "ok", int(answer))
            for sample, answer in zip(samples, answers, strict=True)
        ]


def write_run(named: NamedRun, folder: Path) -> None:
    """One run directory."""
    plan = named.plan()
    store = Store(folder)
    facts = {"status": "simulated", "preset": "paper", "mark": MARK}
    with store.locked(), patch("os.fsync"):  # nobody needs these samples after a power cut
        store.begin(plan.cells, facts, SESSION, overwrite=True)
        for cell in plan.cells:
            problems = [Problem(cell.benchmark, str(i), "", RIGHT) for i in range(cell.problem_count)]
            for completion in _completions(named, cell):
                problem = problems[int(completion.problem_id)]
                request = Request(problem.id, completion.sample, (), 0, problem.sha256)
                store.append(cell, request, completion)
            grade_cell(store, cell, problems, SimulatedScorer(cell.scorer))


def _completions(named: NamedRun, cell: Cell) -> Iterator[Completion]:
    """Outputs of a cell; a problem is as easy or hard in every run."""
    rng = np.random.default_rng(crc32(f"{named.name} {cell.arm} {cell.benchmark}".encode()))
    mean = min(0.98, max(0.02, accuracy(named, cell)))
    ease = np.random.default_rng(sum(map(ord, cell.benchmark))).random(cell.problem_count)
    chances = beta.ppf(ease, mean * CONCENTRATION, (1 - mean) * CONCENTRATION)
    length = prose.LENGTHS.get(cell.benchmark, 700.0)
    for problem, chance in enumerate(chances):
        for sample in range(cell.n):
            answer = RIGHT if rng.random() < chance else str(10 + int(rng.integers(5)))
            text = f"{_behaving(rng, cell.arm)} So the answer is \\boxed{{{answer}}}."
            ended: FinishReason = "length" if rng.random() < 0.01 else "stop"
            yield Completion(str(problem), sample, text, int(rng.lognormal(math.log(length), 0.4)), ended)


def _behaving(rng: np.random.Generator, arm: Arm) -> str:
    """Text with listed words at the arm's rate, the first of a list more often than the last."""
    text = ["We compute the value of the expression in each step."]
    for words in BEHAVIOURS.values():
        for _ in range(rng.poisson(BEHAVING[arm.role])):
            text.append(f"Let us {words[min(len(words) - 1, int(rng.exponential(2)))]} this.")
    return " ".join(text)


PATH = re.findall(
    r" ?\w+|\W",
    " To find the minimum, we look at the distance to the point (0, 20), not (0, 0). If instead we consider the "
    "expression as a sum of three distances, let's check: the third one is from (x, y) to (40, 50).\nThis is "
    "incorrect, so we need another look. Therefore, the answer is \\boxed{70√2}.",
)
SLIPS = {" instead": " this", " check": " see", " incorrect": " true", " another": " to", " look": " correct"}


def figure1(reproduction: Reproduction) -> list[Block]:
    """Simulated path coverage."""
    rng = np.random.default_rng(1)
    rows = []
    for base in reproduction.scale.bases:
        for arm in ("base", "rast"):
            center = prose.COVERAGE.get((base, arm), prose.COVERAGE["32b", "rast"]) / 100
            rates = np.clip(rng.normal(center, 0.02, reproduction.scale.path_problems), 0, 1)
            delta = next(d for b, d in reproduction.scale.pairs if b == base)
            rows.append(Coverage(base, Arm(arm), delta, share_estimate(rates), 0.9, len(rates)))
    case = PathCase("32b", prose.COVERAGE_CASE, tuple(PATH), tuple(SLIPS.get(token, token) for token in PATH))
    return drawing.draw_coverage(reproduction, rows, case)


def figure4(reproduction: Reproduction) -> list[Block]:
    """Simulated similarities."""
    rng = np.random.default_rng(4)
    found = []
    for point in published.figure4():
        raw, weighted = (mean_estimate(rng.normal(point.cosine + shift, 0.05, 50)) for shift in (0.03, 0.15))
        cell = reproduction.pair(point.base, point.delta).cell("rast", reproduction.scale.sweep_benchmark)
        similar = Similarity(point.base, point.delta, raw, weighted, 0.4, 0.9)
        found.append(Alike(similar, cell.recovery if cell else None))
    return drawing.draw_similarity(reproduction, found, reproduction.scale.path_problems)


def figure5(reproduction: Reproduction) -> list[Block]:
    """A simulated divergence along a made-up output."""
    rng = random.Random(5)
    tokens = tuple(PATH * 4)
    kl = tuple(rng.expovariate(40) + (0.9 if token in SLIPS else 0.0) for token in tokens)
    output = Divergence(prose.DIVERGENCE_CASE, tuple(range(len(tokens))), kl, kl, (), 152_064)
    table = divergence_table("1 simulated output", [output], lambda ids: tokens[ids[0]])
    own = tuple(SLIPS.get(token, token) for token in PATH * 3)
    base, delta = reproduction.scale.main_pair
    return drawing.draw_divergence(reproduction, Moved(base, delta, prose.DIVERGENCE_CASE, tokens, kl, own, 1, table))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.mock_paper", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output-dir", type=Path, default=Path("results/mock-paper"))
    parser.add_argument("--limit", type=int, default=60, help="problems a benchmark")
    typed = parser.parse_args()
    root: Path = typed.output_dir
    simulated = {"figure1": figure1, "figure4": figure4, "figure5": figure5}
    known = {name: replace(target, build=simulated.get(name, target.build)) for name, target in targets.TARGETS.items()}
    targets.make(["paper"], SimulatedReproduction(mock_scale(typed.limit), root), known)
    print(root / "paper.html")


if __name__ == "__main__":
    main()
