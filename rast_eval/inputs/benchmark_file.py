"""One benchmark's YAML: what it may say, what it must say, what is refused.

$ cat benchmarks/gsm8k.yaml
name: gsm8k
hub: {id: openai/gsm8k, config: main, split: test}
file: [gsm8k.jsonl]
gold: after-hashes
…
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError
from rast_eval.inputs.front_matter import Facts, nearest
from rast_eval.inputs.golds import RULES
from rast_eval.types import Sampling

KINDS = ("math", "code")
PURPOSES = ("id", "question", "answer")
"""What columns are named for."""

_HUB = ("id", "config", "split", "revision", "data_files")
_DECODING = ("n", "temperature", "top_p", "max_tokens")
_GENERATOR = ("seed", "count")
KEYS = ("name", "title", "kind", "scorer", "count", "decoding", "aliases", "hub", "file", "generator", "columns",
         "gold", "keep_units", "limit", "sha256", "prompt", "greedy_arms", "choices", "released")  # fmt: skip


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
        kind: `math`: the rows hold answers; `code`: they hold tests.
        file: names accepted under `--data-dir` or beside the YAML, the first that exists is read.
        columns: for `id`, `question` and `answer`, the columns to try in order; a row without an id has its position.
        gold: the rule of `inputs.golds` that takes the answer from its column.
        keep_units: whether units belong to an answer.
        generator: for generated rows, the arguments of `tiny.task.problems`.
        limit: problems taken where no `--limit` is typed; None for all.
        count: rows expected; sha256: of the canonical rows, None where they were never held.
        prompt: template, None for the delta's.
        n, sampling: the paper's decoding for every arm; `greedy_arms` run greedily with n = 1 instead.
        choices: columns of the wrong options of a multiple-choice question; the gold is then a letter.
        released: year and month, `2025-02`, or the first and last of its problems; empty where that is not known.
        folder: where the YAML lies.
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
    gold: str = "plain"
    keep_units: bool = False
    limit: int | None = None
    sha256: str | None = None
    prompt: str | None = None
    greedy_arms: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    released: str = ""
    folder: Path = Path()


def read_benchmark(path: Path) -> Benchmark:
    """The benchmark that a YAML describes.

    Raises:
        DataError: it is no YAML, lacks a key, or has one that nobody knows or of another type.
    """
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read: {reason}.", "docs/your-own.md shows a benchmark to copy.") from error
    facts = Facts(loaded, KEYS, path)
    name, decoding, paper = facts.text("name"), facts.part("decoding", _DECODING), Sampling()
    if not re.fullmatch(r"\w[\w .+-]*", name):
        raise DataError(
            f"{path}: {name!r} cannot name the files of a run.", "Take letters, digits and any of _ . + - for `name`."
        )
    sampling = Sampling(
        decoding.number("temperature", paper.temperature),
        decoding.number("top_p", paper.top_p),
        decoding.number("max_tokens", paper.max_tokens, whole=True),
    )
    return Benchmark(
        name=name,
        title=facts.text("title", name),
        kind=_one_of(path, "kind", facts.text("kind"), KINDS),
        scorer=facts.text("scorer"),
        count=facts.number("count", whole=True),
        n=decoding.number("n", whole=True),
        sampling=sampling,
        aliases=facts.names("aliases"),
        hub=_hub(facts.part("hub", _HUB)) if "hub" in facts else None,
        file=facts.names("file"),
        generator=_generator(facts.part("generator", _GENERATOR)) if "generator" in facts else {},
        columns=_columns(facts.part("columns", PURPOSES)),
        gold=_one_of(path, "gold", facts.text("gold", "plain"), RULES),
        keep_units=facts.flag("keep_units"),
        limit=facts.number("limit", whole=True) if "limit" in facts else None,
        sha256=facts.optional("sha256"),
        prompt=facts.optional("prompt"),
        greedy_arms=facts.names("greedy_arms"),
        choices=facts.names("choices"),
        released=facts.text("released", ""),
        folder=path.parent,
    )


def _one_of(path: Path, key: str, value: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    if value not in known:
        raise DataError(f"{path}: `{key}` is {value!r}.", nearest(value, list(known)).replace("Known keys", "Known"))
    return value


def _hub(facts: Facts) -> Hub:
    return Hub(
        id=facts.text("id"),
        config=facts.optional("config"),
        split=facts.text("split", "test"),
        revision=facts.text("revision", "main"),
        data_files=facts.names("data_files"),
    )


def _generator(facts: Facts) -> dict[str, int]:
    return {key: int(facts.number(key)) for key in _GENERATOR}


def _columns(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Columns by purpose, each named as its purpose unless the YAML says otherwise."""
    return {purpose: facts.names(purpose) or (purpose,) for purpose in PURPOSES}
