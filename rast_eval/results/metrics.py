"""From a run directory to its numbers: one frozen `RunMetrics`, built on grades and samples only.

metrics = evaluate_run(Path("results/demo"))
metrics.cell("rast", "tiny-arith").accuracy.value      # averaged pass@1, a fraction
metrics.cell("rast", "tiny-arith").recovery.value      # share of the base→RL gap
write_metrics(metrics, Path("results/demo"))           # metrics.json, NaN as null
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rast_eval import statistics
from rast_eval.errors import NothingScored, StoreError
from rast_eval.files import write_json
from rast_eval.names import quoted
from rast_eval.results import provenance
from rast_eval.results.comparison import Comparison, compare_arms
from rast_eval.results.drafting import Drafting, draftings
from rast_eval.results.reader import GradeMatrix, Run, count_samples, is_graded, load_run, scorer_of
from rast_eval.results.readings import Readings, read_both, readings
from rast_eval.results.recovery import UNKNOWN
from rast_eval.results.side_by_side import load_all
from rast_eval.statistics import Accuracy, Estimate, Recovery
from rast_eval.statistics.recovery import NEGATIVE
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


@dataclass(frozen=True)
class RunMetrics:
    """All figures of a run.

    Attributes:
        average_recovery: by arm over the benchmarks that have all three arms, where there are several benchmarks.
        differences: RAST minus every other arm, tested.
        warnings: sentences a reader must see beside the scores.
        drafts: what became of drafted tokens, of every arm that had some.
        unscored: `arm on benchmark` wherever no answer at all was extracted.
    """

    run: str
    estimator: Estimator
    cells: tuple[CellMetrics, ...]
    average_recovery: Mapping[str, Recovery]
    warnings: tuple[str, ...]
    unscored: tuple[str, ...]
    differences: tuple[Comparison, ...] = ()
    drafts: tuple[Drafting, ...] = ()

    def cell(self, arm: str, benchmark: str) -> CellMetrics | None:
        """The figures of one arm on one benchmark."""
        return next((c for c in self.cells if c.arm == arm and c.benchmark == benchmark), None)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms in table order."""
        return tuple(sorted({c.arm for c in self.cells}, key=lambda arm: arm.order))

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Benchmarks in the order of the plan."""
        return tuple(dict.fromkeys(c.benchmark for c in self.cells))


def evaluate_run(
    run: Path, scorer: str | None = None, estimator: Estimator | None = None, ks: Sequence[int] | None = None
) -> RunMetrics:
    """Compute every figure of a run; see `evaluate_runs`."""
    return evaluate_runs([run], scorer, estimator, ks)


def evaluate_runs(
    runs: Sequence[Path],
    scorer: str | None = None,
    estimator: Estimator | None = None,
    ks: Sequence[int] | None = None,
    name: str | None = None,
) -> RunMetrics:
    """Compute every figure of the arms that one or several runs hold together.

    Several runs serve where one base and ceiling stand beside several deltas: each is generated once.

    Args:
        runs: where two hold the same arm on the same benchmark, the first one counts.
        scorer: replaces the math scorer that the run was graded with first.
        estimator: `paper` takes the paper's pass@k, majority@k and averaged recovery instead; None follows
            the run's preset.
        ks: k of pass@k and majority@k; by default the powers of two up to n.
        name: of the result; by default the first run's.

    Raises:
        StoreError: no manifest, nothing graded yet, or arms that answered different problems under one id.
        UsageError: a cell has no grades by `scorer`.
    """
    loaded = [load_run(run) for run in runs]
    estimator = estimator or ("paper" if loaded[0].estimator == "paper" else "unbiased")
    planned: dict[tuple[Arm, str], Cell] = {}
    grades: dict[tuple[Arm, str], GradeMatrix] = {}
    other_readings: dict[tuple[Arm, str], Readings] = {}
    ungraded: dict[tuple[Arm, str], str] = {}
    holder: dict[tuple[Arm, str], Run] = {}
    for one in loaded:
        for cell in one.cells:
            key = (cell.arm, cell.benchmark)
            if key not in planned:
                planned[key], holder[key] = cell, one
    held = [key for key, cell in planned.items() if scorer or is_graded(holder[key], cell)]
    loaded_grades = dict(zip(held, load_all([(holder[key], planned[key]) for key in held], scorer), strict=True))
    for key, cell in planned.items():
        found = loaded_grades.get(key)
        if found is not None and found.problem_ids:
            grades[key] = found
        else:
            ungraded[key] = _ungraded(holder[key], cell, found)
        if both := read_both(holder[key], cell, {scorer_of(cell, scorer): found}):
            other_readings[key] = readings(*both)
    if not grades:
        raise StoreError(
            f"{runs[0]} has no problem whose samples are all graded.",
            f"Type the same `rast-eval run` command again; `rast-eval score {quoted(runs[0])}` grades what is there.",
        )
    for benchmark in dict.fromkeys(benchmark for _, benchmark in grades):
        named = {f"{holder[key].name}'s {key[0]}": found for key, found in grades.items() if key[1] == benchmark}
        provenance.require_same_problems(benchmark, named)
    cells = []
    warnings = [note for one in loaded for note in one.notes]
    warnings += dict.fromkeys(warning for one in loaded for warning in provenance.row_warnings(one))
    warnings += [warning for one in loaded for warning in provenance.shard_warnings(one)]
    warnings += dict.fromkeys(warning for one in loaded for warning in provenance.age_warnings(one))
    for key, cell in planned.items():
        if key not in grades:
            warnings.append(ungraded[key])
            continue
        figures = _cell_metrics(cell, grades[key], scorer_of(cell, scorer), estimator, ks)
        recovery, note = _recovery(grades, cell)
        cells.append(dataclasses.replace(figures, recovery=recovery, readings=other_readings.get(key)))
        made_by = provenance.warnings_of(holder[key], cell, grades[key])
        warnings += [*_cell_warnings(figures, grades[key]), *made_by, *note]
    warnings += _prompt_warnings(cells)
    unscored = tuple(f"{c.arm} on {c.benchmark}" for c in cells if c.shares.extracted == 0.0)
    average = _average_recoveries(grades, cells, estimator)
    differences = compare_arms(grades, {c.benchmark: c.scorer for c in cells})
    name = name or loaded[0].name
    drafts = tuple(drafting for one in loaded for drafting in draftings(one))
    return RunMetrics(name, estimator, tuple(cells), average, tuple(warnings), unscored, differences, drafts)


def require_scored(metrics: RunMetrics) -> None:
    """Call it last, when everything has been written and shown; a single empty cell is a warning of its own.

    Raises:
        NothingScored: no answer could be extracted from any output of the whole run.
    """
    if metrics.unscored and len(metrics.unscored) == len(metrics.cells):
        raise NothingScored(
            f"No answer could be extracted at all: {', '.join(metrics.unscored)}.",
            "Look at the outputs in the run's samples/, then check --prompt and --max-tokens.",
        )


def to_jsonable(value: Any) -> Any:
    """Dataclasses as plain JSON values, NaN and infinities as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_metrics(metrics: RunMetrics, run: Path) -> Path:
    """Write `metrics.json` into the run; fractions, never percent."""
    file = run / "metrics.json"
    write_json(file, to_jsonable(metrics))
    return file


def _cell_metrics(
    cell: Cell, found: GradeMatrix, scorer: str, estimator: Estimator, ks: Sequence[int] | None
) -> CellMetrics:
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


GradesByCell = Mapping[tuple[Arm, str], GradeMatrix]


Triple = tuple[list[float], list[float], list[float]]


def _aligned(grades: GradesByCell, arm: Arm, benchmark: str) -> tuple[Triple, list[str]] | None:
    """Shares of right samples of (base, arm, rl) on their common problems, and what was left out."""
    base = next((name for name in map(Arm, ("base", "base@sampled")) if (name, benchmark) in grades), None)
    ceiling = Arm("rl")
    if base is None or (ceiling, benchmark) not in grades or (arm, benchmark) not in grades:
        return None
    low, own, high = (grades[name, benchmark].by_problem for name in (base, arm, ceiling))
    common = [p for p in own if p in low and p in high]
    if not common:
        return None
    note = f"Recovery of {arm} on {benchmark}: over the {len(common)} problems that base, {arm} and rl share."
    triple = ([low[p] for p in common], [own[p] for p in common], [high[p] for p in common])
    return triple, [note] if len(common) < max(len(low), len(own), len(high)) else []


def _recovery(grades: GradesByCell, cell: Cell) -> tuple[Recovery | None, list[str]]:
    arms = _aligned(grades, cell.arm, cell.benchmark) if cell.arm.closes_gap else None
    if arms is None:
        return None, []
    found, notes = statistics.recovery(*arms[0]), arms[1]
    if found.note == NEGATIVE:
        notes = [
            *notes,
            f"{cell.benchmark}: the RL ceiling is {-100 * found.gap:.1f} points below the base, so {cell.arm} has no "
            "recovery rate there.",
        ]
    return found, notes


def _average_recoveries(
    grades: GradesByCell, cells: Sequence[CellMetrics], estimator: Estimator
) -> dict[str, Recovery]:
    result: dict[str, Recovery] = {}
    for arm in dict.fromkeys(c.arm for c in cells if c.arm.closes_gap):
        rows = [_aligned(grades, arm, c.benchmark) for c in cells if c.arm == arm]
        triples = [row[0] for row in rows if row is not None]
        if not triples or len(rows) < 2:
            continue
        average = statistics.average_recovery(triples)
        if estimator == "paper":
            rates = [c.recovery.value for c in cells if c.arm == arm and c.recovery is not None]
            rates = [rate for rate in rates if not math.isnan(rate)]
            mean = statistics.mean_of_ratios(rates)
            kind, note = "mean of ratios", "paper's estimator"
            average = Recovery(mean, math.nan, math.nan, average.gap, kind, note, len(rates))
        result[arm] = average
    return result


def _ungraded(run: Run, cell: Cell, found: GradeMatrix | None) -> str:
    """What is there of a cell without a whole graded problem."""
    where, planned = f"{cell.arm} on {cell.benchmark}", cell.problem_count * cell.n
    if found is not None and found.stale:
        return (
            f"{where}: no grade judges the outputs that are there; `rast-eval score {quoted(run.path)}` grades again."
        )
    return f"{where}: no problem graded yet; {count_samples(run, cell)} of {planned} samples are there."


def _cell_warnings(cell: CellMetrics, found: GradeMatrix) -> list[str]:
    where, shares, warnings = f"{cell.arm} on {cell.benchmark}", cell.shares, []
    if shares.extracted == 0.0:
        warnings.append(f"{where}: NO answer could be extracted; its score says nothing about the model.")
    elif shares.extracted < FEW_EXTRACTED:
        warnings.append(f"{where}: an answer could be extracted from {shares.extracted:.1%} of the outputs only.")
    if shares.truncated > MANY_TRUNCATED:
        warnings.append(f"{where}: {shares.truncated:.1%} of the outputs were cut at {cell.max_tokens} tokens.")
    if shares.errors:
        failed = f"{shares.errors:.2%} of the outputs could not be judged, because a worker or program died"
        warnings.append(f"{where}: {failed}; they count as wrong.")
    if cell.problems < cell.problem_count:
        partly = f", {found.incomplete} more in part" if found.incomplete else ""
        warnings.append(f"{where}: {cell.problems} of {cell.problem_count} problems are done{partly}.")
    return warnings


def _prompt_warnings(cells: Sequence[CellMetrics]) -> list[str]:
    warnings = []
    for benchmark in dict.fromkeys(c.benchmark for c in cells):
        used = {c.arm: c.prompt for c in cells if c.benchmark == benchmark}
        if len(set(used.values())) > 1:
            listed = ", ".join(f"{arm} {prompt}" for arm, prompt in used.items())
            warnings.append(f"{benchmark}: the arms were asked under different prompts ({listed}).")
    return warnings
