"""From a run directory to its numbers: one frozen `RunMetrics`, built on grades and samples only.

metrics = evaluate_run(Path("results/demo"))
metrics.cell("rast", "tiny-arith").accuracy.value      # averaged pass@1, a fraction
metrics.cell("rast", "tiny-arith").recovery.value      # share of the base→RL gap
write_metrics(metrics, Path("results/demo"))           # metrics.json, NaN as null
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rast_eval.errors import NothingScored, StoreError
from rast_eval.files import write_json
from rast_eval.names import quoted
from rast_eval.results import provenance
from rast_eval.results.cell_metrics import CellMetrics, Estimator, cell_metrics, cell_warnings, prompt_warnings
from rast_eval.results.comparison import Comparison, compare_arms
from rast_eval.results.drafting import Drafting, draftings
from rast_eval.results.gap import average_recoveries, cell_recovery
from rast_eval.results.reader import GradeMatrix, Run, count_samples, is_graded, load_run, scorer_of
from rast_eval.results.readings import read_both, readings
from rast_eval.results.side_by_side import load_all
from rast_eval.statistics import Recovery
from rast_eval.types import Arm, Cell


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


class _Held(NamedTuple):
    """A cell, the run that holds it, and its grades, None where it was never graded."""

    run: Run
    cell: Cell
    grades: GradeMatrix | None

    @property
    def key(self) -> tuple[Arm, str]:
        return self.cell.arm, self.cell.benchmark


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
    every = _load(loaded, scorer)
    grades = {held.key: held.grades for held in every if held.grades is not None and held.grades.problem_ids}
    if not grades:
        raise StoreError(
            f"{runs[0]} has no problem whose samples are all graded.",
            f"Type the same `rast-eval run` command again; `rast-eval score {quoted(runs[0])}` grades what is there.",
        )
    for benchmark in dict.fromkeys(benchmark for _, benchmark in grades):
        own = [held for held in every if held.key in grades and held.cell.benchmark == benchmark]
        named = {f"{held.run.name}'s {held.cell.arm}": grades[held.key] for held in own}
        provenance.require_same_problems(benchmark, named)
    cells = []
    warnings = list(_run_warnings(loaded))
    for held in every:
        if held.key not in grades:
            warnings.append(_ungraded(held))
            continue
        found = grades[held.key]
        judge = scorer_of(held.cell, scorer)
        figures = cell_metrics(held.cell, found, judge, estimator, ks)
        recovery, notes = cell_recovery(grades, held.cell)
        both = read_both(held.run, held.cell, {judge: found})
        cells.append(dataclasses.replace(figures, recovery=recovery, readings=readings(*both) if both else None))
        warnings += [*cell_warnings(figures, found), *provenance.warnings_of(held.run, held.cell, found), *notes]
    return RunMetrics(
        run=name or loaded[0].name,
        estimator=estimator,
        cells=tuple(cells),
        average_recovery=average_recoveries(grades, cells, estimator),
        warnings=(*warnings, *prompt_warnings(cells)),
        unscored=tuple(f"{c.arm} on {c.benchmark}" for c in cells if c.shares.extracted == 0.0),
        differences=compare_arms(grades, {c.benchmark: c.scorer for c in cells}),
        drafts=tuple(drafting for one in loaded for drafting in draftings(one)),
    )


def _load(runs: Sequence[Run], scorer: str | None) -> list[_Held]:
    """Every cell of the runs once, with its grades: those by `scorer` must be there, its own may be missing."""
    first: dict[tuple[Arm, str], _Held] = {}
    for run in runs:
        for cell in run.cells:
            held = _Held(run, cell, None)
            first.setdefault(held.key, held)
    asked = [key for key, held in first.items() if scorer or is_graded(held.run, held.cell)]
    found = load_all([(first[key].run, first[key].cell) for key in asked], scorer)
    return [*(first | {key: first[key]._replace(grades=own) for key, own in zip(asked, found, strict=True)}).values()]


def _run_warnings(runs: Sequence[Run]) -> Iterator[str]:
    """What a reader must know of whole runs."""
    for run in runs:
        yield from run.notes
    yield from dict.fromkeys(warning for run in runs for warning in provenance.row_warnings(run))
    for run in runs:
        yield from provenance.shard_warnings(run)
    yield from dict.fromkeys(warning for run in runs for warning in provenance.age_warnings(run))


def _ungraded(held: _Held) -> str:
    """What is there of a cell without a whole graded problem."""
    run, cell, found = held
    where = f"{cell.arm} on {cell.benchmark}"
    if found is not None and found.stale:
        again = f"`rast-eval score {quoted(run.path)}` grades again"
        return f"{where}: no grade judges the outputs that are there; {again}."
    there, planned = count_samples(run, cell), cell.problem_count * cell.n
    return f"{where}: no problem graded yet; {there} of {planned} samples are there."


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
