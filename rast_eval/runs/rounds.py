"""Sampling in rounds, one sample of every problem each, that ends as soon as a cell's interval is narrow enough.

The interval holds at every look (`statistics.rounds_sequence`), so looking after each round is allowed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from rast_eval import statistics
from rast_eval.results.store import Store
from rast_eval.types import Cell, Problem, Request, Sample, Scorer


class Rounds:
    """In which parts a cell's requests are sent, and how many samples a problem it came to.

    Args:
        problems: of every benchmark by its name.
        scorers: by name; they judge each round.
        workers: grading processes; None for one a core.
    """

    def __init__(
        self,
        store: Store,
        problems: Mapping[str, Sequence[Problem]],
        scorers: Mapping[str, Scorer],
        workers: int | None = None,
    ) -> None:
        self._store, self._problems, self._scorers, self._workers = store, problems, scorers, workers
        self._reached: dict[Cell, int] = {}

    def parts(self, cell: Cell, requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
        """All requests at once; of a cell with `until` a round at a time, while its interval is wider than that.

        Each part must be in the store before the next one is asked for.
        """
        if cell.until is None:
            yield requests
            return
        half_width = cell.until / 100
        columns: list[list[bool]] = []
        for index in range(cell.n):
            asked = [request for request in requests if request.sample == index]
            yield asked
            columns.append(self._judge(cell, asked))
            found = statistics.rounds_sequence(np.array(columns).T, half_width)
            self._reached[cell] = index + 1
            print(
                f"{cell.arm} on {cell.benchmark}: after {index + 1} of {cell.n} samples a problem "
                f"{100 * found.value:.1f} ± {100 * found.half_width:.1f}",
                file=sys.stderr,
            )
            if found.half_width <= half_width:
                return

    def reached(self, cell: Cell) -> Cell:
        """The cell with the samples a problem that it came to."""
        return replace(cell, n=self._reached.get(cell, cell.n))

    def _judge(self, cell: Cell, asked: Sequence[Request]) -> list[bool]:
        problems = {problem.id: problem for problem in self._problems[cell.benchmark]}
        with self._store.open_samples(cell) as stored:
            samples = [
                Sample(
                    problems[r.problem_id], r.sample, stored.output((r.problem_id, r.sample)), cell.stop, cell.continues
                )
                for r in asked
            ]
        return [grade.correct for grade in self._scorers[cell.scorer].grade(samples, self._workers)]
