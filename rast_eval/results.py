"""The read side of a run directory: manifest, samples and grades as problem × sample matrices.

Reading takes no lock and writes nothing, so a run can be looked at while it grows:

    run = load_run(Path("results/demo"))
    verdicts = load_verdicts(run, run.cells[0])
    verdicts.correct.shape      # (problems, samples)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rast_eval import presets
from rast_eval.errors import StoreError, UsageError
from rast_eval.store import Store, read_lines

WAYS = (("base", "plus"), ("official", "process"))
"""Ways of judging a program that grades may carry: EvalPlus's two sets of inputs, LiveCodeBench's two kinds of IO."""

MATH_SCORERS = ("simplerl", "strict")


@dataclass(frozen=True)
class CellRecord:
    """A cell as its manifest describes it.

    Attributes:
        system: `{"base": {"path", "revision", "name"}, "deltas": [{"expert", "antiexpert", "weight"}]}`.
        sampling: `{"temperature", "top_p", "max_tokens"}`.
    """

    arm: str
    benchmark: str
    scorer: str
    prompt: str
    n: int
    problem_count: int
    fingerprint: str
    sampling: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)

    @property
    def greedy(self) -> bool:
        """Whether the cell was decoded at temperature 0."""
        return float(self.sampling.get("temperature", 1.0)) == 0.0

    @property
    def system_label(self) -> str:
        """`32b`, or `32b + Δ14b` with weights other than 1 as in `32b + 0.7Δ14b`."""
        base, deltas = self.system.get("base") or {}, self.system.get("deltas") or []
        terms = [_model_name(base)]
        for delta in deltas:
            weight = float(delta.get("weight", 1.0))
            name = _model_name(delta.get("expert") or {}).removesuffix("-rl")
            terms.append(f"{'' if weight == 1.0 else f'{weight:g}'}Δ{name}")
        return " + ".join(terms)


@dataclass(frozen=True)
class RunRecord:
    """A run directory whose manifest has been read."""

    path: Path
    manifest: Mapping[str, Any]
    cells: tuple[CellRecord, ...]

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def estimator(self) -> str:
        """What the run's preset estimates with: `unbiased` or `paper`."""
        preset = presets.PRESETS.get(str(self.manifest.get("preset")))
        return preset.estimator if preset else "unbiased"

    def cell(self, arm: str, benchmark: str) -> CellRecord | None:
        """The cell of one arm on one benchmark."""
        return next((c for c in self.cells if c.arm == arm and c.benchmark == benchmark), None)


@dataclass(frozen=True)
class Verdicts:
    """Everything known about the graded problems of a cell; N problems whose n samples are all graded.

    Attributes:
        problem_ids: N ids, in the order of the samples file.
        correct: bool [N, n].
        votes: int [N, n], class of the answer within its problem; −1 = no answer.
        predictions: N lists of n extracted answers.
        status: N lists of n grade statuses.
        num_tokens: int [N, n], generated tokens without the end token.
        truncated: bool [N, n], ended by the token limit.
        stopped_by_string: bool [N, n], ended by a stop string.
        incomplete: problems seen with some, but not all, of their samples graded.
        ways: share of outputs that pass each way of judging a program, e.g. `{"base": 0.8, "plus": 0.7}`.
    """

    problem_ids: tuple[str, ...]
    correct: NDArray[np.bool_]
    votes: NDArray[np.int_]
    predictions: tuple[tuple[str, ...], ...]
    status: tuple[tuple[str, ...], ...]
    num_tokens: NDArray[np.int_]
    truncated: NDArray[np.bool_]
    stopped_by_string: NDArray[np.bool_]
    incomplete: int
    ways: Mapping[str, float]

    @property
    def by_problem(self) -> dict[str, float]:
        """Share of right samples by problem id."""
        return dict(zip(self.problem_ids, self.correct.mean(axis=1).tolist(), strict=True))


def load_run(path: Path) -> RunRecord:
    """Read a run's manifest.

    Raises:
        StoreError: there is no readable manifest.
    """
    manifest = Store(path).manifest()
    try:
        cells = tuple(_cell(row) for row in manifest["cells"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"The manifest of {path} lacks what a run's has ({error}).", "Run the same `rast-eval run` command again."
        ) from error
    return RunRecord(path, manifest, cells)


def iter_samples(run: RunRecord, cell: CellRecord) -> Iterator[dict[str, Any]]:
    """Sample lines of a cell, shards included, without lines of another fingerprint or beyond n.

    Files hold at most one whole run; one line is in memory at a time.
    """
    rows = Store(run.path).iter_samples(cell.arm, cell.benchmark, cell.fingerprint)
    return (row for row in rows if int(row["sample"]) < cell.n)


def scorer_of(cell: CellRecord, scorer: str | None) -> str:
    """The scorer to read: a math scorer asked for replaces another math scorer, never a code one."""
    return scorer if scorer and cell.scorer in MATH_SCORERS else cell.scorer


def grades_file(run: RunRecord, cell: CellRecord, scorer: str | None = None) -> Path:
    """Where the grades of a cell lie."""
    return run.path / "grades" / cell.arm / f"{cell.benchmark}.{scorer_of(cell, scorer)}.jsonl"


def is_graded(run: RunRecord, cell: CellRecord) -> bool:
    """Whether the cell has grades by its own scorer."""
    return grades_file(run, cell).is_file()


def load_verdicts(run: RunRecord, cell: CellRecord, scorer: str | None = None) -> Verdicts:
    """Join grades with what the samples say about their ending.

    Raises:
        UsageError: the cell was never graded by `scorer`.
    """
    name, file = scorer_of(cell, scorer), grades_file(run, cell, scorer)
    if not file.is_file():
        raise UsageError(
            f"{cell.arm} on {cell.benchmark} has no grades by the scorer {name}.",
            f"Type `rast-eval score {run.path} --scorer {name}` first.",
        )
    grades = {(str(row["problem_id"]), int(row["sample"])): row for row in read_lines(file)}
    ends: dict[tuple[str, int], dict[str, Any]] = {}
    order: dict[str, None] = {}
    for row in iter_samples(run, cell):
        problem, sample = str(row["problem_id"]), int(row["sample"])
        order.setdefault(problem)
        ends.setdefault(
            (problem, sample), {key: row.get(key) for key in ("num_tokens", "finish_reason", "stop_reason")}
        )
    columns = range(cell.n)
    done = [p for p in order if all((p, j) in grades and (p, j) in ends for j in columns)]

    def matrix(source: Mapping[tuple[str, int], Mapping[str, Any]], key: str) -> list[list[Any]]:
        return [[source[p, j].get(key) for j in columns] for p in done]

    shape = (len(done), cell.n)
    votes = [[-1 if vote is None else vote for vote in row] for row in matrix(grades, "vote")]
    stops = matrix(ends, "stop_reason")
    return Verdicts(
        problem_ids=tuple(done),
        correct=np.array(matrix(grades, "correct"), dtype=np.bool_).reshape(shape),
        votes=np.array(votes, dtype=np.int_).reshape(shape),
        predictions=tuple(tuple(str(x or "") for x in row) for row in matrix(grades, "prediction")),
        status=tuple(tuple(row) for row in matrix(grades, "status")),
        num_tokens=np.array(matrix(ends, "num_tokens"), dtype=np.int_).reshape(shape),
        truncated=np.array([[x == "length" for x in row] for row in matrix(ends, "finish_reason")]).reshape(shape),
        stopped_by_string=np.array([[isinstance(x, str) for x in row] for row in stops]).reshape(shape),
        incomplete=len(order) - len(done),
        ways=_ways([row for rows in matrix(grades, "details") for row in rows]),
    )


def _ways(details: Sequence[Mapping[str, Any] | None]) -> dict[str, float]:
    """Shares of programs that pass, by way; one that a program never came to counts as not passed."""
    present = {way for facts in details for way in facts or {}}
    named = [way for pair in WAYS if present & set(pair) for way in pair]
    return {way: sum((facts or {}).get(way) == "pass" for facts in details) / len(details) for way in named}


def _cell(row: Mapping[str, Any]) -> CellRecord:
    return CellRecord(
        arm=row["arm"],
        benchmark=row["benchmark"],
        scorer=row["scorer"],
        prompt=row.get("prompt", ""),
        n=int(row["n"]),
        problem_count=int(row["problem_count"]),
        fingerprint=row["fingerprint"],
        sampling=row.get("sampling") or {},
        system=row.get("system") or {},
    )


def _model_name(ref: Mapping[str, Any]) -> str:
    return str(ref.get("name") or Path(str(ref.get("path", "?"))).name)
