"""From stored samples to stored grades; an output is only read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs import benchmarks
from rast_eval.results.reader import Run, load_run
from rast_eval.results.store import Store
from rast_eval.scoring.registry import chosen, for_benchmarks, get_scorer
from rast_eval.types import Cell, Grade, Problem, Sample, Scorer


def scorers_of(names: Iterable[str], code: CodeScoring = DEFAULT_CODE) -> dict[str, Scorer]:
    """One scorer a name, so that cells share its warm workers.

    Args:
        code: how programs are judged.

    Raises:
        UnknownName: no such scorer.
        SandboxError: one that judges programs cannot isolate them here.
    """
    return {name: get_scorer(name, code) for name in dict.fromkeys(names)}


def grade_cell(
    store: Store,
    cell: Cell,
    problems: Sequence[Problem],
    scorer: Scorer,
    workers: int | None = None,
) -> list[Grade]:
    """Grade a cell's samples of `problems`, the first n of each, and store the grades.

    Args:
        workers: processes; None for one a core.

    Returns:
        Grades ordered by problem, then sample; missing samples are missing here too.
    """
    stored = store.samples(cell)
    samples = [
        Sample(problem, index, stored[problem.id, index]["output"], cell.stop, cell.continues)
        for problem in problems
        for index in range(cell.n)
        if (problem.id, index) in stored
    ]
    grades = scorer.grade(samples, workers=workers)
    store.write_grades(cell, scorer.name, grades)
    return grades


def grade_run(
    root: Path,
    scorer: str | None = None,
    workers: int | None = None,
    data_dir: Path | None = None,
    include_path: Path | None = None,
    code: CodeScoring = DEFAULT_CODE,
) -> int:
    """Grade every cell of a finished or interrupted run again; generation is not touched.

    Args:
        scorer: None for the one each benchmark names.
        include_path: folder of further benchmarks; None for the one that the run's manifest names.
        code: how programs are judged.

    Returns:
        Number of samples graded.

    Raises:
        StoreError: the directory holds no run or no samples.
        DataError: a benchmark's rows cannot be read.
    """
    store = Store(root)
    run = load_run(root)  # before the lock, which would make the directory
    folder = include_path or _remembered(run)
    known = {cell.benchmark: benchmarks.get(cell.benchmark, folder) for cell in run.cells}
    for_benchmarks(known.values(), scorer)  # refuses one that can judge none of them
    names = {cell: chosen(cell.scorer, scorer) for cell in run.cells}
    scorers = scorers_of(names.values(), code)
    count = 0
    with store.locked():
        for cell, name in names.items():
            problems = benchmarks.load(known[cell.benchmark], data_dir, cell.problem_count)
            count += len(grade_cell(store, cell, problems, scorers[name], workers))
    if not count:
        raise StoreError(f"{root} holds no samples.", "Repeat its run command to generate them.")
    return count


def _remembered(run: Run) -> Path | None:
    """The folder of further benchmarks that the run was made with.

    Raises:
        UsageError: it is no longer there.
    """
    name = run.manifest.get("include_path")
    folder = Path(name) if name else None
    if folder and not folder.is_dir():
        raise UsageError(
            f"{folder}, which holds the run's own benchmarks, is no folder here.",
            "Type --include-path with the folder that holds them now.",
        )
    return folder
