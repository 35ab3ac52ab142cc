"""From a row of any log to the samples that it holds, each with the problem that it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import benchmarks, golds, prompts
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.prompts import Prompt
from rast_eval.logs.answers import Answered, BadRow
from rast_eval.logs.layouts import layout_of
from rast_eval.logs.plain import Keys
from rast_eval.types import Problem, Sample

NO_GOLD = "no `gold`, and no --benchmark to take it from"

GENERAL = "math"
"""Benchmark name of a row for which the general math rule applies."""


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


@dataclass
class Adapter:
    """Turns rows into samples for one `--benchmark` (None: the general math rule).

    Problems are loaded only for rows that bring no gold of their own.

    Args:
        prompt: the template that the outputs answer; they are cut at its stops.
        include_path: folder of further benchmarks, for rows that name theirs.
        keys: where a layout of one's own has its parts; None for the layouts that are known.
    """

    benchmark: Benchmark | None = None
    data_dir: Path | None = None
    prompt: Prompt = field(default_factory=lambda: prompts.get(prompts.DEFAULT))
    include_path: Path | None = None
    keys: Keys | None = None
    _problems: dict[str, Rows] = field(default_factory=dict)
    _named: dict[str, Benchmark | None] = field(default_factory=dict)

    @cached_property
    def _is_code(self) -> bool:
        return self.benchmark is not None and self.benchmark.kind == "code"

    def answers(self, row: Mapping[str, Any]) -> list[Answered]:
        """The outputs that a row holds.

        Raises:
            BadRow: it has no text to grade.
        """
        return (self.keys or layout_of(row)).answers(row)

    def samples(self, row: Mapping[str, Any], position: int, found: Sequence[Answered] | None = None) -> list[Sample]:
        """The samples of one row, with the gold that it brings, else the benchmark's.

        Args:
            position: of the line in its file, from 0.
            found: `answers` of the row, where they were read already.

        Raises:
            BadRow: the row has no output, or no gold can be found for it.
            DataError: the benchmark's own rows are needed and cannot be read.
        """
        answered = self.answers(row) if found is None else found
        number = row.get("sample")
        first = number if isinstance(number, int) and len(answered) == 1 else 0
        return [
            Sample(self._problem(row, one, position), first + i, one.output, self.prompt.stop, self.prompt.continues)
            for i, one in enumerate(answered)
        ]

    def _problem(self, row: Mapping[str, Any], answered: Answered, position: int) -> Problem:
        if self._is_code or (answered.gold is None and answered.raw is None):
            return self._look_up(row, answered, position)
        benchmark = self.benchmark
        if answered.gold is None:
            benchmark = benchmark or self._own(row)
        gold = gold_of(answered, benchmark)
        name, keep_units = (benchmark.name, benchmark.keep_units) if benchmark else (GENERAL, False)
        identity = answered.problem_id or answered.alias or str(position)
        return Problem(name, identity, answered.question, gold, keep_units=keep_units)

    def _look_up(self, row: Mapping[str, Any], answered: Answered, position: int) -> Problem:
        benchmark = self.benchmark or self._own(row)
        if benchmark is None:
            raise BadRow(NO_GOLD)
        if benchmark.name not in self._problems:
            self._problems[benchmark.name] = Rows(benchmark.name, benchmarks.load(benchmark, self.data_dir))
        rows = self._problems[benchmark.name]
        if answered.problem_id is not None:
            return rows.named(answered.problem_id)
        return rows.at(position if answered.place is None else answered.place)

    def _own(self, row: Mapping[str, Any]) -> Benchmark | None:
        """The benchmark that the row names, where it is a known one."""
        name = str(row.get("benchmark") or "")
        if name not in self._named:
            try:
                self._named[name] = benchmarks.get(name, self.include_path)
            except UnknownName:
                self._named[name] = None
        return self._named[name]


def gold_of(answered: Answered, benchmark: Benchmark | None = None) -> str:
    """The gold that a log states: by the benchmark's rule where it is the benchmark's own field.

    Raises:
        BadRow: it states none, or an object.
    """
    stated = answered.raw if answered.gold is None else answered.gold
    if stated is None:
        raise BadRow(NO_GOLD)
    try:
        if answered.gold is not None or benchmark is None:
            return golds.gold_of_any(stated)
        return golds.gold_from([stated], benchmark.gold)
    except DataError as error:
        raise BadRow(error.message) from error


class FirstReadings:
    """Which extraction of its outputs a file showed first, problem by problem."""

    def __init__(self) -> None:
        self._first: dict[tuple[str | None, str | None, int | None], str] = {}

    def again(self, answered: Answered) -> bool:
        """Whether an earlier row held this output under another reading, as a log with several filters has it."""
        key = (answered.problem_id, answered.alias, answered.place)
        return self._first.setdefault(key, answered.reading) != answered.reading


class Rows:
    """A benchmark's problems, found by what a log says of them."""

    def __init__(self, benchmark: str, problems: Sequence[Problem]) -> None:
        self.problems, self._benchmark = problems, benchmark
        self._by_id = {problem.id: problem for problem in problems}
        self._asked: dict[str, Problem | None] = {}

    def named(self, problem_id: str) -> Problem:
        """The problem of that id.

        Raises:
            BadRow: there is none.
        """
        if problem_id not in self._by_id:
            raise BadRow(f"{self._benchmark} has no problem {problem_id!r}")
        return self._by_id[problem_id]

    def at(self, place: int) -> Problem:
        """The problem in that row, from 0.

        Raises:
            BadRow: there are not so many.
        """
        if place >= len(self.problems):
            raise BadRow(f"{self._benchmark} has no row {place}")
        return self.problems[place]

    def answered_by(self, answered: Answered, position: int) -> Problem:
        """The problem that an output answers: of the log's names and places the one whose question the log shows.

        A log may count from 1, or by an order of its own, so a question that is shown decides.

        Raises:
            BadRow: the benchmark has no such problem.
        """
        if answered.problem_id is not None and answered.problem_id not in self._by_id and not answered.question:
            return self.named(answered.problem_id)
        shown = _plain(answered.question)
        candidates = list(self._candidates(answered, position))
        for problem in candidates:
            if not shown or _plain(problem.question) in shown:
                return problem
        if shown:
            if shown not in self._asked:
                self._asked[shown] = next((p for p in self.problems if _plain(p.question) in shown), None)
            if (found := self._asked[shown]) is not None:
                return found
            raise BadRow(f"{self._benchmark} has no problem with its question, {answered.question.strip()[:60]!r} …")
        return self.at(position)

    def _candidates(self, answered: Answered, position: int) -> Iterator[Problem]:
        for name in (answered.problem_id, answered.alias):
            if name in self._by_id:
                yield self._by_id[str(name)]
        for place in (answered.place, position):
            if place is not None and place < len(self.problems):
                yield self.problems[place]


def _plain(text: str) -> str:
    return " ".join(text.split())
