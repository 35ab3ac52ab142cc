"""From the grades of one cell to its figures, and to what a reader must know beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rast_eval import statistics
from rast_eval.results.reader import GradeMatrix
from rast_eval.results.readings import Readings
from rast_eval.results.repair import UNKNOWN
from rast_eval.statistics import Accuracy, Estimate, Recovery
from rast_eval.types import Arm, Cell

Estimator = Literal["unbiased", "paper"]

FEW_EXTRACTED, MANY_TRUNCATED = 0.90, 0.05


@dataclass(frozen=True)
class Shares:
    """What became of the outputs, each a fraction of all of them.

    Attributes:
        boxed: hold a box, so that the output itself says which number is its answer; NaN where the scorer does not say.
        cut_but_right: counted as right though the token limit ended them: their last number happened to be right.
        timed_out, errors: not judged to the end: the time limit, a worker or program that died. Counted as wrong.
    """

    extracted: float
    boxed: float
    truncated: float
    cut_but_right: float
    stopped_by_string: float
    timed_out: float
    errors: float


@dataclass(frozen=True)
class CellMetrics:
    """All figures of one arm on one benchmark.

    Attributes:
        system: what generated, e.g. `32b + Δ14b`.
        decoding: `greedy` or `T=1, top-p 0.95`.
        problems: problems with all samples graded, of `problem_count` planned, of `total` in the benchmark.
        drawn: whether the planned problems are a seeded draw, not the first ones.
        pass_at, majority_at: by k; majority_at is empty where the grader has no votes.
        mean_tokens: generated tokens an output; NaN where an imported log does not say.
        criteria: for programs, the share that passes each criterion of judging them; empty for math.
        recovery: None for arms that define the gap and where base or rl is missing.
        readings: what the score would be under other readings; None where only one scorer judged.
        stopped: where sampling stopped early, the interval that holds at every look; see `statistics.rounds_sequence`.
    """

    arm: Arm
    benchmark: str
    scorer: str
    prompt: str
    system: str
    decoding: str
    max_tokens: int
    problems: int
    problem_count: int
    samples: int
    accuracy: Accuracy
    pass_at: Mapping[int, Estimate]
    majority_at: Mapping[int, Estimate]
    shares: Shares
    mean_tokens: float
    criteria: Mapping[str, float] = field(default_factory=dict)
    recovery: Recovery | None = None
    total: int = 0
    drawn: bool = False
    readings: Readings | None = None
    stopped: Estimate | None = None


def cell_metrics(
    cell: Cell, found: GradeMatrix, scorer: str, estimator: Estimator, ks: Sequence[int] | None
) -> CellMetrics:
    """All figures of a cell that need no other arm.

    Args:
        found: its grades, of one problem or more.
        estimator: `paper` takes the paper's pass@k and majority@k.
        ks: k of pass@k and majority@k; None: the powers of two up to n.
    """
    extracted = np.array([[prediction.strip() != "" for prediction in row] for row in found.predictions])
    has_votes = bool((found.votes >= 0).any()) or not bool(extracted.any())
    wanted = sorted(set(ks)) if ks else [2**i for i in range(cell.n.bit_length()) if 2**i <= cell.n]
    passes: dict[int, Estimate] = {}
    majorities: dict[int, Estimate] = {}
    for k in wanted:
        unbiased = estimator == "unbiased"
        hits = statistics.pass_at_k(found.correct, k) if unbiased else statistics.pass_at_k_paper(found.correct, k)
        passes[k] = statistics.share_estimate(hits)
        if not has_votes:
            continue
        if unbiased:
            wins = statistics.majority_at_k(found.correct, found.votes, k)
        else:
            wins = statistics.majority_at_k_paper(found.correct, found.predictions, k)
        majorities[k] = statistics.share_estimate(wins)
    status = np.array(found.status)
    sampling = cell.sampling
    nucleus = "" if math.isnan(sampling.top_p) else f", top-p {sampling.top_p:g}"
    decoding = "greedy" if sampling.greedy else f"T={sampling.temperature:g}{nucleus}"
    if math.isnan(sampling.temperature):
        decoding = UNKNOWN
    return CellMetrics(
        arm=cell.arm,
        benchmark=cell.benchmark,
        scorer=scorer,
        prompt=cell.prompt,
        system=cell.system.label,
        decoding=decoding,
        max_tokens=sampling.max_tokens,
        problems=len(found.problem_ids),
        problem_count=cell.problem_count,
        samples=cell.n,
        accuracy=statistics.accuracy(found.correct),
        pass_at=passes,
        majority_at=majorities,
        shares=Shares(
            extracted=float(extracted.mean()),
            boxed=math.nan if found.boxed is None else float(found.boxed.mean()),
            truncated=float(found.truncated.mean()),
            cut_but_right=float((found.truncated & found.correct).mean()),
            stopped_by_string=float(found.stopped_by_string.mean()),
            timed_out=float((status == "timeout").mean()),
            errors=float((status == "error").mean()),
        ),
        mean_tokens=math.nan if (found.num_tokens < 0).any() else float(found.num_tokens.mean()),
        criteria=found.criteria,
        total=cell.total,
        drawn=cell.draw is not None,
        stopped=statistics.rounds_sequence(found.correct, cell.until / 100) if cell.until else None,
    )


def cell_warnings(cell: CellMetrics, found: GradeMatrix) -> list[str]:
    """What a reader must know beside a cell's score, sentences."""
    where, shares, warnings = f"{cell.arm} on {cell.benchmark}", cell.shares, []
    if shares.extracted == 0.0:
        warnings.append(f"{where}: NO answer could be extracted; its score says nothing about the model.")
    elif shares.extracted < FEW_EXTRACTED:
        warnings.append(f"{where}: an answer could be extracted from {shares.extracted:.1%} of the outputs only.")
    if shares.truncated > MANY_TRUNCATED:
        early = 0 <= found.num_tokens[found.truncated].min() < cell.max_tokens
        limit = f"{cell.max_tokens} tokens{', or before that by the context of the models' if early else ''}"
        warnings.append(f"{where}: {shares.truncated:.1%} of the outputs were cut at {limit}.")
    if shares.errors:
        failed = f"{shares.errors:.2%} of the outputs could not be judged, because a worker or program died"
        warnings.append(f"{where}: {failed}; they count as wrong.")
    if cell.problems < cell.problem_count:
        partly = f", {found.incomplete} more in part" if found.incomplete else ""
        warnings.append(f"{where}: {cell.problems} of {cell.problem_count} problems are done{partly}.")
    return warnings


def prompt_warnings(cells: Sequence[CellMetrics]) -> list[str]:
    """A sentence for each benchmark whose arms were not asked alike."""
    warnings = []
    for benchmark in dict.fromkeys(c.benchmark for c in cells):
        used = {c.arm: c.prompt for c in cells if c.benchmark == benchmark}
        if len(set(used.values())) > 1:
            listed = ", ".join(f"{arm} {prompt}" for arm, prompt in used.items())
            warnings.append(f"{benchmark}: the arms were asked under different prompts ({listed}).")
    return warnings
