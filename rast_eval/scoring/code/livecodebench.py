"""LiveCodeBench, judged by two criteria: like the official checker, and as the contest would.

`official` reproduces the checker of the release: a stdin program becomes a function whose streams are replaced, all
tests share one process, methods are called on one `Solution`. `process` runs a stdin program as a program, once a
test, with a real pipe on stdin and stdout, and gives each call a `Solution` of its own. Both stand in `details`;
`correct` follows `lcb_io`, by default `process`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from rast_eval.errors import UnknownName
from rast_eval.scoring.code.base import CodeScorer, Extracted, Result, Results, concluded, status_of
from rast_eval.scoring.code.frames import Frames
from rast_eval.scoring.code.lcb_tests import Cases, extract_program, read_tests, same_output, same_value
from rast_eval.scoring.code.oracles import comparable
from rast_eval.scoring.code.sandbox import Execution, Limits, Sandbox
from rast_eval.scoring.code.sandbox.inside import codec
from rast_eval.types import Grade, Problem, Sample

CRITERIA = ("official", "process")
"""How a program meets its input and output."""
CALL_SECONDS = 6.0
"""Limit of one test, and of loading the program."""


class LiveCodeBench(CodeScorer[Callable[[], Cases]]):
    """Scorer for `livecodebench`.

    Args:
        lcb_io: which criterion counts, `process` or `official`.
        unsafe: run without bubblewrap.

    Raises:
        SandboxError: bubblewrap is missing or unusable, and not `unsafe`.
        UnknownName: for another `lcb_io`.
    """

    name = "livecodebench"
    version = "1"
    judges = "programs"
    options = ("lcb_io", "unsafe")

    def __init__(self, lcb_io: str = "process", unsafe: bool = False) -> None:
        if lcb_io not in CRITERIA:
            raise UnknownName("kind of LiveCodeBench I/O", lcb_io, CRITERIA)
        self.lcb_io = lcb_io
        super().__init__(unsafe)

    def _prepare(self, problems: Sequence[Problem], workers: int | None) -> Mapping[str, Callable[[], Cases]]:
        """Readers, because the tests of all problems would fill the memory."""
        rows = {problem.id: problem.metadata for problem in problems}
        read = lru_cache(maxsize=16)(lambda problem_id: read_tests(problem_id, rows[problem_id]))
        return {problem_id: partial(read, problem_id) for problem_id in rows}

    def _extract(self, samples: Sequence[Sample], workers: int | None) -> list[Extracted]:
        texts = (sample.output if sample.continues else extract_program(sample.output) for sample in samples)
        return [Extracted(text if text.strip() else "") for text in texts]

    def _run(self, sandbox: Sandbox, prepared: Callable[[], Cases], program: str) -> Results:
        return {criterion: judge(sandbox, program, prepared(), criterion) for criterion in CRITERIA}

    def _grade(self, sample: Sample, found: Extracted, prepared: Callable[[], Cases], results: Results | None) -> Grade:
        details: dict[str, Any] = {"lcb_io": self.lcb_io}
        for criterion, result in (results or {}).items():
            details[criterion] = result.status
            details[f"{criterion}_passed"] = f"{result.passed}/{result.total}"
            if result.note:
                details[f"{criterion}_note"] = result.note
        counted = results[self.lcb_io] if results else None
        correct = counted is not None and counted.status == "pass"
        status = status_of(counted, found)
        return Grade(sample.problem.id, sample.index, found.program, correct, status, None, details)


def judge(sandbox: Sandbox, program: str, tests: Cases, criterion: str) -> Result:
    """Run `program` on `tests`, stopping at the first test it does not pass."""
    if criterion == "process" and tests.function is None:
        return _judge_processes(sandbox, program, tests)
    return _judge_calls(sandbox, program, tests, fresh=criterion == "process")


def _judge_calls(sandbox: Sandbox, program: str, tests: Cases, fresh: bool) -> Result:
    """All tests in one process: method calls, or the program as a function with replaced streams."""
    order: dict[str, Any] = {"code": program, "prelude": True}
    if tests.function is None:
        order["mode"], inputs = "mocked", list[Any](tests.inputs)
    else:
        order |= {"mode": "calls", "entry": tests.function, "solution_class": True, "fresh": fresh}
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
    payload = json.dumps(order).encode() + b"\n" + codec.encode(inputs).encode()
    outcome = sandbox.run(Execution(payload, limits), consume)
    return concluded(outcome, wrong, passed, len(tests.outputs), errors)


def _judge_processes(sandbox: Sandbox, program: str, tests: Cases) -> Result:
    """Each test in a process of its own, with real pipes."""
    payload = json.dumps({"mode": "program", "code": program, "prelude": True}).encode() + b"\n"
    for passed, (given, expected) in enumerate(zip(tests.inputs, tests.outputs, strict=True)):
        printed = bytearray()

        def consume(piece: bytes, printed: bytearray = printed) -> bool:
            printed += piece
            return True

        limits = Limits(CALL_SECONDS, CALL_SECONDS, CALL_SECONDS, output=_most([expected]))
        outcome = sandbox.run(Execution(payload, limits, given.encode(errors="surrogatepass")), consume)
        if outcome.why != "exited" or outcome.code != 0:
            return concluded(outcome, False, passed, len(tests.inputs))
        if not same_output(printed.decode(errors="replace"), expected):
            return concluded(outcome, True, passed, len(tests.inputs))
    return Result("pass", len(tests.inputs), len(tests.inputs))


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


def _most(expected: Sequence[str]) -> int:
    return 16 * sum(map(len, expected)) + (1 << 20)
