"""The read side of a run directory: manifest, samples and grades as problem × sample matrices.

Reading takes no lock and writes nothing, so a run can be looked at while it grows, and one that is read-only at all.
Damaged lines are named and left out; a damaged manifest is named, and the samples tell what they can in its place.

    run = load_run(Path("results/demo"))
    grades = load_grades(run, run.cells[0])
    grades.correct.shape      # (problems, samples)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs import presets
from rast_eval.names import quoted
from rast_eval.results import lines, repair
from rast_eval.results.digests import belongs
from rast_eval.results.lines import BUFFER_BYTES, Damage
from rast_eval.results.samples import Key, key_of
from rast_eval.results.store import Store
from rast_eval.scoring.math.boxes import BOXED
from rast_eval.scoring.registry import chosen
from rast_eval.types import Cell

CRITERIA = (("base", "plus"), ("official", "process"))
"""Ways of judging a program that grades may carry: EvalPlus's two sets of inputs, LiveCodeBench's two kinds of IO."""

_CRITERIA = frozenset(name for pair in CRITERIA for name in pair)


@dataclass(frozen=True)
class Run:
    """A run directory whose manifest has been read.

    Attributes:
        notes: what a reader must know about its files, sentences.
    """

    path: Path
    manifest: Mapping[str, Any]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()

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
        problem_ids: N ids, shorter ones first, then by their text.
        correct: bool [N, n].
        votes: int [N, n], class of the answer within its problem; −1 = no answer.
        predictions: N lists of n extracted answers.
        status: N lists of n grade statuses.
        num_tokens: int [N, n], generated tokens without the end token.
        truncated: bool [N, n], ended by the token limit.
        stopped_by_string: bool [N, n], ended by a stop string.
        incomplete: problems seen with some, but not all, of their samples graded.
        criteria: share of outputs that pass each criterion for programs, e.g. `{"base": 0.8, "plus": 0.7}`.
        boxed: bool [N, n], the output holds a box; None where the scorer does not say.
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
    boxed: NDArray[np.bool_] | None = None
    stale: int = 0
    problem_sha256: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    scorer_versions: tuple[str, ...] = ()

    @property
    def by_problem(self) -> dict[str, float]:
        """Share of right samples by problem id."""
        return dict(zip(self.problem_ids, self.correct.mean(axis=1).tolist(), strict=True))


def load_run(path: Path) -> Run:
    """Read a run's manifest; without a readable one its cells are those that the samples tell of.

    Raises:
        StoreError: there is neither.
    """
    try:
        manifest = Store(path).manifest()
    except StoreError as error:
        cells = tuple(repair.rebuild_cells(path))
        if not cells:
            raise
        note = (
            f"{error.message} What the samples tell stands here; {repair.LOST} are unknown until the same "
            "`rast-eval run` command is typed again."
        )
        warnings.warn(note, stacklevel=2)
        return Run(path, {}, cells, (note,))
    return Run(path, manifest, tuple(Cell.from_json(row) for row in manifest["cells"]))


def iter_samples(run: Run, cell: Cell) -> Iterator[dict[str, Any]]:
    """Samples of a cell, shards included, without those of another fingerprint or beyond n; one in memory at a time."""
    return (row for row in Store(run.path).iter_samples(cell) if row["sample"] < cell.n)


def count_samples(run: Run, cell: Cell) -> int:
    """Samples of the cell that are there."""
    return sum(row["sample"] < cell.n for row in Store(run.path).heads(cell))


def scorer_of(cell: Cell, scorer: str | None) -> str:
    """The scorer to read: one asked for replaces another that judges the same, so a math scorer never a code one."""
    return chosen(cell.scorer, scorer)


def grades_file(run: Run, cell: Cell, scorer: str | None = None) -> Path:
    """Where the grades of a cell lie."""
    return Store(run.path).grades_file(cell, scorer_of(cell, scorer))


def is_graded(run: Run, cell: Cell) -> bool:
    """Whether the cell has grades by its own scorer."""
    return grades_file(run, cell).is_file()


class _Ending(NamedTuple):
    """What a sample says of its output."""

    digest: str
    tokens: int
    cut: bool
    stopped: bool
    problem: str
    session: str


class _Judged(NamedTuple):
    """What a grade says of it."""

    correct: bool
    vote: int
    prediction: str
    status: str
    criteria: Mapping[str, str] | None
    boxed: bool | None
    version: str


def load_grades(run: Run, cell: Cell, scorer: str | None = None) -> GradeMatrix:
    """Join grades with what the samples say about their ending.

    Raises:
        UsageError: the cell was never graded by `scorer`.
    """
    name, file = scorer_of(cell, scorer), grades_file(run, cell, scorer)
    if not file.is_file():
        raise UsageError(
            f"{cell.arm} on {cell.benchmark} has no grades by the scorer {name}.",
            f"Type `rast-eval score {quoted(run.path)} --scorer {name}` first.",
        )
    endings = {
        key_of(row): _Ending(
            row["output_sha256"],
            row["num_tokens"],
            row["finish_reason"] == "length",
            isinstance(row.get("stop_reason"), str),
            intern(row["problem_sha256"]),
            intern(row["session"]),
        )
        for row in Store(run.path).heads(cell)
        if row["sample"] < cell.n
    }
    judged, stale = _read_grades(file, endings, name)
    columns = range(cell.n)
    # Sorted, so that sums do not depend on the order in which an interrupted run was finished.
    order = sorted({problem for problem, _ in endings}, key=lambda problem: (len(problem), problem))
    done = tuple(p for p in order if all((p, j) in judged for j in columns))
    found = [[judged[p, j] for j in columns] for p in done]
    ends = [[endings[p, j] for j in columns] for p in done]
    shape = (len(done), cell.n)
    return GradeMatrix(
        problem_ids=done,
        correct=np.array([[x.correct for x in row] for row in found], dtype=np.bool_).reshape(shape),
        votes=np.array([[x.vote for x in row] for row in found], dtype=np.int_).reshape(shape),
        predictions=tuple(tuple(x.prediction for x in row) for row in found),
        status=tuple(tuple(x.status for x in row) for row in found),
        num_tokens=np.array([[x.tokens for x in row] for row in ends], dtype=np.int_).reshape(shape),
        truncated=np.array([[x.cut for x in row] for row in ends], dtype=np.bool_).reshape(shape),
        stopped_by_string=np.array([[x.stopped for x in row] for row in ends], dtype=np.bool_).reshape(shape),
        incomplete=len(order) - len(done),
        criteria=_criteria([x.criteria for row in found for x in row]),
        boxed=_boxed(found),
        stale=stale,
        problem_sha256=tuple(endings[p, 0].problem for p in done),
        sessions=tuple(dict.fromkeys(ending.session for ending in endings.values())),
        scorer_versions=tuple(sorted({x.version for x in judged.values()})),
    )


def iter_grades(run: Run, cell: Cell, scorer: str | None = None) -> Iterator[dict[str, Any]]:
    """Rows of the cell's grades that belong to the outputs that are there; none where it was never graded."""
    file = grades_file(run, cell, scorer)
    if file.is_file():
        digests = {key_of(row): row["output_sha256"] for row in Store(run.path).heads(cell)}
        yield from (row for row in _grade_rows(file, digests, scorer_of(cell, scorer)) if row is not None)


def _grade_rows(file: Path, digests: Mapping[Key, str], scorer: str) -> Iterator[dict[str, Any] | None]:
    """Grades of the outputs that are there: None for one that `scorer` did not give to what is there now."""
    damage: list[Damage] = []
    with file.open("rb", buffering=BUFFER_BYTES) as handle:
        for _, row in lines.read_lines(handle, lines.read_grade, damage):
            digest = digests.get(key_of(row))
            if digest is not None:
                yield row if belongs(row, digest, scorer) else None
    lines.name_damage(file, damage, "Left out here; `rast-eval score` writes the file anew.")


def _read_grades(file: Path, endings: Mapping[Key, _Ending], scorer: str) -> tuple[dict[Key, _Judged], int]:
    """Grades as `scorer` gave them to the outputs that are there, and how many do not belong to theirs."""
    judged: dict[Key, _Judged] = {}
    stale = 0
    for row in _grade_rows(file, {key: ending.digest for key, ending in endings.items()}, scorer):
        if row is None:
            stale += 1
            continue
        vote, details = row["vote"], row["details"]
        judged[key_of(row)] = _Judged(
            row["correct"],
            -1 if vote is None else vote,
            intern(row["prediction"]),
            intern(row["status"]),
            {name: details[name] for name in _CRITERIA & details.keys()} or None,
            details.get(BOXED),
            intern(row["scorer_version"]),
        )
    return judged, stale


def _boxed(found: Sequence[Sequence[_Judged]]) -> NDArray[np.bool_] | None:
    boxes = [[x.boxed for x in row] for row in found]
    return None if not boxes or any(None in row for row in boxes) else np.array(boxes, dtype=np.bool_)


def _criteria(details: Sequence[Mapping[str, Any] | None]) -> dict[str, float]:
    """Shares of programs that pass by each criterion; one that a program never came to counts as not passed."""
    present = {criterion for facts in details for criterion in facts or {}}
    named = [criterion for pair in CRITERIA if present & set(pair) for criterion in pair]
    return {
        criterion: sum((facts or {}).get(criterion) == "pass" for facts in details) / len(details)
        for criterion in named
    }
