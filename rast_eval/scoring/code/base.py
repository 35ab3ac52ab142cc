"""What the code scorers share: programs taken from outputs, each run once in the sandbox, and what their ends mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rast_eval.scoring.code.sandbox import Outcome, Pool, Sandbox, check_usable
from rast_eval.types import Grade, GradeStatus, Problem, Sample

Prepared = TypeVar("Prepared")


class Extracted(NamedTuple):
    """The program in an output, empty where there is none; `status` says whether looking for it ended well."""

    program: str
    status: GradeStatus = "ok"


@dataclass(frozen=True)
class Result:
    """One criterion: `pass`, `fail`, `timeout` or `error` (the program raised, died or flooded).

    Attributes:
        passed, total: tests passed before it ended, of how many.
        seconds: of the program's own time.
    """

    status: str
    passed: int
    total: int
    seconds: float = 0.0
    note: str = ""


Results = Mapping[str, Result]
"""By criterion, in the order in which they are tried."""


class CodeScorer(ABC, Generic[Prepared]):
    """Grades programs; equal programs of a problem run once.

    Args:
        unsafe: run without bubblewrap.

    Raises:
        SandboxError: bubblewrap is missing or unusable, and not `unsafe`.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    judges: ClassVar[str]
    options: ClassVar[tuple[str, ...]]
    has_votes: ClassVar[bool] = False

    def __init__(self, unsafe: bool = False) -> None:
        self.unsafe = unsafe
        check_usable(unsafe)

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """Grades in the order of `samples`.

        Raises:
            SandboxError: see `Sandbox`.
            DataError: a problem's row lacks what its tests need.
        """
        with Pool(len(samples), workers, self.unsafe) as pool:  # its sandboxes get ready while the rows are read
            problems = {sample.problem.id: sample.problem for sample in samples}
            prepared = self._prepare(list(problems.values()), workers)
            extracted = self._extract(samples, workers)
            pairs = [(sample.problem.id, found.program) for sample, found in zip(samples, extracted, strict=True)]
            runnable = [pair for pair in dict.fromkeys(pairs) if pair[1].strip() and self._can_judge(prepared[pair[0]])]
            runnable.sort(key=lambda pair: self._order(prepared[pair[0]], *pair))
            tasks = [partial(self._run, prepared=prepared[key], program=program) for key, program in runnable]
            results = dict(zip(runnable, pool.run(tasks, _timed_out), strict=True))
        return [
            self._grade(sample, found, prepared[sample.problem.id], results.get(pair))
            for sample, found, pair in zip(samples, extracted, pairs, strict=True)
        ]

    @abstractmethod
    def _prepare(self, problems: Sequence[Problem], workers: int | None) -> Mapping[str, Prepared]:
        """What judging needs of each problem, by its id."""

    @abstractmethod
    def _extract(self, samples: Sequence[Sample], workers: int | None) -> list[Extracted]:
        """The program of each sample."""

    @abstractmethod
    def _run(self, sandbox: Sandbox, prepared: Prepared, program: str) -> Results:
        """Run one program."""

    @abstractmethod
    def _grade(self, sample: Sample, found: Extracted, prepared: Prepared, results: Results | None) -> Grade:
        """The grade of one sample; without results its program did not run."""

    def _can_judge(self, prepared: Prepared) -> bool:
        """Whether the problem has something to judge by."""
        return True

    def _order(self, prepared: Prepared, problem_id: str, program: str) -> Any:
        """What runs first: the smallest."""
        return problem_id, program


def _timed_out(results: Results) -> bool:
    return any(result.status == "timeout" for result in results.values())


def concluded(outcome: Outcome, wrong: bool, passed: int, total: int, errors: Sequence[str] = ()) -> Result:
    """What a run came to.

    Args:
        wrong: an output was not accepted.
        errors: what the program raised, by name.
    """
    clean = outcome.why == "exited" and outcome.code == 0 and not errors
    if wrong:
        status = "fail"
    elif outcome.why in ("time", "lost"):
        status = "timeout"
    else:
        status = "pass" if clean and passed == total else "error"
    ending = outcome.why if outcome.why != "exited" else f"exit code {outcome.code}"
    note = errors[0] if errors else "" if status in ("pass", "fail") else ending
    return Result(status, passed, total, round(outcome.seconds, 3), note)


def status_of(result: Result | None, found: Extracted) -> GradeStatus:
    """The status of a grade whose last criterion ended so; None: no program ran."""
    if result is None:
        return "no_answer" if found.status == "ok" else found.status
    return "timeout" if result.status == "timeout" else "error" if result.status == "error" else "ok"
