"""Benchmarks as data: one YAML each in benchmarks/, rows from the hub, a local file or a generator."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import golds, resources
from rast_eval.inputs.benchmark_file import Benchmark, read_benchmark
from rast_eval.inputs.hub import data_file, reachable
from rast_eval.tiny import task
from rast_eval.types import Problem


def registry(include_path: Path | None = None) -> dict[str, Benchmark]:
    """Every benchmark by its canonical name; those under `include_path` win over ours.

    Raises:
        DataError: a YAML that is malformed.
    """
    folders = [resources.folder("benchmarks"), *([include_path] if include_path else [])]
    found = (read_benchmark(path) for folder in folders for path in sorted(folder.glob("*.yaml")))
    return {benchmark.name: benchmark for benchmark in found}


def get(name: str, include_path: Path | None = None) -> Benchmark:
    """The benchmark called `name` or one of its aliases, in any case, `-` and `_` alike.

    Raises:
        UnknownName: nobody is called so.
    """
    known = registry(include_path)
    wanted = name.strip().lower().replace("-", "_")
    for benchmark in known.values():
        if wanted in {alias.replace("-", "_") for alias in (benchmark.name, *benchmark.aliases)}:
            return benchmark
    raise UnknownName("benchmark", name, known)


def local_file(benchmark: Benchmark, data_dir: Path | None) -> Path | None:
    """The benchmark's file under `data_dir` or beside its YAML, None where there is none."""
    folders = [folder for folder in (data_dir, benchmark.folder) if folder]
    return next((folder / name for folder in folders for name in benchmark.file if (folder / name).is_file()), None)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSON-lines file, gzipped or not.

    Raises:
        DataError: a line that is no JSON object.
    """
    with path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"  # a cache keeps no suffix
    opener = gzip.open if packed else open
    with opener(path, "rt", encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise DataError(
                    f"Line {number} of {path} is not a JSON object.", "Fetch the file again or remove the line."
                )
            yield row


def _hub_rows(benchmark: Benchmark) -> Iterator[dict[str, Any]]:
    hub = benchmark.hub
    if hub is None:
        raise DataError(
            f"{benchmark.name} has no file {' or '.join(benchmark.file)} in the data folder.",
            "Type --data-dir DIR with the folder that holds it.",
        )
    rows: Iterable[Mapping[str, Any]]
    try:
        if hub.data_files:
            # Not through `datasets`, which infers one type a column: it refuses integers beyond 64 bits and columns
            # that hold numbers in one row and strings in another, and makes datetimes of strings.
            files = [data_file(hub.id, hub.revision, name) for name in hub.data_files]
            rows = chain.from_iterable(map(read_jsonl, files))
        else:
            reachable()  # before the import, which reads whether to be offline
            import datasets

            rows = datasets.load_dataset(hub.id, hub.config, split=hub.split, revision=hub.revision)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # the hub's clients raise a dozen unrelated types for "not reachable"
        raise DataError(
            f"{benchmark.name} could not be fetched from the hub ({hub.id}): {type(error).__name__}.",
            f"Check the network, or put {benchmark.file[0]} into a folder and type --data-dir FOLDER.",
        ) from error
    yield from map(dict, rows)


def raw_rows(benchmark: Benchmark, data_dir: Path | None = None) -> Iterator[dict[str, Any]]:
    """Rows as their source has them: a generator's, else a local file's, else the hub's.

    Raises:
        DataError: no source can be read.
    """
    if benchmark.generator:
        yield from task.problems(**benchmark.generator)
        return
    path = local_file(benchmark, data_dir)
    yield from read_jsonl(path) if path else _hub_rows(benchmark)


def _values(benchmark: Benchmark, row: Mapping[str, Any], purpose: str) -> list[Any]:
    return [row[column] for column in benchmark.columns[purpose] if row.get(column) is not None]


def to_problem(benchmark: Benchmark, row: Mapping[str, Any], position: int) -> Problem:
    """One row as a `Problem`.

    Raises:
        DataError: the row has no question or, for math, no answer.
    """
    found = {purpose: _values(benchmark, row, purpose) for purpose in ("id", "question", "answer")}
    needed = ("question", "answer") if benchmark.kind == "math" else ("question",)
    for purpose in needed:
        if not found[purpose]:
            columns = " or ".join(map(repr, benchmark.columns[purpose]))
            raise DataError(
                f"Row {position} of {benchmark.name} has no {purpose}: no column {columns}.",
                f"Name its column as `columns: {{{purpose}: […]}}` in {benchmark.name}.yaml, or mend the file.",
            )
    try:
        gold = golds.gold_from(found["answer"], benchmark.gold) if benchmark.kind == "math" else ""
    except DataError as error:
        raise DataError(f"Row {position} of {benchmark.name}: {error.message}", error.hint) from error
    key = str(found["id"][0] if found["id"] else position)
    question = str(found["question"][0]).strip()
    if benchmark.choices:
        question, gold = _lettered(question, gold, [str(row[column]).strip() for column in benchmark.choices], key)
    return Problem(benchmark.name, key, question, gold, dict(row), benchmark.keep_units)


def _lettered(question: str, right: str, wrong: Sequence[str], key: str) -> tuple[str, str]:
    """A question with its options, in an order drawn by its id, and the letter of the right one."""
    options = [right.strip(), *wrong]
    order = random.Random(key).sample(range(len(options)), len(options))
    listed = "\n".join(f"{letter}) {options[place]}" for letter, place in zip(ascii_uppercase, order, strict=False))
    return f"{question}\n\n{listed}\n\nAnswer with the letter of the right option.", ascii_uppercase[order.index(0)]


def canonical_sha256(problems: Sequence[Problem]) -> str:
    """SHA-256 over (id, question, printed gold) of all rows in order: equal for the hub's and a local copy."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps([problem.id, problem.question, problem.gold]).encode() + b"\n")
    return digest.hexdigest()


def load(benchmark: Benchmark, data_dir: Path | None = None, limit: int | None = None) -> list[Problem]:
    """The first `limit` problems, after the whole set was checked against count and sha256.

    A `UserWarning` says what the rows lack: their count or hash, the column of ids, the mark of the gold's rule.

    Raises:
        DataError: no source can be read, or a row lacks a column.
    """
    rows = raw_rows(benchmark, data_dir or resources.local_data_dir())
    problems = [to_problem(benchmark, row, position) for position, row in enumerate(rows)]
    for lack in _lacks(benchmark, problems):
        warnings.warn(f"{benchmark.name}: {lack}", stacklevel=2)
    if len(problems) != benchmark.count:
        warnings.warn(f"{benchmark.name}: {len(problems)} rows where {benchmark.count} are expected.", stacklevel=2)
    elif benchmark.sha256 and canonical_sha256(problems) != benchmark.sha256:
        warnings.warn(f"{benchmark.name}: the sha256 of its rows is not the one this version knows.", stacklevel=2)
    if len({problem.id for problem in problems}) != len(problems):
        raise DataError(f"{benchmark.name} holds two rows with one id.", "Fetch the file again.")
    return problems[:limit]


def _lacks(benchmark: Benchmark, problems: Sequence[Problem]) -> Iterator[str]:
    """What some rows lack that the YAML speaks of, and what counts in its place."""
    nameless = sum(not _values(benchmark, problem.metadata, "id") for problem in problems)
    columns = benchmark.columns["id"]
    if nameless and (nameless < len(problems) or columns != ("id",)):
        yield f"{nameless} rows have no column {' or '.join(columns)}; their position counts as their id."
    mark, first = golds.RULES[benchmark.gold].mark, benchmark.columns["answer"][0]
    bare = [p for p in problems if p.metadata.get(first) is not None and mark not in str(p.metadata[first])]
    if benchmark.kind == "math" and mark and len(benchmark.columns["answer"]) == 1 and bare:
        yield f"{len(bare)} rows have no `{mark}` in {first}, the first {bare[0].id!r}; the whole text counts as gold."
