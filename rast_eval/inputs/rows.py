"""From a line of any JSONL of outputs to a `Sample`: our samples, the released RAST layout, lm-eval sample logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import benchmarks, golds, prompts
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.prompts import Prompt
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
    """Turns rows into samples for one `--benchmark` (None: the general math rule).

    Problems are loaded only for rows that bring no gold of their own.

    Args:
        prompt: the template that the outputs answer; they are cut at its stops.
        include_path: folder of further benchmarks, for rows that name theirs.
    """

    benchmark: Benchmark | None = None
    data_dir: Path | None = None
    prompt: Prompt = field(default_factory=lambda: prompts.get(prompts.DEFAULT))
    include_path: Path | None = None
    _problems: dict[str, tuple[list[Problem], dict[str, Problem]]] = field(default_factory=dict)
    _named: dict[str, Benchmark | None] = field(default_factory=dict)

    @cached_property
    def _is_code(self) -> bool:
        return self.benchmark is not None and self.benchmark.kind == "code"

    def sample(self, row: Mapping[str, Any], position: int) -> Sample:
        """The sample of one row.

        Args:
            position: of the line in its file, from 0.

        Raises:
            BadRow: the row has no output, or no gold can be found for it.
            DataError: the benchmark's own rows are needed and cannot be read.
        """
        answered = read_answer(row)
        number = row.get("sample")
        index = number if isinstance(number, int) else 0
        problem = self._problem(row, answered, position)
        return Sample(problem, index, answered.output, self.prompt.stop, self.prompt.continues)

    def _problem(self, row: Mapping[str, Any], answered: Answered, position: int) -> Problem:
        if self._is_code or (answered.gold is None and answered.raw is None):
            return self._look_up(row, position)
        benchmark = self.benchmark
        if answered.gold is None:
            benchmark = benchmark or self._own(row)
        try:
            if answered.gold is not None or benchmark is None:
                gold = golds.gold_of_any(answered.raw if answered.gold is None else answered.gold)
            else:
                gold = golds.gold_from([answered.raw], benchmark.gold)
        except DataError as error:
            raise BadRow(error.message) from error
        name, keep_units = (benchmark.name, benchmark.keep_units) if benchmark else (GENERAL, False)
        return Problem(name, _identity(row, position), "", gold, keep_units=keep_units)

    def _look_up(self, row: Mapping[str, Any], position: int) -> Problem:
        benchmark = self.benchmark or self._own(row)
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

    def _own(self, row: Mapping[str, Any]) -> Benchmark | None:
        """The benchmark that the row names, where it is a known one."""
        name = str(row.get("benchmark") or "")
        if name not in self._named:
            try:
                self._named[name] = benchmarks.get(name, self.include_path)
            except UnknownName:
                self._named[name] = None
        return self._named[name]


def _identity(row: Mapping[str, Any], position: int) -> str:
    return str(next((row[key] for key in ("problem_id", "doc_id", "id") if row.get(key) is not None), position))
