"""Benchmarks as data: one YAML each in benchmarks/, rows from the hub, a local file or a generator.

$ cat benchmarks/gsm8k.yaml
name: gsm8k
hub: {id: openai/gsm8k, config: main, split: test}
file: [gsm8k.jsonl]
…
"""

from __future__ import annotations

import gzip
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import resources
from rast_eval.inputs.hub import data_file, reachable
from rast_eval.tiny import task
from rast_eval.types import Problem, Sampling


@dataclass(frozen=True)
class Hub:
    """Where `datasets` finds the rows.

    Attributes:
        data_files: jsonl files to read instead of the repository's own configuration; loading
            scripts are never run.
    """

    id: str
    config: str | None = None
    split: str = "test"
    revision: str = "main"
    data_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """What a YAML says.

    Attributes:
        kind: `math` or `code`; decides how gold and question are read.
        file: names accepted under `--data-dir`, the first that exists is read.
        columns: for `id` and `question`, the columns to try in order; without an id the position counts.
        generator: for generated rows, the arguments of `tiny.task.problems`.
        limit: problems taken where no `--limit` is typed; None for all.
        count: rows expected; sha256: of the canonical rows, None where they were never held.
        prompt: template, None for the delta's.
        n, sampling: the paper's decoding for every arm; `greedy_arms` run greedily with n = 1 instead.
    """

    name: str
    title: str
    kind: str
    scorer: str
    count: int
    n: int
    sampling: Sampling
    aliases: tuple[str, ...] = ()
    hub: Hub | None = None
    file: tuple[str, ...] = ()
    generator: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limit: int | None = None
    sha256: str | None = None
    prompt: str | None = None
    greedy_arms: tuple[str, ...] = ()
    folder: Path = Path()


def _parse(path: Path) -> Benchmark:
    import yaml

    try:
        row: dict[str, Any] = yaml.safe_load(path.read_text())
        decoding = row.pop("decoding")
        hub = row.pop("hub", None)
        row.update({key: tuple(row.get(key, ())) for key in ("aliases", "file", "greedy_arms")})
        row["hub"] = Hub(**{**hub, "data_files": tuple(hub.get("data_files", ()))}) if hub else None
        row["n"] = decoding.pop("n")
        return Benchmark(**row, sampling=Sampling(**decoding), folder=path.parent)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"The benchmark file {path} cannot be read: {error}.",
            "Compare it with one that `rast-eval list --benchmarks` shows, for instance gsm8k.yaml.",
        ) from error


def registry(include_path: Path | None = None) -> dict[str, Benchmark]:
    """Every benchmark by its canonical name; those under `include_path` win over ours.

    Raises:
        DataError: a YAML that is malformed.
    """
    folders = [resources.folder("benchmarks"), *([include_path] if include_path else [])]
    found = (_parse(path) for folder in folders for path in sorted(folder.glob("*.yaml")))
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


def _column(benchmark: Benchmark, row: Mapping[str, Any], purpose: str) -> Any:
    for column in benchmark.columns.get(purpose, (purpose,)):
        if row.get(column) is not None:
            return row[column]
    return None


def to_problem(benchmark: Benchmark, row: Mapping[str, Any], position: int) -> Problem:
    """One row as a `Problem`.

    Raises:
        DataError: the row has no question or no gold answer.
    """
    question = _column(benchmark, row, "question")
    if question is None:
        raise DataError(
            f"Row {position} of {benchmark.name} has none of the columns {list(benchmark.columns['question'])}.",
            f"Point --data-dir at the original {benchmark.file[0] if benchmark.file else 'file'}.",
        )
    gold = ""
    if benchmark.kind == "math":
        from rast_eval.scoring.math.golds import gold_of

        gold = gold_of(benchmark.name, row)
    identity = _column(benchmark, row, "id")
    key = str(position if identity is None else identity)
    return Problem(benchmark.name, key, str(question).strip(), gold, dict(row))


def canonical_sha256(problems: Sequence[Problem]) -> str:
    """SHA-256 over (id, question, gold) of all rows in order: equal for the hub's and a local copy."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps([problem.id, problem.question, problem.gold]).encode() + b"\n")
    return digest.hexdigest()


def load(benchmark: Benchmark, data_dir: Path | None = None, limit: int | None = None) -> list[Problem]:
    """The first `limit` problems, after the whole set was checked against count and sha256.

    A wrong count or hash is a `UserWarning` that says which.

    Raises:
        DataError: no source can be read, or a row lacks a column.
    """
    rows = raw_rows(benchmark, data_dir or resources.local_data_dir())
    problems = [to_problem(benchmark, row, position) for position, row in enumerate(rows)]
    if len(problems) != benchmark.count:
        warnings.warn(f"{benchmark.name}: {len(problems)} rows where {benchmark.count} are expected.", stacklevel=2)
    elif benchmark.sha256 and canonical_sha256(problems) != benchmark.sha256:
        warnings.warn(f"{benchmark.name}: the sha256 of its rows is not the one this version knows.", stacklevel=2)
    if len({problem.id for problem in problems}) != len(problems):
        raise DataError(f"{benchmark.name} holds two rows with one id.", "Fetch the file again.")
    return problems[:limit]
