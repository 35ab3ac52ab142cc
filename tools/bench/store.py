"""Seconds and memory of the commands that read a large store, and the time of an append to it.

$ python -m tools.bench.store                                 # 100,000 samples of 10 kB, about a gigabyte
$ python -m tools.bench.store --samples 10000 --root /scratch/store --keep

Each command runs in a process of its own with the files in the page cache; MB is the peak of that process alone, not
of its workers. The machine's load moves the seconds, so it stands under the table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rast_eval.inputs import benchmarks
from rast_eval.inputs.sources import describe_rows
from rast_eval.results.samples import key_of
from rast_eval.results.store import Store
from rast_eval.types import Arm, Cell, Completion, Delta, ModelRef, Request, Sampling, System

ARMS = ("base", "rast", "rl")
SAMPLES_A_PROBLEM = 32
APPENDS = 500
BENCHMARK = "large"
WORDS = (
    *("therefore", "we have", r"\frac{a}{b}", "x^2 + y^2", "so the sum is", "check:", "modulo 7", "let n be even."),
    *("Wait,", "this gives", "\n", r"\sqrt{2}", "which is", "an integer", "and hence", r"\le 12", "by symmetry", "30°"),
)
YAML = f"""\
name: {BENCHMARK}
title: rows that fill a large store
kind: math
scorer: simplerl
prompt: tiny
file: [{BENCHMARK}.jsonl]
decoding: {{n: {SAMPLES_A_PROBLEM}, temperature: 1.0, top_p: 0.95, max_tokens: 4096}}
"""


@dataclass(frozen=True)
class Spent:
    """What a command took: seconds, those of them on a CPU (its own process), and the peak of its memory in MB."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def cells(problems: int) -> list[Cell]:
    """One cell an arm."""
    small, large = ModelRef("small", name="small"), ModelRef("large", name="large")
    systems = {
        "base": System(large),
        "rast": System(large, (Delta(ModelRef("small-rl", name="small-rl"), small),)),
        "rl": System(ModelRef("large-rl", name="large-rl")),
    }
    sampling = Sampling(1.0, 0.95, 4096)
    return [
        Cell(
            arm=Arm(arm),
            system=systems[arm],
            benchmark=BENCHMARK,
            scorer="simplerl",
            sampling=sampling,
            prompt="tiny",
            stop=(),
            n=SAMPLES_A_PROBLEM,
            problem_count=problems,
            fingerprint=f"{number:016x}",
        )
        for number, arm in enumerate(ARMS)
    ]


def output(draw: random.Random, size: int, answer: int) -> str:
    """A text of about `size` bytes that ends in an answer."""
    words: list[str] = []
    length = 0
    while length < size - 16:
        words.append(draw.choice(WORDS))
        length += len(words[-1]) + 1
    return f"{' '.join(words)} \\boxed{{{answer}}}"


def completions(problems: int, size: int, arm: int) -> Iterator[tuple[Request, Completion]]:
    """Every sample of a cell, problem by problem; a pool of texts is drawn from, as drawing each anew takes longer."""
    draw = random.Random(arm)
    pool = [output(draw, size, 0).rpartition(" ")[0] for _ in range(200)]
    for problem in range(problems):
        for sample in range(SAMPLES_A_PROBLEM):
            right = draw.random() < (0.3, 0.6, 0.7)[arm]
            text = f"{draw.choice(pool)} \\boxed{{{problem if right else draw.randrange(5)}}}"
            request = Request(str(problem), sample, (1, 2, 3), draw.getrandbits(63))
            yield request, Completion(str(problem), sample, text, size // 4, "stop")


def build(root: Path, problems: int, size: int) -> tuple[float, float]:
    """Write the store by `Store.append`, fsync left out between the first and the last `APPENDS`.

    Returns:
        Milliseconds of an append to the empty store, and to the full one.
    """
    (root / "include").mkdir(parents=True)
    (root / "include" / f"{BENCHMARK}.yaml").write_text(f"{YAML}count: {problems}\n")
    rows = ({"id": str(i), "question": f"What is {i}?", "answer": str(i)} for i in range(problems))
    (root / "include" / f"{BENCHMARK}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = benchmarks.get(BENCHMARK, root / "include")
    asked = benchmarks.load(benchmark)
    facts = {"benchmarks": {BENCHMARK: describe_rows(benchmark, asked, None, root / "include")}, "preset": None}
    session = {"id": "bench", "cells": [], "engine": {}, "engines": {}, "packages": {}, "arguments": []}
    store, planned = Store(root / "run"), cells(problems)
    each = problems * SAMPLES_A_PROBLEM
    spent = [0.0, 0.0]
    fsync = os.fsync
    with store.locked():
        store.begin(planned, {"status": "running", **facts}, session, overwrite=False)
        for arm, cell in enumerate(planned):
            for number, (request, completion) in enumerate(completions(problems, size, arm)):
                at_start, at_end = number < APPENDS, number >= each - APPENDS
                os.fsync = fsync if at_start or at_end else (lambda _: None)  # type: ignore[assignment]
                if number == each - APPENDS:
                    os.sync()  # what the appends between have left
                digest = asked[int(request.problem_id)].sha256
                request = replace(request, problem_sha256=digest, prompt_sha256="0" * 64)
                started = time.perf_counter()
                store.append(cell, request, completion)
                if at_start or at_end:
                    spent[at_end] += time.perf_counter() - started
        os.fsync = fsync
        store.note(status="complete")
    return 1000 * spent[0] / (APPENDS * len(ARMS)), 1000 * spent[1] / (APPENDS * len(ARMS))


def measure(arguments: list[str]) -> Spent:
    """Run this file's `--child` on a command line."""
    with tempfile.NamedTemporaryFile("r") as report:
        command = [sys.executable, "-m", "tools.bench.store", "--child", report.name, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return Spent(**json.load(report))


def child(report: Path, arguments: list[str]) -> None:
    """Carry out a command line, or one of `OWN`, and write what it took."""
    started = time.perf_counter()
    if arguments[0] in OWN:
        OWN[arguments[0]](*map(Path, arguments[1:]))
    else:
        from rast_eval.cli import dispatch

        if code := dispatch(arguments):
            sys.exit(code)
    taken = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time()}
    # Of this program alone; what getrusage says includes the process that it was forked from.
    status = Path("/proc/self/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    report.write_text(json.dumps({**taken, "megabytes": kilobytes / 1024}))


def resume(run: Path) -> None:
    """What `rast-eval run` asks of the store before it generates: which of the planned samples are missing."""
    store = Store(run)
    with store.locked():
        for cell in map(Cell.from_json, store.manifest()["cells"]):
            held = {key_of(row) for row in store.resume(cell)}
            planned = ((str(p), j) for p in range(cell.problem_count) for j in range(cell.n))
            if any(key not in held for key in planned):
                raise SystemExit("The store lacks samples.")


def view(run: Path, include: Path) -> None:
    """What the viewer does before its list and a sample are shown."""
    from rast_eval.view.data import Sources, Viewed

    shown = Viewed([run], Sources(include, include))
    first = shown.rows(BENCHMARK)["rows"][0]
    shown.problem(BENCHMARK, first["id"])
    shown.sample(BENCHMARK, 0, first["id"], 0)


def search(run: Path, include: Path) -> None:
    """A search that reads every output, after what `view` does."""
    from rast_eval.view.data import Sources, Viewed

    Viewed([run], Sources(include, include)).search(BENCHMARK, r"boxed\{10\d\}")


OWN: dict[str, Callable[..., None]] = {"resume": resume, "view": view, "search": search}


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=10_000, help="of an output")
    parser.add_argument("--root", type=Path, help="new folder of the store [default: a temporary one]")
    parser.add_argument("--keep", action="store_true", help="leave it there")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), options.child[1:])
        return
    root = options.root or Path(tempfile.mkdtemp(prefix="rast-store-"))
    problems = max(1, options.samples // (len(ARMS) * SAMPLES_A_PROBLEM))
    try:
        first, last = build(root, problems, options.bytes)
        run = str(root / "run")
        include = ["--include-path", str(root / "include"), "--data-dir", str(root / "include")]
        commands = {
            "score": ["score", run, *include],
            "report": ["report", run],
            "resume planning": ["resume", run],
            "analyze length": ["analyze", "length", run],
            "view, until the list and a sample are there": ["view", run, str(root / "include")],
            "view, with a search": ["search", run, str(root / "include")],
        }
        size = sum(path.stat().st_size for path in (root / "run" / "samples").rglob("*.jsonl"))
        print(f"{problems * len(ARMS) * SAMPLES_A_PROBLEM:,} samples, {size / 1e9:.2f} GB\n")
        print("| command | seconds | CPU seconds | MB |\n| --- | ---: | ---: | ---: |")
        for name, arguments in commands.items():
            spent = measure(arguments)
            print(f"| {name} | {spent.seconds:.1f} | {spent.cpu_seconds:.1f} | {spent.megabytes:.0f} |", flush=True)
        print(f"\nan append with its fsync: {first:.1f} ms to an empty store, {last:.1f} ms to the full one")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        if not options.keep:
            shutil.rmtree(root)


if __name__ == "__main__":
    main()
