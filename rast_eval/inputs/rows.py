"""From a line of any JSONL of outputs to a `Sample`: our samples, the released RAST layout, lm-eval sample logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import benchmarks
from rast_eval.scoring.math.extract import UNIT_BENCHMARKS
from rast_eval.scoring.math.golds import gold_from_raw
from rast_eval.types import Problem, Sample

GENERAL = "math"
"""Benchmark name of a row for which the general math rule applies."""


class BadRow(ValueError):
    """A row that cannot be graded; its text says why."""


@dataclass(frozen=True)
class Answered:
    """The parts of a row that grading needs, whatever its layout calls them.

    Attributes:
        gold: an answer; raw: the benchmark's own field that holds one; None where the row has none.
    """

    output: str
    gold: Any = None
    raw: Any = None


def parse_row(line: bytes) -> dict[str, Any]:
    """The JSON object on one line.

    Null bytes and lone surrogates inside strings are kept.

    Raises:
        BadRow: the line holds no JSON object.
    """
    try:
        row = json.loads(line.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError) as error:
        raise BadRow(f"no JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadRow("no JSON object")
    return row


def read_answer(row: Mapping[str, Any]) -> Answered:
    """Output and gold of a row in one of the three layouts.

    Raises:
        BadRow: it has no text to grade.
    """
    gold, raw = row.get("gold"), row.get("gold_raw")
    output = row.get("output")
    if output is None and "model_output" in row:
        output = row["model_output"]
        raw = row.get("answer") if raw is None else raw
    elif output is None and isinstance(row.get("resps"), list):
        output = _first_text(row["resps"])
        raw = row.get("target") if raw is None else raw
    if not isinstance(output, str):
        raise BadRow("no text under `output`, `model_output` or `resps`")
    return Answered(output, gold, raw)


def _first_text(responses: Any) -> Any:
    while isinstance(responses, list) and responses:
        responses = responses[0]
    return responses


@dataclass
class Adapter:
    """Turns rows into jobs for one `--benchmark` (None: the general math rule).

    Problems are loaded only for rows that bring no gold of their own.
    """

    benchmark: benchmarks.Benchmark | None = None
    data_dir: Path | None = None
    prompt: str = "qwen-boxed"
    _problems: dict[str, tuple[list[Problem], dict[str, Problem]]] = field(default_factory=dict)

    @property
    def scorer(self) -> str:
        """Name of the benchmark's own scorer."""
        return self.benchmark.scorer if self.benchmark else "simplerl"

    @cached_property
    def _is_code(self) -> bool:
        return self.benchmark is not None and self.benchmark.kind == "code"

    def job(self, row: Mapping[str, Any], position: int) -> Sample:
        """The job of one row.

        Args:
            position: of the line in its file, from 0.

        Raises:
            BadRow: the row has no output, or no gold can be found for it.
            DataError: the benchmark's own rows are needed and cannot be read.
        """
        answered = read_answer(row)
        sample = row.get("sample")
        problem = self._problem(row, answered, position)
        return Sample(problem, sample if isinstance(sample, int) else 0, answered.output, self.prompt)

    def _problem(self, row: Mapping[str, Any], answered: Answered, position: int) -> Problem:
        if self._is_code or (answered.gold is None and answered.raw is None):
            return self._look_up(row, position)
        name = self.benchmark.name if self.benchmark else None
        if answered.gold is not None:
            gold = self._from_raw(name if name in UNIT_BENCHMARKS else None, answered.gold)
        else:
            name = name or self._own_name(row)
            gold = self._from_raw(name, answered.raw)
        printed = {"gold": answered.gold, "gold_raw": answered.raw}
        return Problem(name or GENERAL, _identity(row, position), "", gold, printed)

    def _look_up(self, row: Mapping[str, Any], position: int) -> Problem:
        benchmark = self.benchmark
        if benchmark is None and (name := self._own_name(row)):
            benchmark = benchmarks.get(name)
        if benchmark is None:
            raise BadRow("no `gold`, and no --benchmark to take it from")
        if benchmark.name not in self._problems:
            problems = benchmarks.load(benchmark, self.data_dir)
            self._problems[benchmark.name] = problems, {problem.id: problem for problem in problems}
        problems, by_id = self._problems[benchmark.name]
        wanted = next((row[key] for key in ("problem_id", "task_id") if row.get(key) is not None), None)
        if wanted is not None:
            if str(wanted) not in by_id:
                raise BadRow(f"{benchmark.name} has no problem {wanted!r}")
            return by_id[str(wanted)]
        if position >= len(problems):
            raise BadRow(f"{benchmark.name} has no row {position}")
        return problems[position]

    @staticmethod
    def _own_name(row: Mapping[str, Any]) -> str | None:
        try:
            return benchmarks.get(str(row["benchmark"])).name if row.get("benchmark") else None
        except UnknownName:
            return None

    @staticmethod
    def _from_raw(name: str | None, raw: Any) -> str:
        if isinstance(raw, Mapping):
            raise BadRow("the gold is an object, not an answer")
        if name is None and isinstance(raw, str) and raw.count("####") == 1:
            name = "gsm8k"
        try:
            return gold_from_raw(name, raw)
        except DataError as error:
            raise BadRow(error.message) from error


def _identity(row: Mapping[str, Any], position: int) -> str:
    return str(next((row[key] for key in ("problem_id", "doc_id", "id") if row.get(key) is not None), position))
