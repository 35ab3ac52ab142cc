"""Grades of several cells, read side by side where they are large: a gigabyte of lines is work for every core."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rast_eval.results.reader import GradeMatrix, Run, load_grades
from rast_eval.results.store import Store
from rast_eval.scoring.pool import usable_cores
from rast_eval.types import Cell

LARGE_BYTES = 1 << 28
"""Below this, starting processes takes longer than reading."""

Asked = tuple[Run, Cell]


def load_all(asked: Sequence[Asked], scorer: str | None) -> list[GradeMatrix]:
    """`load_grades` of each, with its warnings.

    Raises:
        UsageError: as `load_grades`.
    """
    workers = min(len(asked), usable_cores())
    size = sum(path.stat().st_size for run, cell in asked for path in Store(run.path).sample_files(cell))
    if workers < 2 or size < LARGE_BYTES:
        return [load_grades(run, cell, scorer) for run, cell in asked]
    # Forked: a program that calls this need not guard its main module, and nothing is imported again.
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        found = []
        for matrix, told in pool.map(_load, asked, [scorer] * len(asked)):
            found.append(matrix)
            for message in told:
                warnings.warn(message, stacklevel=2)
    return found


def _load(asked: Asked, scorer: str | None) -> tuple[GradeMatrix, list[str]]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        matrix = load_grades(*asked, scorer)
    return matrix, [str(warning.message) for warning in told]
