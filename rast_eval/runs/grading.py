"""From stored samples to stored grades; an output is only read here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.errors import StoreError, UsageError
from rast_eval.inputs import benchmarks
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.drawing import draw
from rast_eval.results import repair
from rast_eval.results.grades import fresh_grades
from rast_eval.results.lines import Damaged
from rast_eval.results.reader import Run, load_run
from rast_eval.results.samples import OpenSamples
from rast_eval.results.store import Store
from rast_eval.runs.stale import Asked, held_samples
from rast_eval.scoring.math.boxes import with_boxes
from rast_eval.scoring.registry import ANSWERS, chosen, for_benchmarks, get_scorer, scorer_type
from rast_eval.types import Cell, Grade, Problem, Sample, Scorer

BATCH_BYTES = 32 << 20
"""Of stored samples graded at once: enough to keep every worker busy."""

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
    planned: Sequence[Problem] | None = None,
) -> int:
    """Grade a cell's samples of `problems`, the first n of each, and store the grades.

    Outputs are read and graded in batches of whole problems, so a store of any size fits in memory.

    Args:
        problems: those that the samples answer, see `stale.held_samples`.
        workers: processes; None for one a core.
        planned: all problems of the cell where `problems` are a shard's; the others' grades stay.

    Returns:
        How many samples were graded.
    """
    path = store.grades_file(cell, scorer.name)
    with store.open_samples(cell) as stored, fresh_grades(path, scorer) as fresh:
        grades = grades_of(stored, cell, problems, scorer, workers)
        for problem, graded in groupby(grades, key=lambda grade: grade.problem_id):
            fresh.add(problem, ((grade, stored.digest((problem, grade.sample))) for grade in graded))
        with store.grading():
            fresh.merge([problem.id for problem in planned or problems], stored)
        return fresh.count


def grades_of(
    stored: OpenSamples, cell: Cell, problems: Sequence[Problem], scorer: Scorer, workers: int | None = None
) -> Iterator[Grade]:
    """What a scorer says of a cell's samples of `problems`, the first n of each, problem by problem.

    Grades of answers say in their details whether the output holds a box.
    """
    answers = scorer_type(cell.scorer).judges == ANSWERS
    for batch in _batches(stored, cell, problems):
        samples = [sample for problem in batch for sample in _samples(stored, cell, problem)]
        grades = scorer.grade(samples, workers=workers)
        yield from with_boxes(samples, grades) if answers else grades


def _batches(stored: OpenSamples, cell: Cell, problems: Sequence[Problem]) -> Iterator[list[Problem]]:
    """Problems whose samples take about `BATCH_BYTES` together: votes are classes within a problem."""
    batch: list[Problem] = []
    size = 0
    for problem in problems:
        held = [key for index in range(cell.n) if (key := (problem.id, index)) in stored]
        batch += [problem] if held else []
        size += sum(map(stored.length, held))
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _samples(stored: OpenSamples, cell: Cell, problem: Problem) -> Iterator[Sample]:
    for index in range(cell.n):
        key = (problem.id, index)
        with suppress(Damaged):
            if key in stored:
                yield Sample(problem, index, stored.output(key), cell.stop, cell.continues)


def grade_run(
    root: Path,
    scorer: str | None = None,
    workers: int | None = None,
    data_dir: Path | None = None,
    include_path: Path | None = None,
    code: CodeScoring = DEFAULT_CODE,
) -> int:
    """Grade every cell of a finished, interrupted or growing run again; generation is not touched.

    Args:
        scorer: None for the one each benchmark names.
        data_dir, include_path: where the benchmarks lie; None for where the run had them.
        code: how programs are judged.

    Returns:
        Number of samples graded.

    Raises:
        StoreError: the directory holds no run or no samples, or samples of other rows than those loaded now, or its
            manifest is damaged.
        DataError: a benchmark's rows cannot be read.
    """
    store = Store(root)
    run = load_run(root)
    if any(cell.prompt == repair.UNKNOWN for cell in run.cells):
        raise StoreError(
            f"{root} no longer says under which prompts its outputs were made, which grading must know.",
            "Type its `rast-eval run` command again: it writes the manifest anew and grades.",
        )
    known = {cell.benchmark: benchmark_of(run, cell.benchmark, include_path) for cell in run.cells}
    for_benchmarks(known.values(), scorer)  # refuses one that can judge none of them
    names = {cell: chosen(cell.scorer, scorer) for cell in run.cells}
    scorers = scorers_of(names.values(), code)
    count = 0
    loaded = {name: rows_of(run, benchmark, data_dir) for name, benchmark in known.items()}
    for cell in run.cells:
        held_samples(store, cell, Asked({p.id: p.sha256 for p in loaded[cell.benchmark]}), RESTORE)
    for cell, name in names.items():
        problems = draw(loaded[cell.benchmark], cell.problem_count, cell.draw)
        count += grade_cell(store, cell, problems, scorers[name], workers)
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
    name = run.manifest.get("benchmarks", {}).get(benchmark, {}).get(flag)
    folder = run.path / name if name else None  # an imported run holds its own rows
    if folder and not folder.is_dir():
        typed = f"--{flag.replace('_', '-')}"
        raise UsageError(
            f"{folder}, from which the run read {benchmark}, is no folder here.",
            f"Type {typed} with the folder that holds it now.",
        )
    return folder
