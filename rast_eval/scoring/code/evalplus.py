"""HumanEval+ and MBPP+ by EvalPlus's rules, judged outside the sandbox.

A sample is right when all base inputs and then all plus inputs give accepted outputs (`correct`); both stand in
`details`. Each list runs in a process of its own, as in EvalPlus. Where this differs on purpose: seconds are the
program's own (waiting for a CPU is not counted), loading a module has a limit of its own, HumanEval/32 can pass, and
returned objects are data, so they cannot claim to be equal to anything.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.scoring.code import inputs as mbpp_inputs
from rast_eval.scoring.code import sanitize
from rast_eval.scoring.code.base import CodeScorer, Extracted, Result, Results, concluded, status_of
from rast_eval.scoring.code.comparison import Comparison
from rast_eval.scoring.code.oracles import SET_TASKS, Oracle, comparable, longest
from rast_eval.scoring.code.sandbox import Execution, Limits, Sandbox, run_pool
from rast_eval.scoring.code.truth import Reference, Truth, payload
from rast_eval.scoring.pool import WorkerPool
from rast_eval.types import Grade, Problem, Sample

MIN_SECONDS = {"0.3.1": 1.0, "master": 4.0}
"""Shortest limit of one call under either set of rules."""
TRUTH_FACTOR = 4.0
"""A call may take this many times the reference's seconds, if that is more."""
LIST_SECONDS = 60.0
"""Limit of one list of inputs, unless its limits add up to less; two seconds are added as in EvalPlus."""
LOAD_SECONDS = 10.0


class Part:
    """The base or the plus inputs of one problem."""

    def __init__(self, problem: Problem, key: str) -> None:
        row = problem.metadata
        self.name = key
        self._row = row
        self._benchmark = problem.benchmark
        self.entry_point: str = row["entry_point"]
        self.as_set = self._benchmark == "mbpp_plus" and self.entry_point in SET_TASKS
        self.reference = Reference(
            row["prompt"] + row["canonical_solution"],
            self.entry_point,
            self.as_set,
            [self._benchmark, row["task_id"], row[f"{key}_input"]],
            lambda: self.arguments,
        )

    @cached_property
    def arguments(self) -> Sequence[Sequence[Any]]:
        """Argument lists, as Python values."""
        raw = self._row[f"{self.name}_input"]
        if self._benchmark == "mbpp_plus":
            return mbpp_inputs.convert(self._row["task_id"], raw)
        return raw or []

    def limits(self, truth: Truth, rules: str) -> Limits:
        """Per-call and total seconds, from the reference's times."""
        floor = MIN_SECONDS[rules]
        special = {str(i): TRUTH_FACTOR * t for i, t in enumerate(truth.seconds) if TRUTH_FACTOR * t > floor}
        added = floor * (len(truth.seconds) - len(special)) + sum(special.values())
        # A machine on which the reference itself is slow gets the time the reference needs.
        total = max(min(LIST_SECONDS, added), 2 * sum(truth.seconds)) + 2
        output = 16 * sum(truth.sizes) + (1 << 20)
        return Limits(load=LOAD_SECONDS, call=floor, total=total, special=special, output=output)

    def judge(self, sandbox: Sandbox, program: str, truth: Truth, rules: str) -> Result:
        """Run `program` on all inputs, stopping at the first wrong output."""
        oracle = Oracle(self._benchmark, self.entry_point, self._row.get("atol") or 0, truth.first_float)

        def accepts(index: int, output: bytes, expected: bytes) -> bool:
            return comparable(output, expected) and oracle.accepts(index, self.arguments[index], output, expected)

        order = payload(program, self.entry_point, truth.inputs(), as_set=self.as_set)
        execution = Execution(order, self.limits(truth, rules))
        verbatim, most = not truth.nan and not oracle.root_counts, longest(max(truth.sizes, default=0))
        with open(truth.path, "rb") as file:
            comparison = Comparison(truth, file, accepts, verbatim, most)
            outcome = sandbox.run(execution, comparison.consume)
        return concluded(outcome, comparison.wrong, comparison.passed, len(truth.sizes), comparison.errors)


class EvalPlus(CodeScorer["_Task"]):
    """Scorer for `humaneval_plus` and `mbpp_plus`.

    Args:
        rules: `master` (calls may take at least 4 s) or `0.3.1` (1 s); recorded in each grade.
        unsafe: run without bubblewrap.

    Raises:
        SandboxError: bubblewrap is missing or unusable, and not `unsafe`.
        UnknownName: for other rules.
    """

    name = "evalplus"
    version = "1"
    judges = "functions"
    options = ("rules", "unsafe")

    def __init__(self, rules: str = "master", unsafe: bool = False) -> None:
        if rules not in MIN_SECONDS:
            raise UnknownName("set of EvalPlus rules", rules, MIN_SECONDS)
        self.rules = rules
        super().__init__(unsafe)

    def _prepare(self, problems: Sequence[Problem], workers: int | None) -> dict[str, _Task]:
        tasks = [_Task(problem) for problem in problems]
        missing = [task for task in tasks if not task.load()]
        run_pool([task.compute for task in missing], lambda _: False, workers, self.unsafe)
        named = [f"{task.problem.id} ({task.reason})" for task in tasks if task.reason]
        if named:
            print(f"warning: cannot be judged and count as wrong: {', '.join(named)}", file=sys.stderr)
        return {task.problem.id: task for task in tasks}

    def _extract(self, samples: Sequence[Sample], workers: int | None) -> list[Extracted]:
        """Tabs become four spaces, a continuation stands after the task's own text; equal texts are searched once."""
        tasks = []
        for sample in samples:
            text, row = sample.output.replace("\t", "    "), sample.problem.metadata
            start = row["prompt"].strip() + "\n" if sample.continues else ""
            tasks.append((start + text, row["entry_point"]))
        distinct = list(dict.fromkeys(tasks))
        with WorkerPool(sanitize.WORK, workers, sanitize.CPU_SECONDS) as pool:
            found = dict(zip(distinct, pool.map(distinct), strict=True))
        return [Extracted(found[task].value or "", found[task].status) for task in tasks]

    def _can_judge(self, prepared: _Task) -> bool:
        return not prepared.reason

    def _order(self, prepared: _Task, problem_id: str, program: str) -> float:
        return -prepared.seconds  # longest first: no worker is left with a long tail

    def _run(self, sandbox: Sandbox, prepared: _Task, program: str) -> Results:
        results: dict[str, Result] = {}
        for part, truth in prepared.parts:
            results[part.name] = part.judge(sandbox, program, truth, self.rules)
            if results[part.name].status != "pass":
                break
        return results

    def _grade(self, sample: Sample, found: Extracted, prepared: _Task, results: Results | None) -> Grade:
        details: dict[str, Any] = {"rules": self.rules}
        tried = list(results.values()) if results else []
        status = status_of(tried[-1] if tried else None, found)
        if prepared.reason:
            status = "error"
            details["unjudgeable"] = prepared.reason
        for criterion, result in (results or {}).items():
            details[criterion] = result.status
            details[f"{criterion}_passed"] = f"{result.passed}/{result.total}"
        if tried:
            details["seconds"] = round(sum(result.seconds for result in tried), 3)
            if tried[-1].note:
                details["note"] = tried[-1].note
        correct = len(tried) == len(prepared.parts) and tried[-1].status == "pass" if tried else False
        return Grade(sample.problem.id, sample.index, found.program, correct, status, None, details)


class _Task:
    """One problem with its expected outputs."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        row: Mapping[str, Any] = problem.metadata
        lacking = {"prompt", "entry_point", "canonical_solution", "base_input", "plus_input"} - set(row)
        if lacking:
            raise DataError(
                f"Problem {problem.id} of {problem.benchmark} lacks {', '.join(sorted(lacking))}.",
                "Use the files of evalplus/humanevalplus_release (v0.1.10) and mbppplus_release (v0.2.0).",
            )
        self._parts = (Part(problem, "base"), Part(problem, "plus"))
        self._truths: list[Truth] = []

    @property
    def parts(self) -> list[tuple[Part, Truth]]:
        """Base, then plus, each with its expected outputs."""
        return list(zip(self._parts, self._truths, strict=True))

    @property
    def seconds(self) -> float:
        """CPU time of the reference on both lists."""
        return sum(sum(truth.seconds) for truth in self._truths)

    @property
    def reason(self) -> str:
        """Why the problem cannot be judged; empty where it can."""
        return next((truth.reason for truth in self._truths if truth.reason), "")

    def load(self) -> bool:
        """Take both lists' outputs from the cache, if they are there."""
        loaded = [part.reference.load() for part in self._parts]
        self._truths = [truth for truth in loaded if truth is not None]
        return len(self._truths) == len(loaded)

    def compute(self, sandbox: Sandbox) -> None:
        """Run the reference on both lists."""
        self._truths = [part.reference.load() or part.reference.compute(sandbox) for part in self._parts]
