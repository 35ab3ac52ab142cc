"""LiveCodeBench, judged two ways: like the official checker, and as the contest would.

`official` reproduces the checker of the release: a stdin program becomes a function whose streams are replaced, all
tests share one process, methods are called on one `Solution`. `process` runs a stdin program as a program, once a
test, with a real pipe on stdin and stdout, and gives each call a `Solution` of its own. Both verdicts stand in
`details`; `correct` follows `lcb_io`, by default `process`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rast_eval.errors import UnknownName
from rast_eval.scoring.code.frames import Frames
from rast_eval.scoring.code.lcb_tests import Cases, extract_program, read_tests, same_output, same_value
from rast_eval.scoring.code.oracles import comparable
from rast_eval.scoring.code.sandbox import Job, Limits, Outcome, Sandbox, check_usable, run_pool
from rast_eval.scoring.code.sandbox.inside import codec
from rast_eval.types import Grade, GradeStatus, Problem, Sample

WAYS = ("official", "process")
CALL_SECONDS = 6.0
"""Limit of one test, and of loading the program."""

BASE_PROMPT = "livecodebench-base"
"""Prompt template of base models, whose output is used whole."""


@dataclass(frozen=True)
class Verdict:
    """One way of judging: `pass`, `fail`, `timeout` or `error`, and how many tests passed before it ended."""

    status: str
    passed: int
    total: int
    note: str = ""


class LiveCodeBench:
    """Scorer for `livecodebench`.

    Args:
        lcb_io: which verdict counts, `process` or `official`.
        unsafe: run without bubblewrap.

    Raises:
        SandboxError: bubblewrap is missing or unusable, and not `unsafe`.
        UnknownName: for another `lcb_io`.
    """

    name = "livecodebench"

    def __init__(self, lcb_io: str = "process", unsafe: bool = False) -> None:
        if lcb_io not in WAYS:
            raise UnknownName("way of LiveCodeBench I/O", lcb_io, WAYS)
        self.lcb_io = lcb_io
        self.unsafe = unsafe
        check_usable(unsafe)

    def grade(self, samples: Sequence[Sample], workers: int | None = None) -> list[Grade]:
        """GradeMatrix in the order of `samples`; equal programs of a problem run once.

        Raises:
            SandboxError: see `Sandbox`.
            DataError: a problem's tests cannot be read.
        """
        problems = {sample.problem.id: sample.problem for sample in samples}
        programs = [self.program(sample) for sample in samples]
        keys = sorted(
            {(sample.problem.id, program) for sample, program in zip(samples, programs, strict=True) if program}
        )
        tests = lru_cache(maxsize=16)(lambda problem_id: _tests(problems[problem_id]))

        def task(key: tuple[str, str]) -> Callable[[Sandbox], dict[str, Verdict]]:
            return lambda sandbox: {way: judge(sandbox, key[1], tests(key[0]), way) for way in WAYS}

        verdicts = run_pool([task(key) for key in keys], _any_timeout, workers, self.unsafe)
        found = dict(zip(keys, verdicts, strict=True))
        return [
            self._grade(sample, program, found.get((sample.problem.id, program)))
            for sample, program in zip(samples, programs, strict=True)
        ]

    @staticmethod
    def program(sample: Sample) -> str:
        """The program to run; empty where none can be extracted."""
        text = sample.output if sample.prompt == BASE_PROMPT else extract_program(sample.output)
        return text if text.strip() else ""

    def _grade(self, sample: Sample, program: str, verdicts: dict[str, Verdict] | None) -> Grade:
        details: dict[str, Any] = {"lcb_io": self.lcb_io}
        if verdicts is None:
            return Grade(sample.problem.id, sample.index, program, False, "no_answer", None, details)
        for way, verdict in verdicts.items():
            details[way] = verdict.status
            details[f"{way}_passed"] = f"{verdict.passed}/{verdict.total}"
            if verdict.note:
                details[f"{way}_note"] = verdict.note
        counted = verdicts[self.lcb_io].status
        status: GradeStatus = "timeout" if counted == "timeout" else "error" if counted == "error" else "ok"
        return Grade(sample.problem.id, sample.index, program, counted == "pass", status, None, details)


def _tests(problem: Problem) -> Cases:
    return read_tests(problem.id, problem.metadata)


def _any_timeout(verdicts: dict[str, Verdict]) -> bool:
    return any(verdict.status == "timeout" for verdict in verdicts.values())


def judge(sandbox: Sandbox, program: str, tests: Cases, way: str) -> Verdict:
    """Run `program` on `tests` one `way`, stopping at the first test it does not pass."""
    if way == "process" and tests.function is None:
        return _judge_processes(sandbox, program, tests)
    return _judge_calls(sandbox, program, tests, fresh=way == "process")


def _judge_calls(sandbox: Sandbox, program: str, tests: Cases, fresh: bool) -> Verdict:
    """All tests in one process: method calls, or the program as a function with replaced streams."""
    sample: dict[str, Any] = {"code": program, "prelude": True}
    if tests.function is None:
        sample["mode"], inputs = "mocked", list[Any](tests.inputs)
    else:
        sample |= {"mode": "calls", "entry": tests.function, "solution_class": True, "fresh": fresh}
        inputs = list[Any](tests.arguments())
    frames, errors, passed, wrong = Frames(_most([max(tests.outputs, key=len)])), [], 0, False

    def consume(piece: bytes) -> bool:
        nonlocal passed, wrong
        for kind, frame in frames.push(piece):
            if kind != "=":
                errors.append(frame[:100].decode(errors="replace"))
                return False
            wrong = passed >= len(tests.outputs) or not _right(frame, tests, passed)
            if wrong:
                return False
            passed += 1
        return not frames.broken

    total = (CALL_SECONDS + 1) * len(inputs) + 5
    limits = Limits(CALL_SECONDS, CALL_SECONDS, total, output=_most(tests.outputs))
    payload = json.dumps(sample).encode() + b"\n" + codec.encode(inputs).encode()
    outcome = sandbox.run(Job(payload, limits), consume)
    clean = outcome.why == "exited" and outcome.code == 0 and passed == len(tests.outputs) and not errors
    return _verdict(outcome, "fail" if wrong else "pass" if clean else "", passed, tests, errors)


def _judge_processes(sandbox: Sandbox, program: str, tests: Cases) -> Verdict:
    """Each test in a process of its own, with real pipes."""
    payload = json.dumps({"mode": "program", "code": program, "prelude": True}).encode() + b"\n"
    for passed, (given, expected) in enumerate(zip(tests.inputs, tests.outputs, strict=True)):
        printed = bytearray()

        def consume(piece: bytes, printed: bytearray = printed) -> bool:
            printed += piece
            return True

        limits = Limits(CALL_SECONDS, CALL_SECONDS, CALL_SECONDS, output=_most([expected]))
        outcome = sandbox.run(Job(payload, limits, given.encode(errors="surrogatepass")), consume)
        if outcome.why != "exited" or outcome.code != 0:
            return _verdict(outcome, "", passed, tests, [])
        if not same_output(printed.decode(errors="replace"), expected):
            return _verdict(outcome, "fail", passed, tests, [])
    return Verdict("pass", len(tests.inputs), len(tests.inputs))


def _right(frame: bytes, tests: Cases, index: int) -> bool:
    try:
        expected = tests.outputs[index]
        if tests.function is None:
            return frame.startswith(b'"') and same_output(codec.decode(frame), expected)
        if not comparable(frame, expected.encode()):
            return False
        value = codec.decode(frame)
        value = value.value if isinstance(value, codec.Foreign) else value
        return same_value(value, json.loads(expected))
    except Exception:  # whatever forged data provoke, they are wrong
        return False


def _verdict(outcome: Outcome, status: str, passed: int, tests: Cases, errors: Sequence[str]) -> Verdict:
    if not status:
        status = "timeout" if outcome.why in ("time", "lost") else "error"
    ending = outcome.why if outcome.why != "exited" else f"exit code {outcome.code}"
    note = errors[0] if errors else "" if status in ("pass", "fail") else ending
    return Verdict(status, passed, len(tests.inputs), note)


def _most(expected: Sequence[str]) -> int:
    return 16 * sum(map(len, expected)) + (1 << 20)
