"""From the logs of other programs to an ordinary run: samples, and the rows that they answer.

    results/<run>/rows/<benchmark>.yaml, .jsonl    the logs' own questions and golds, where no benchmark is named

Such a folder is an `--include-path`, so grading, reports and comparisons read an imported run as any other.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError
from rast_eval.files import replace_file, replacing
from rast_eval.inputs import benchmarks, sources
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.identity import file_sha256
from rast_eval.inputs.prompts import Prompt
from rast_eval.logs.answers import Answered, BadRow, Origin
from rast_eval.logs.files import opened
from rast_eval.logs.layouts import layout_of, name_of
from rast_eval.logs.plain import Keys
from rast_eval.logs.rows import FirstReadings, Rows, gold_of, parse_row
from rast_eval.results import lines
from rast_eval.results.store import Store
from rast_eval.runs import manifest
from rast_eval.scoring.registry import for_benchmarks
from rast_eval.types import Arm, Cell, ModelRef, Problem, Sampling, System

OWN_ROWS = "rows"
UNKNOWN_TOKENS = -1
_NAMED_LINES = 5


@dataclass(frozen=True)
class ImportConfig:
    """How logs become a run.

    Attributes:
        benchmark: that they answer; None for the rows that they bring themselves.
        system: that made them; None for the model that the logs name.
        prompt: that they answer; scorers cut at its stops.
        keys: of rows of one's own; None for the layouts that are known.
        n: samples of a problem that count; None for as many as one has.
    """

    arm: Arm
    prompt: Prompt
    benchmark: Benchmark | None = None
    system: System | None = None
    scorer: str | None = None
    keys: Keys | None = None
    n: int | None = None
    data_dir: Path | None = None
    include_path: Path | None = None


@dataclass
class Logged:
    """What one benchmark's files came to.

    Attributes:
        count: samples a problem, by its id.
        skipped: rows that could not be read, with the reason.
        again: rows whose outputs an earlier row held under another filter.
    """

    rows: Rows
    own: dict[str, Problem]
    count: Counter[str]
    skipped: list[str]
    again: int = 0
    taken: int = 0


def import_logs(files: Sequence[Path], root: Path, config: ImportConfig, *, overwrite: bool = False) -> list[Cell]:
    """Write the samples of log files into the run at `root`, one cell a benchmark, and its manifest.

    Files of one benchmark are read in order, each output as one more sample of its problem.

    Raises:
        DataError: a file cannot be read, holds no output, or answers other rows than the benchmark's.
        StoreError: the run holds other samples in these cells and `overwrite` is off.
    """
    origins = {path: _origin(path, config) for path in files}
    store, cells = Store(root), []
    with store.locked():
        for task, group in _by_task(origins, config).items():
            cells.append(_import_task(store, task, group, origins[group[0]], config, overwrite=overwrite))
    return cells


def _origin(path: Path, config: ImportConfig) -> tuple[Origin, str]:
    """What a file says of itself, and the name of its layout.

    Raises:
        DataError: it holds no row.
    """
    with opened(path) as log:
        for row in log.rows:
            try:
                first = parse_row(row) if isinstance(row, bytes) else row
            except BadRow:
                continue
            layout = config.keys or layout_of(first)
            return layout.origin(path, log.header, first), "plain" if config.keys else name_of(first)
    raise DataError(f"{path} holds no row.", "Type a file of outputs.")


def _by_task(origins: Mapping[Path, tuple[Origin, str]], config: ImportConfig) -> dict[str, list[Path]]:
    """Files by the name of their benchmark."""
    groups: dict[str, list[Path]] = {}
    for path, (origin, _) in origins.items():
        told = re.sub(r"[^\w.+-]+", "-", origin.task).strip("-.+")[:90] or "imported"
        groups.setdefault(config.benchmark.name if config.benchmark else told, []).append(path)
    return groups


def _import_task(
    store: Store, task: str, files: Sequence[Path], made: tuple[Origin, str], config: ImportConfig, *, overwrite: bool
) -> Cell:
    digests = {str(path): file_sha256(path) for path in files}
    cell = _cell(task, made, config, list(digests.values()))
    known = _known_rows(store, task, config)
    found = Logged(Rows(task, known), {p.id: p for p in known} if config.benchmark is None else {}, Counter(), [])
    session = manifest.imported_session([cell], digests, made[1])
    path = store.root / "samples" / cell.arm / f"{cell.benchmark}.jsonl"
    with replacing(path) as write:
        for file in files:
            for problem, one in _answers(file, config, found):
                if config.n is None or found.count[problem.id] < config.n:
                    facts = _facts(cell, session["id"], problem, found.count[problem.id], one)
                    write(lines.encode_sample(facts, one.output))
                    found.count[problem.id] += 1
        if not found.count:
            reason = found.skipped[0] if found.skipped else "no row"
            raise DataError(f"{files[0]} holds no output that can be imported: {reason}.", "Type a file of outputs.")
        problems = found.rows.problems if config.benchmark else list(found.own.values())
        cell = _measured(cell, problems, found)
        benchmark, facts = _benchmark(store, task, cell, problems, config)
        cell = replace(cell, scorer=for_benchmarks([benchmark], config.scorer)[benchmark.name])
        store.begin([cell], {**facts, **_prompt_facts(config.prompt)}, session, overwrite=overwrite)
    store.note(status="complete", ended=manifest.now(), made={"samples": found.count.total(), "tokens": 0})
    _tell(store, cell, found)
    return cell


def _cell(task: str, made: tuple[Origin, str], config: ImportConfig, digests: Sequence[str]) -> Cell:
    origin, layout = made
    temperature = math.nan if origin.temperature is None else float(origin.temperature)
    top_p = 1.0 if temperature == 0 else math.nan if origin.top_p is None else float(origin.top_p)
    system = config.system or System(ModelRef(origin.model or "unknown"))
    facts = [config.arm, system.to_json(), task, sorted(digests), config.n, config.prompt.sha256]
    return Cell(
        arm=config.arm,
        system=system,
        benchmark=task,
        scorer="simplerl",
        sampling=Sampling(temperature, top_p, origin.max_tokens or 0),
        prompt=config.prompt.name,
        stop=config.prompt.stop,
        n=1,
        problem_count=0,
        fingerprint=hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16],
        template_sha256=config.prompt.sha256,
        backend=layout,
        continues=config.prompt.continues,
    )


def _known_rows(store: Store, task: str, config: ImportConfig) -> list[Problem]:
    """Rows that the outputs may answer: the benchmark's, or those that an earlier import left here."""
    if config.benchmark is not None:
        return benchmarks.load(config.benchmark, config.data_dir)
    folder = store.root / OWN_ROWS
    return benchmarks.load(benchmarks.get(task, folder)) if (folder / f"{task}.yaml").is_file() else []


def _answers(path: Path, config: ImportConfig, found: Logged) -> Iterator[tuple[Problem, Answered]]:
    """Each output of a file, with its problem."""
    readings = FirstReadings()
    with opened(path) as log:
        for position, row in enumerate(log.rows):
            try:
                parsed = parse_row(row) if isinstance(row, bytes) else row
                answers = (config.keys or layout_of(parsed)).answers(parsed)
                if readings.again(answers[0]):
                    found.again += 1
                    continue
                problem = _problem(answers[0], position, config, found)
            except BadRow as error:
                if not (isinstance(row, bytes) and row.isspace()):
                    found.skipped.append(f"{path}, line {position + 1}: {error}")
                continue
            found.taken += 1
            yield from ((problem, one) for one in answers)


def _problem(one: Answered, position: int, config: ImportConfig, found: Logged) -> Problem:
    if config.benchmark is not None:
        return found.rows.answered_by(one, position)
    names = (one.problem_id, one.alias, None if one.place is None else str(one.place))
    key = next((name for name in names if name is not None), str(position))
    gold = gold_of(one)
    held = found.own.setdefault(key, Problem("", key, one.question.strip() or key, gold))
    if held.gold != gold:
        raise BadRow(f"problem {key!r} has the gold {gold!r} here, and {held.gold!r} elsewhere")
    return held


def _facts(cell: Cell, session: str, problem: Problem, index: int, one: Answered) -> dict[str, Any]:
    return {
        "fingerprint": cell.fingerprint,
        "session": session,
        "benchmark": cell.benchmark,
        "problem_id": problem.id,
        "sample": index,
        "seed": None,
        "problem_sha256": problem.sha256,
        "prompt_sha256": "",
        "num_tokens": UNKNOWN_TOKENS if one.tokens is None else one.tokens,
        "finish_reason": one.finish or "stop",
        "stop_reason": None,
    }


def _measured(cell: Cell, problems: Sequence[Problem], found: Logged) -> Cell:
    """The cell as its samples have it: the first rows of the benchmark that hold all of its problems."""
    last = max(place for place, problem in enumerate(problems) if problem.id in found.count)
    return replace(cell, n=max(found.count.values()), problem_count=last + 1, total=len(problems))


def _benchmark(
    store: Store, task: str, cell: Cell, problems: Sequence[Problem], config: ImportConfig
) -> tuple[Benchmark, dict[str, Any]]:
    """The benchmark, and what the manifest says of it; the logs' own rows are written."""
    benchmark, folders = config.benchmark, (config.data_dir, config.include_path)
    if benchmark is None:
        folder = store.root / OWN_ROWS
        rows = [{"id": p.id, "question": p.question, "answer": p.gold} for p in problems]
        told = {
            "name": task,
            "kind": "math",
            "scorer": cell.scorer,
            "count": len(rows),
            "file": [f"{task}.jsonl"],
            "decoding": {"n": cell.n},
        }
        replace_file(folder / f"{task}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
        replace_file(folder / f"{task}.yaml", json.dumps(told, indent=1) + "\n")  # JSON is YAML
        benchmark, folders = benchmarks.get(task, folder), (None, folder)
    facts = {task: sources.describe_rows(benchmark, problems, *folders)}
    if config.benchmark is None:
        facts[task]["include_path"] = OWN_ROWS  # within the run, wherever that is moved
    return benchmark, {"benchmarks": facts, "status": "running", "created": manifest.now(), "preset": None}


def _prompt_facts(prompt: Prompt) -> dict[str, Any]:
    told = {"template": prompt.template, "sha256": prompt.sha256, "stop_tokens": list(prompt.stop_tokens)}
    return {"prompts": {prompt.name: told}}


def _tell(store: Store, cell: Cell, found: Logged) -> None:
    """What was taken and what was not, on stderr."""
    size = f"{len(found.count)} × {cell.n}"
    print(f"{store.root}: {cell.name}, outputs {size}, made by {cell.system.label}.", file=sys.stderr)
    if found.again:
        print(f"{found.again} rows hold the same outputs under another filter and were left out.", file=sys.stderr)
    short = sum(count < cell.n for count in found.count.values())
    if short:
        print(
            f"warning: {short} problems have less than {cell.n} samples, and reports leave them out; "
            f"--n {min(found.count.values())} takes as many of each.",
            file=sys.stderr,
        )
    for reason in found.skipped[:_NAMED_LINES]:
        print(f"warning: {reason}; left out.", file=sys.stderr)
    if len(found.skipped) > _NAMED_LINES:
        print(f"warning: {len(found.skipped) - _NAMED_LINES} more rows were left out.", file=sys.stderr)
