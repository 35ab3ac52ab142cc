"""Whether engines compute what they should on this machine: `rast-eval doctor --gpu`, and on a CPU `--selfcheck`.

Each stage of `stages.py` runs in a process of its own with a time limit, whatever became of the one before.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rast_eval import machine

LIMIT_S = 180.0
"""All stages together, on a machine that does nothing else."""

MOST_BUSY = 6.0
"""Times so long at most, where other programs want the same cores."""

TAIL = 40
"""Lines of a failed stage's log that are kept."""

FALLBACKS = (("--enforce-eager",), ("--attention-backend", "TRITON_ATTN"), ("--runner", "V1"))
"""What to try where product defaults fail, the smallest first."""


@dataclass(frozen=True)
class EngineStage:
    """One line of the report.

    Attributes:
        arguments: of `python -m rast_eval.decoding.vllm.stages`.
        seconds: its time limit.
        fallbacks: further arguments to try where it fails.
        optional: a stage that runs out of time is passed over.
    """

    name: str
    arguments: tuple[str, ...]
    seconds: float
    fallbacks: tuple[tuple[str, ...], ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class StageResult:
    """What became of a stage.

    Attributes:
        line: what it found, or why it failed.
        facts: all that it measured.
        log: the end of what a failed one wrote.
        fallback: the arguments with which it passed.
    """

    name: str
    status: Literal["ok", "failed", "skipped"]
    line: str
    seconds: float
    arguments: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    log: str = ""
    fallback: tuple[str, ...] = ()


def busyness() -> float:
    """How many programs want each core, 1 at least."""
    return min(MOST_BUSY, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def plan(cards: int) -> list[EngineStage]:
    """The stages for a machine with so many GPUs."""
    first = EngineStage("facts", ("facts",), 40)
    if not cards:
        compiled = ("tiny", "--small", "--compiled", "--dtype", "float32", "--batches", "1", "3")
        return [
            first,
            EngineStage("eager", ("tiny", "--enforce-eager", "--dtype", "float32"), 90),
            EngineStage("compiled", compiled, 150, optional=True),
        ]
    widths = (("7b", "1.5b"), ("llama3.1-70b", "llama3.1-8b"))
    return [
        first,
        EngineStage("tiny", ("tiny",), 70, FALLBACKS),
        EngineStage("warm", ("warm",), 50),
        *(
            EngineStage(f"{base} + {delta}", ("shapes", "--base", base, "--delta", delta), 60, optional=True)
            for base, delta in widths
        ),
        *([EngineStage("two cards", ("tiny", "--tensor-parallel-size", "2"), 60, FALLBACKS[:1])] if cards > 1 else []),
    ]


def run(stages: Sequence[EngineStage] | None = None, limit: float = LIMIT_S) -> Iterator[StageResult]:
    """Run the stages of this machine one after the other; none raises.

    Args:
        limit: seconds for all; the last ones are passed over where they would take longer. This limit and each
            stage's own are longer on a busy machine.

    Raises:
        BackendError: the driver of this machine's GPU does not answer.
    """
    ends, cold = time.monotonic() + limit * busyness(), 0.0
    with tempfile.TemporaryDirectory(prefix="rast-selfcheck-") as place:
        for stage in plan(len(machine.cards())) if stages is None else stages:
            more = ("--cold", f"{cold:.1f}") if stage.arguments[0] == "warm" else ()
            found = _attempt(stage, more, ends, place)
            cold = cold or found.facts.get("start_seconds", 0.0)
            yield found if found.status != "failed" else _fallen_back(stage, found, ends, place)


def _fallen_back(stage: EngineStage, failed: StageResult, ends: float, place: str) -> StageResult:
    for more in stage.fallbacks:
        if _attempt(stage, more, ends, place).status == "ok":
            line = f"{failed.line}; passes with {' '.join(more)}"
            return StageResult(
                stage.name, "failed", line, failed.seconds, failed.arguments, failed.facts, failed.log, more
            )
    return failed


def _attempt(stage: EngineStage, more: Sequence[str], ends: float, place: str) -> StageResult:
    arguments = (*stage.arguments, *more)
    limit = min(stage.seconds * busyness(), ends - time.monotonic())
    began = time.monotonic()

    def result(status: Literal["ok", "failed", "skipped"], line: str, **rest: Any) -> StageResult:
        return StageResult(stage.name, status, line, round(time.monotonic() - began, 1), arguments, **rest)

    if limit <= 0:
        return result("skipped", "no time was left")
    command = [sys.executable, "-m", "rast_eval.decoding.vllm.stages", *arguments]
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if machine.cards():  # so that cold is cold; compiling on a CPU takes too long to do it each time
        environment["VLLM_CACHE_ROOT"] = place
    out, log = Path(place) / "out.txt", Path(place) / "log.txt"
    with out.open("w") as sink, log.open("w") as errors:
        process = subprocess.Popen(command, stdout=sink, stderr=errors, env=environment, start_new_session=True)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            timed_out = process.poll() is None
            with suppress(ProcessLookupError):  # the workers of an engine too
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    tail = "".join(log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-TAIL:])
    if timed_out:
        status: Literal["failed", "skipped"] = "skipped" if stage.optional else "failed"
        return result(status, f"took longer than {limit:.0f} s; alone: python -m {' '.join(command[2:])}", log=tail)
    try:
        facts = json.loads(out.read_text(encoding="utf-8").splitlines()[-1])
        return result("ok" if facts["ok"] else "failed", facts["line"], facts=facts, log="" if facts["ok"] else tail)
    except (IndexError, ValueError, KeyError, TypeError):
        said = [line for line in tail.splitlines() if line.strip()]
        return result("failed", said[-1].strip() if said else f"ended with code {process.returncode}", log=tail)
