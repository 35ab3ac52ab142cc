"""A run in the formats of other programs: each graded sample with its problem, cell by cell."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from rast_eval.errors import DataError, UnknownName
from rast_eval.files import replacing
from rast_eval.logs.finished import Finished, FinishedCell
from rast_eval.logs.layouts import FORMATS
from rast_eval.results.metrics import evaluate_run, require_scored
from rast_eval.results.reader import Run, iter_grades, iter_samples, load_run, scorer_of
from rast_eval.runs.grading import benchmark_of, rows_of
from rast_eval.runs.manifest import package_versions
from rast_eval.statistics import Accuracy
from rast_eval.types import Cell, Problem


def export_run(
    root: Path,
    name: str,
    folder: Path,
    scorer: str | None = None,
    data_dir: Path | None = None,
    include_path: Path | None = None,
) -> list[Path]:
    """Write a run's graded samples into `folder` in the format `name`.

    Args:
        scorer: whose grades; None for the run's own.
        data_dir, include_path: where the benchmarks lie; None for where the run had them.

    Returns:
        The files written.

    Raises:
        UnknownName: no such format.
        StoreError, UsageError: the run is not there or not graded.
        DataError: the rows of its benchmarks are not here, or are others than its samples answer.
    """
    writers = {key: form.writes for key, form in FORMATS.items() if form.writes is not None}
    if name not in writers:
        raise UnknownName("format", name, writers)
    run, metrics = load_run(root), evaluate_run(root, scorer)
    require_scored(metrics)
    known = {}
    for benchmark in metrics.benchmarks:
        known[benchmark] = rows_of(run, benchmark_of(run, benchmark, include_path), data_dir)
    cells = [
        _finished(run, cell, scorer_of(cell, scorer), known[cell.benchmark], figures.accuracy)
        for figures in metrics.cells
        if (cell := run.cell(figures.arm, figures.benchmark)) is not None
    ]
    written = []
    for path, content in writers[name](cells, folder):
        with replacing(path) as write:
            for part in content:
                write(part if isinstance(part, bytes) else f"{part}\n".encode("utf-8", "surrogatepass"))
        written.append(path)
    return written


def _finished(run: Run, cell: Cell, scorer: str, problems: list[Problem], accuracy: Accuracy) -> FinishedCell:
    base, sampling = cell.system.base, cell.sampling
    place = {problem.id: (row, problem) for row, problem in enumerate(problems)}

    def samples() -> Iterator[tuple[int, list[Finished]]]:
        grades = {(row["problem_id"], row["sample"]): row for row in iter_grades(run, cell, scorer)}
        rows = [row for row in iter_samples(run, cell) if (row["problem_id"], row["sample"]) in grades]
        for row in rows:
            if row["problem_id"] not in place or place[row["problem_id"]][1].sha256 != row["problem_sha256"]:
                raise DataError(
                    f"Problem {row['problem_id']!r} of {cell.benchmark} is another here than in {run.path}.",
                    "Type --data-dir or --include-path with the rows that its samples answer.",
                )
        rows.sort(key=lambda row: (place[row["problem_id"]][0], row["sample"]))
        for problem_id, group in groupby(rows, key=lambda row: row["problem_id"]):
            number, problem = place[problem_id]
            yield (
                number,
                [
                    Finished(
                        problem,
                        row["sample"],
                        row["output"],
                        grades[problem_id, row["sample"]],
                        row["finish_reason"],
                        row["num_tokens"] if row["num_tokens"] >= 0 else None,
                    )
                    for row in group
                ],
            )

    return FinishedCell(
        arm=cell.arm,
        benchmark=cell.benchmark,
        model=base.path if not cell.system.deltas and not Path(base.path).is_absolute() else cell.system.label,
        key=hashlib.sha256(f"{cell.fingerprint} {cell.name} {scorer}".encode()).hexdigest(),
        date=str(run.manifest.get("created") or ""),
        version=package_versions().get("rast-eval", "unknown"),
        scorer=scorer,
        n=cell.n,
        stop=cell.stop,
        temperature=None if math.isnan(sampling.temperature) else sampling.temperature,
        top_p=None if math.isnan(sampling.top_p) else sampling.top_p,
        max_tokens=sampling.max_tokens or None,
        accuracy=accuracy,
        source=_source(run, cell.benchmark),
        problems=samples,
    )


def _source(run: Run, benchmark: str) -> dict[str, str]:
    told = run.manifest.get("benchmarks", {}).get(benchmark, {}).get("source", {})
    if told.get("kind") != "hub":
        return {"source_type": "other"}
    facts = {"hf_repo": told.get("id"), "hf_split": told.get("split"), "hf_config": told.get("config")}
    return {"source_type": "hf_dataset", **{key: value for key, value in facts.items() if value}}
