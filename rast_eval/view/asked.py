"""The questions and golds of a run's benchmarks, from where the run had them, or why they cannot be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rast_eval.errors import RastEvalError
from rast_eval.results.reader import Run
from rast_eval.runs.grading import benchmark_of, rows_of


@dataclass(frozen=True)
class AskedProblem:
    """What the viewer shows of a problem; tests of programs are left out."""

    question: str
    gold: str
    sha256: str


@dataclass(frozen=True)
class AskedRows:
    """A benchmark's rows.

    Attributes:
        kind: `math` or `code`; empty where the benchmark is unknown here.
        problems: by id, in the benchmark's order.
        lack: why there are none, two sentences; empty where there are.
    """

    kind: str = ""
    problems: dict[str, AskedProblem] = field(default_factory=dict)
    lack: str = ""


def asked_rows(run: Run, benchmark: str, data_dir: Path | None, include_path: Path | None) -> AskedRows:
    """The rows that the run answered.

    Args:
        data_dir, include_path: None for where the run had them.
    """
    try:
        known = benchmark_of(run, benchmark, include_path)
        rows = rows_of(run, known, data_dir)
    except RastEvalError as error:
        return AskedRows(lack=f"{error.message} {error.hint}")
    found = {row.id: AskedProblem(row.question, row.gold, row.sha256) for row in rows}
    return AskedRows(known.kind, found)
