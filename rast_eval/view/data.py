"""What the viewer shows, as JSON: an overview, a list of problems, one problem, one sample, a search.

shown = Viewed((load_run(root),), Sources())
shown.overview()["columns"]           # what stands beside each other: arm by arm, run by run
shown.rows("math500")                 # a line a problem, a letter a sample
shown.sample("math500", 1, "17", 3)   # the output in the pieces that its scorer saw, its grades, its raw line
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from rast_eval.errors import RastEvalError, UsageError
from rast_eval.results.lines import Damaged
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import Run, load_run
from rast_eval.results.token_rows import read_token_row
from rast_eval.types import Cell
from rast_eval.view import tables
from rast_eval.view.asked import AskedRows, asked_rows
from rast_eval.view.index import MARKS, CellIndex
from rast_eval.view.spans import split

Json = dict[str, Any]

PREVIEW = 200
"""Characters of a question in the list."""

SHOWN_OF_GRADE = ("correct", "status", "prediction", "vote")

FOUND = 5000
"""Samples that a search names at most."""


@dataclass(frozen=True)
class Sources:
    """Where questions come from; None for where the run had them."""

    data_dir: Path | None = None
    include_path: Path | None = None


class Column:
    """One arm of one run on one benchmark.

    Args:
        label: its arm, with A or B where two runs are shown.
        key: by which an address names it.
    """

    def __init__(self, run: Run, cell: Cell, label: str, key: str) -> None:
        self.run, self.cell, self.label, self.key = run, cell, label, key
        self.index = CellIndex(run.path, cell)

    def facts(self) -> Json:
        """What the page knows of it."""
        cell, look = self.cell, self.cell.arm.look
        decoding = "greedy" if cell.sampling.greedy else f"T={cell.sampling.temperature:g}"
        return {
            "key": self.key,
            "label": self.label,
            "run": self.run.name,
            "arm": str(cell.arm),
            "role": cell.arm.role,
            "color": look.color,
            "n": cell.n,
            "told": f"{cell.system.label}, prompt {cell.prompt}, {decoding}, {cell.backend}, seed {cell.seed}",
        }


class Viewed:
    """Runs as the viewer shows them; reading only, safe to ask from several threads.

    Args:
        paths: one or two run directories.

    Raises:
        StoreError: one of them holds no run.
    """

    def __init__(self, paths: Sequence[Path], sources: Sources) -> None:
        self._paths, self._sources = paths, sources
        self._lock, self._version = RLock(), 0
        self._columns: dict[tuple[Path, str, str], Column] = {}
        self._asked: dict[str, AskedRows] = {}
        self._tables: tuple[int, list[Json]] = (-1, [])
        self.runs: list[Run] = []
        self.refresh()

    def refresh(self) -> None:
        """Read what the runs were given since."""
        with self._lock:
            self.runs = [load_run(path) for path in self._paths]
            kept: dict[tuple[Path, str, str], Column] = {}
            for number, run in enumerate(self.runs, 1):
                for cell in sorted(run.cells, key=lambda cell: cell.arm.order):
                    key = (run.path, cell.name, cell.fingerprint)
                    label = f"{cell.arm.label} {'AB'[number - 1]}" if len(self.runs) > 1 else cell.arm.label
                    column = self._columns.get(key)
                    if column is None or column.cell != cell:
                        column = Column(run, cell, label, str(cell.arm) if number == 1 else f"{cell.arm}~{number}")
                    column.run = run
                    self._version += column.index.refresh()
                    kept[key] = column
            self._version += kept.keys() != self._columns.keys()
            self._columns = kept

    def columns(self, benchmark: str) -> list[Column]:
        """What stands beside each other on a benchmark: the arms of the first run, then those of the second."""
        return [column for column in self._columns.values() if column.cell.benchmark == benchmark]

    @property
    def benchmarks(self) -> list[str]:
        """In the order of the runs."""
        return list(dict.fromkeys(cell.benchmark for run in self.runs for cell in run.cells))

    def overview(self) -> Json:
        """Runs, benchmarks and their columns; asking reads what was added since."""
        self.refresh()
        return {
            "version": self._version,
            "runs": [
                {"name": run.name, "path": str(run.path), "notes": run.notes, "status": run.manifest.get("status", "")}
                for run in self.runs
            ],
            "benchmarks": {name: [column.facts() for column in self.columns(name)] for name in self.benchmarks},
            "marks": MARKS,
        }

    def asked(self, benchmark: str) -> AskedRows:
        """The benchmark's questions; the first run that has them says."""
        with self._lock:
            if benchmark not in self._asked:
                found = [
                    asked_rows(run, benchmark, self._sources.data_dir, self._sources.include_path)
                    for run in self.runs
                    if any(cell.benchmark == benchmark for cell in run.cells)
                ]
                self._asked[benchmark] = next((rows for rows in found if not rows.lack), found[0])
            return self._asked[benchmark]

    def rows(self, benchmark: str) -> Json:
        """A line a problem: id, the question's beginning, each column's letters, whether scorers disagree."""
        asked = self.asked(benchmark)
        with self._lock:
            lines = self._lines(benchmark, asked)
        return {"rows": lines, "lack": asked.lack}

    def _lines(self, benchmark: str, asked: AskedRows) -> list[Json]:
        columns = self.columns(benchmark)
        seen = {problem for column in columns for problem in column.index.problems}
        known = [problem for problem in asked.problems if problem in seen]
        order = [*known, *sorted(seen - set(known), key=lambda problem: (len(problem), problem))]
        return [
            {
                "id": problem,
                "question": asked.problems[problem].question[:PREVIEW] if problem in asked.problems else "",
                "marks": [column.index.marks(problem) for column in columns],
                "disputed": any(column.index.disputed(problem) for column in columns),
            }
            for problem in order
        ]

    def problem(self, benchmark: str, problem: str) -> Json:
        """A problem's question and gold, and what the list does not show of its samples.

        Raises:
            KeyError: no column has it.
        """
        asked, columns = self.asked(benchmark), self.columns(benchmark)
        digests = {digest for column in columns if (digest := column.index.problems.get(problem))}
        if not digests:
            raise KeyError(problem)
        row, lack = asked.problems.get(problem), asked.lack
        if row is None:
            lack = lack or "The rows here hold no such problem."
        elif digests != {row.sha256}:
            row, lack = None, "The rows here have another question or gold than the one that was answered."
        return {
            "kind": asked.kind,
            "question": row.question if row else "",
            "gold": row.gold if row else "",
            "lack": lack,
            "differs": len(digests) > 1,
            "votes": [column.index.votes(problem) for column in columns],
        }

    def sample(self, benchmark: str, column: int, problem: str, sample: int) -> Json:
        """A sample: its pieces, its raw line, the grade of each scorer, its tokens where they were analysed.

        Raises:
            KeyError, IndexError: it is not there.
        """
        chosen, key = self.columns(benchmark)[column], (problem, sample)
        try:
            row = chosen.index.sample(key)
        except (Damaged, OSError) as error:
            raise KeyError(problem) from error
        grades = chosen.index.judged(key)
        own = grades.get(chosen.cell.scorer, {})
        return {
            "mark": chosen.index.mark(key),
            "spans": split(row["output"], chosen.cell.stop, own.get("prediction", "")),
            # As text: a browser's numbers do not hold a seed of 63 bits.
            "seed": str(row.get("seed")),
            "raw": json.dumps(
                {"sample": {name: row[name] for name in row if name != "output"}, "grades": grades}, indent=1
            ),
            "tokens_made": row["num_tokens"],
            "ended": _ending(row),
            "grades": {scorer: {name: grade[name] for name in SHOWN_OF_GRADE} for scorer, grade in grades.items()},
            "microscope": read_token_row(chosen.run.path, chosen.cell, key, row["output_sha256"]),
        }

    def size(self, benchmark: str, problems: set[str]) -> int:
        """Bytes of these problems' samples."""
        held = (item for column in self.columns(benchmark) for item in column.index.samples.items())
        return sum(at.length for (problem, _), at in held if problem in problems)

    def search(self, benchmark: str, pattern: str) -> Json:
        """Samples whose output, and problems whose question, holds a regular expression, in any case.

        Raises:
            UsageError: it is none.
        """
        try:
            wanted = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(
                f"{pattern} is no regular expression: {error}.", "Escape its special signs by \\."
            ) from error
        asked = self.asked(benchmark).problems
        questions = [problem for problem, row in asked.items() if wanted.search(f"{problem}\n{row.question}")]
        samples: list[tuple[int, str, int]] = []
        for i, column in enumerate(self.columns(benchmark)):
            for (problem, sample), output in column.index.outputs():
                if wanted.search(output):
                    samples.append((i, problem, sample))
                if len(samples) >= FOUND:
                    return {"questions": questions, "samples": samples, "more": True}
        return {"questions": questions, "samples": samples, "more": False}

    def tables(self) -> list[Json]:
        """The tables of each run's report, made once a version."""
        version = self._version
        if self._tables[0] != version:
            made: list[Json] = []
            for run in self.runs:
                try:
                    made += tables.report_tables(evaluate_run(run.path))
                except RastEvalError as error:
                    told = f"{error.message} {error.hint}"
                    made.append({"run": run.name, "title": run.name, "header": [], "rows": [], "keys": 0, "note": told})
            self._tables = (version, made)
        return self._tables[1]


def _ending(row: Json) -> str:
    if row["finish_reason"] == "length":
        return "cut at the token limit"
    reason = row.get("stop_reason")
    return "ended by itself" if reason is None else f"ended by {json.dumps(reason)}"
