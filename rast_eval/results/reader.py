"""The read side of a run directory: manifest, samples and grades as problem × sample matrices.

Reading takes no lock and writes nothing, so a run can be looked at while it grows:

    run = load_run(Path("results/demo"))
    grades = load_grades(run, run.cells[0])
    grades.correct.shape      # (problems, samples)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rast_eval.errors import StoreError, UnknownName, UsageError
from rast_eval.inputs import presets
from rast_eval.results.digests import is_sealed
from rast_eval.results.store import Store, read_lines
from rast_eval.scoring.registry import chosen
from rast_eval.types import Cell

CRITERIA = (("base", "plus"), ("official", "process"))
"""Ways of judging a program that grades may carry: EvalPlus's two sets of inputs, LiveCodeBench's two kinds of IO."""

ENDING = ("num_tokens", "finish_reason", "stop_reason", "output_sha256", "problem_sha256", "session")
"""What is read of a sample's line beside its output."""


@dataclass(frozen=True)
class Run:
    """A run directory whose manifest has been read."""

    path: Path
    manifest: Mapping[str, Any]
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def estimator(self) -> str:
        """What the run's preset estimates with: `unbiased` or `paper`."""
        preset = presets.PRESETS.get(str(self.manifest.get("preset")))
        return preset.estimator if preset else "unbiased"

    def cell(self, arm: str, benchmark: str) -> Cell | None:
        """The cell of one arm on one benchmark."""
        return next((c for c in self.cells if c.arm == arm and c.benchmark == benchmark), None)


@dataclass(frozen=True)
class GradeMatrix:
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
        criteria: share of outputs that pass each criterion for programs, e.g. `{"base": 0.8, "plus": 0.7}`.
        stale: grades that judge another output than the stored one or were altered; they count as missing.
        problem_sha256: N digests of question and gold, `Problem.sha256`.
        sessions: ids of the sessions that made the samples.
        scorer_versions: of the scorer that judged them; one, unless grades of several versions were mixed.
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
    criteria: Mapping[str, float]
    stale: int = 0
    problem_sha256: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    scorer_versions: tuple[str, ...] = ()

    @property
    def by_problem(self) -> dict[str, float]:
        """Share of right samples by problem id."""
        return dict(zip(self.problem_ids, self.correct.mean(axis=1).tolist(), strict=True))


def load_run(path: Path) -> Run:
    """Read a run's manifest.

    Raises:
        StoreError: there is no readable manifest.
    """
    manifest = Store(path).manifest()
    try:
        cells = tuple(Cell.from_json(row) for row in manifest["cells"])
    except (ValueError, KeyError, TypeError, UnknownName) as error:
        raise StoreError(
            f"The manifest of {path} lacks what a run's has ({error}).", "Run the same `rast-eval run` command again."
        ) from error
    return Run(path, manifest, cells)


def iter_samples(run: Run, cell: Cell) -> Iterator[dict[str, Any]]:
    """Sample lines of a cell, shards included, without lines of another fingerprint or beyond n.

    Files hold at most one whole run; one line is in memory at a time.
    """
    rows = Store(run.path).iter_samples(cell)
    return (row for row in rows if int(row["sample"]) < cell.n)


def scorer_of(cell: Cell, scorer: str | None) -> str:
    """The scorer to read: one asked for replaces another that judges the same, so a math scorer never a code one."""
    return chosen(cell.scorer, scorer)


def grades_file(run: Run, cell: Cell, scorer: str | None = None) -> Path:
    """Where the grades of a cell lie."""
    return Store(run.path).grades_file(cell, scorer_of(cell, scorer))


def is_graded(run: Run, cell: Cell) -> bool:
    """Whether the cell has grades by its own scorer."""
    return grades_file(run, cell).is_file()


def load_grades(run: Run, cell: Cell, scorer: str | None = None) -> GradeMatrix:
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
    judged = {(str(row["problem_id"]), int(row["sample"])): row for row in read_lines(file)}
    ends: dict[tuple[str, int], dict[str, Any]] = {}
    order: dict[str, None] = {}
    for row in iter_samples(run, cell):
        problem, sample = str(row["problem_id"]), int(row["sample"])
        order.setdefault(problem)
        ends.setdefault((problem, sample), {key: row.get(key) for key in ENDING})
    grades = {key: row for key, row in judged.items() if key in ends and _belongs(row, ends[key], name)}
    columns = range(cell.n)
    done = [p for p in order if all((p, j) in grades and (p, j) in ends for j in columns)]

    def matrix(source: Mapping[tuple[str, int], Mapping[str, Any]], key: str) -> list[list[Any]]:
        return [[source[p, j].get(key) for j in columns] for p in done]

    shape = (len(done), cell.n)
    votes = [[-1 if vote is None else vote for vote in row] for row in matrix(grades, "vote")]
    stops = matrix(ends, "stop_reason")
    judges = sorted({row["scorer_version"] for row in grades.values()})
    return GradeMatrix(
        problem_ids=tuple(done),
        correct=np.array(matrix(grades, "correct"), dtype=np.bool_).reshape(shape),
        votes=np.array(votes, dtype=np.int_).reshape(shape),
        predictions=tuple(tuple(str(x or "") for x in row) for row in matrix(grades, "prediction")),
        status=tuple(tuple(row) for row in matrix(grades, "status")),
        num_tokens=np.array(matrix(ends, "num_tokens"), dtype=np.int_).reshape(shape),
        truncated=np.array([[x == "length" for x in row] for row in matrix(ends, "finish_reason")]).reshape(shape),
        stopped_by_string=np.array([[isinstance(x, str) for x in row] for row in stops]).reshape(shape),
        incomplete=len(order) - len(done),
        criteria=_criteria([row for rows in matrix(grades, "details") for row in rows]),
        stale=sum(key in ends for key in judged) - len(grades),
        problem_sha256=tuple(ends[p, 0]["problem_sha256"] for p in done),
        sessions=tuple(dict.fromkeys(row["session"] for row in ends.values())),
        scorer_versions=tuple(judges),
    )


def _belongs(grade: Mapping[str, Any], ending: Mapping[str, Any], scorer: str) -> bool:
    """Whether a grade is as `scorer` gave it to the stored output."""
    return grade.get("output_sha256") == ending["output_sha256"] and grade["scorer"] == scorer and is_sealed(grade)


def _criteria(details: Sequence[Mapping[str, Any] | None]) -> dict[str, float]:
    """Shares of programs that pass, by way; one that a program never came to counts as not passed."""
    present = {criterion for facts in details for criterion in facts or {}}
    named = [criterion for pair in CRITERIA if present & set(pair) for criterion in pair]
    return {
        criterion: sum((facts or {}).get(criterion) == "pass" for facts in details) / len(details)
        for criterion in named
    }
