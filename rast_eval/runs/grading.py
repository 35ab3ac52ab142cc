"""From stored samples to stored grades; an output is only read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs import benchmarks
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.results.digests import grade_line, output_sha256
from rast_eval.results.reader import Run, load_run
from rast_eval.results.store import Store
from rast_eval.runs.stale import Asked, held_samples
from rast_eval.scoring.registry import chosen, for_benchmarks, get_scorer
from rast_eval.types import Cell, Grade, Problem, Sample, Scorer

RESTORE = "Type --data-dir or --include-path with the rows that the samples were made from."


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
        problems: those that the samples answer, see `stale.held_samples`.
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
    judged = zip(grades, samples, strict=True)
    rows = (grade_line(grade, output_sha256(sample.output), scorer) for grade, sample in judged)
    store.write_grades(cell, scorer.name, rows)
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
        data_dir, include_path: where the benchmarks lie; None for where the run had them.
        code: how programs are judged.

    Returns:
        Number of samples graded.

    Raises:
        StoreError: the directory holds no run or no samples, or samples of other rows than those loaded now.
        DataError: a benchmark's rows cannot be read.
    """
    store = Store(root)
    run = load_run(root)  # before the lock, which would make the directory
    known = {cell.benchmark: benchmark_of(run, cell.benchmark, include_path) for cell in run.cells}
    for_benchmarks(known.values(), scorer)  # refuses one that can judge none of them
    names = {cell: chosen(cell.scorer, scorer) for cell in run.cells}
    scorers = scorers_of(names.values(), code)
    count = 0
    with store.locked():
        loaded = {name: rows_of(run, benchmark, data_dir) for name, benchmark in known.items()}
        for cell in run.cells:
            held_samples(store, cell, Asked({p.id: p.sha256 for p in loaded[cell.benchmark]}), RESTORE)
        for cell, name in names.items():
            problems = loaded[cell.benchmark][: cell.problem_count]
            count += len(grade_cell(store, cell, problems, scorers[name], workers))
    if not count:
        raise StoreError(f"{root} holds no samples.", "Repeat its run command to generate them.")
    return count


def benchmark_of(run: Run, name: str, include_path: Path | None = None) -> Benchmark:
    """A run's benchmark, from the folder of further benchmarks that it was made with unless told otherwise.

    Raises:
        UsageError: that folder is no longer there.
        UnknownName: it holds no such benchmark.
    """
    return benchmarks.get(name, include_path or _remembered(run, name, "include_path"))


def rows_of(run: Run, benchmark: Benchmark, data_dir: Path | None = None) -> list[Problem]:
    """All rows of a run's benchmark, from where it had them unless told otherwise.

    Raises:
        UsageError: that folder is no longer there.
        DataError: they cannot be read.
    """
    return benchmarks.load(benchmark, data_dir or _remembered(run, benchmark.name, "data_dir"))


def _remembered(run: Run, benchmark: str, flag: str) -> Path | None:
    """The folder that a benchmark of the run was read with, as `data_dir` or `include_path`."""
    name = run.manifest["benchmarks"].get(benchmark, {}).get(flag)
    folder = Path(name) if name else None
    if folder and not folder.is_dir():
        typed = f"--{flag.replace('_', '-')}"
        raise UsageError(
            f"{folder}, from which the run read {benchmark}, is no folder here.",
            f"Type {typed} with the folder that holds it now.",
        )
    return folder
