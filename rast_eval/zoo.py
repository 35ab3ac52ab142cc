"""Short names of checkpoints, and the lineup of models a run is made of.

>>> lineup = resolve(base="32b", deltas=["14b:0.7"])
>>> lineup.base.path, lineup.deltas[0].expert.path, lineup.ceiling.path
('Qwen/Qwen2.5-32B', 'hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo', 'hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo')
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rast_eval import resources
from rast_eval.config import Delta, ModelRef, System
from rast_eval.errors import ModelError, UnknownName, UsageError
from rast_eval.shapes import ModelShape

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """One size of one family, e.g. `qwen2.5-32b`.

    Attributes:
        name: short name as shown in tables, e.g. `32b` or `llama3.1-70b`.
        base: checkpoint before RL.
        rl: checkpoint after RL, None where none was published.
        prompt: template of its RL training.
        benchmarks: what the paper evaluates it on.
    """

    name: str
    family: str
    base: ModelRef
    rl: ModelRef | None
    prompt: str
    benchmarks: tuple[str, ...]


@dataclass(frozen=True)
class Lineup:
    """All models a run can use.

    Attributes:
        ceiling: the RL-tuned base, None where there is none.
        prompt: the delta's template, the base's without a delta.
        benchmarks: the family's default benchmarks.
    """

    base: ModelRef
    deltas: tuple[Delta, ...]
    ceiling: ModelRef | None
    prompt: str
    benchmarks: tuple[str, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms this lineup can run, in table order."""
        return ("base", *(["rast"] if self.deltas else []), *(["rl"] if self.ceiling else []))

    def system(self, arm: str) -> System:
        """What generates in `arm`.

        Raises:
            UsageError: the lineup has no such model.
        """
        role = arm.partition("@")[0]
        if role == "base":
            return System(self.base)
        if role == "rast" and self.deltas:
            return System(self.base, self.deltas)
        if role == "expert" and self.deltas:
            return System(self.deltas[0].expert)
        if role == "rl" and self.ceiling:
            return System(self.ceiling)
        missing = {"rl": "an RL-tuned base: name one with --rl", "rast": "a delta: name one with --delta"}
        raise UsageError(
            f"Arm {arm!r} cannot be run with these models.",
            f"It needs {missing.get(role, 'a delta: name one with --delta')}, or leave it out of --arms.",
        )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((_HERE / "zoo.toml").read_text())


@cache
def entries() -> Mapping[str, Entry]:
    """Every entry by its full name `family-size`."""
    table = _table()
    found: dict[str, Entry] = {}
    for family, spec in table["families"].items():
        for size, row in spec["sizes"].items():
            name = size if family == table["default_family"] else f"{family}-{size}"
            found[f"{family}-{size}"] = Entry(
                name=name,
                family=family,
                base=ModelRef(_locate(row["base"]), name=name),
                rl=ModelRef(_locate(row["rl"]), name=f"{name}-rl") if "rl" in row else None,
                prompt=row.get("prompt", spec["prompt"]),
                benchmarks=tuple(row.get("benchmarks", spec["benchmarks"])),
            )
    return found


def _locate(path: str) -> str:
    return str(resources.embedded_checkpoints() / path.removeprefix("tiny:")) if path.startswith("tiny:") else path


@cache
def known_shapes() -> Mapping[str, ModelShape]:
    """Shapes of the zoo's hub checkpoints by hub id."""
    rows = [row for spec in _table()["families"].values() for row in spec["sizes"].values() if "shape" in row]
    return {row[kind]: ModelShape(**row["shape"]) for row in rows for kind in ("base", "rl") if kind in row}


def families() -> Mapping[str, str]:
    """Title of each family by its name."""
    return {name: spec["title"] for name, spec in _table()["families"].items()}


def lookup(name: str) -> Entry | None:
    """The zoo's entry for a short name, in any case, with or without the default family."""
    wanted = name.lower()
    return entries().get(wanted) or entries().get(f"{_table()['default_family']}-{wanted}")


def checkpoint(name: str, revision: str | None = None, *, kind: str = "model") -> ModelRef:
    """A checkpoint by path or hub id, `org/name@revision` included.

    Raises:
        ModelError: the folder holds no config.json.
        UnknownName: neither a folder nor of the form org/name.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"{name} is not a checkpoint: it holds no config.json.",
                "Type the folder that `save_pretrained` wrote, or a hub id such as Qwen/Qwen2.5-1.5B.",
            )
        return ModelRef(str(folder.resolve()), name=folder.resolve().name)
    repo, _, pinned = name.partition("@")
    if repo.count("/") == 1 and not repo.startswith((".", "/", "~")) and not repo.endswith("/"):
        return ModelRef(repo, revision=pinned or revision)
    if "/" in name:
        raise ModelError(f"There is no folder {name}.", "Type an existing checkpoint folder or a hub id org/name.")
    names = {entry.name for entry in entries().values()} | set(entries())
    raise UnknownName(kind, name, names)


def parse_weight(text: str, where: str) -> float:
    """λ as a finite number.

    Raises:
        UsageError: `text` is not a finite number.
    """
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise UsageError(f"λ in {where} is {text!r}, which is not a finite number.", "Type for instance `14b:0.7`.")
    return weight


def parse_delta(text: str, weight: float) -> tuple[str, float]:
    """Split `14b:0.7` into name and λ; without a λ of its own a delta takes `weight`."""
    name, colon, tail = text.rpartition(":")
    if not colon or Path(text).exists():
        return text, weight
    return name, parse_weight(tail, f"--delta {text}")


def resolve(
    base: str | None = None,
    deltas: Sequence[str] = (),
    expert: str | None = None,
    antiexpert: str | None = None,
    rl: str | None = None,
    weight: float = 1.0,
    revision: str | None = None,
) -> Lineup:
    """The lineup that the flags of `run` name; with none of them, the embedded family.

    Raises:
        UnknownName: a short name that is not in the zoo.
        UsageError: an expert without its antiexpert, a delta without an RL-tuned model, a bad λ.
        ModelError: a folder that is no checkpoint.
    """
    if base is None:
        if deltas or expert or antiexpert:
            raise UsageError("There is a delta but no base.", "Add --base NAME, for instance --base 32b.")
        default = _table()["default_run"]
        base, deltas = default["base"], [default["delta"]]
    if (expert is None) != (antiexpert is None):
        present, missing = ("--expert", "--antiexpert") if expert else ("--antiexpert", "--expert")
        raise UsageError(f"{present} is given without {missing}.", f"Add {missing} PATH: a delta is a pair.")
    known = lookup(base)
    base_ref = known.base if known else checkpoint(base, revision)
    if known and revision:
        base_ref = ModelRef(base_ref.path, revision, base_ref.name)
    prompt = known.prompt if known else "qwen-boxed"
    terms: list[Delta] = []
    for text in deltas:
        if text.lower() == "none":
            continue
        name, own_weight = parse_delta(text, weight)
        entry = lookup(name)
        if entry is None:
            checkpoint(name, kind="delta")
            raise UsageError(f"{name} is one model, and a delta is a pair.", f"Type --expert {name} --antiexpert PATH.")
        if entry.rl is None:
            raise UsageError(f"{name} has no RL-tuned variant, so it is no delta.", "Choose another --delta.")
        prompt = entry.prompt if not terms else prompt
        terms.append(Delta(entry.rl, entry.base, own_weight))
    if expert and antiexpert:
        terms.append(Delta(_expert(expert), _antiexpert(antiexpert), weight))
    ceiling = _expert(rl) if rl else known.rl if known else None
    benchmarks = known.benchmarks if known else ("math500",)
    return Lineup(base_ref, tuple(terms), ceiling, prompt, benchmarks)


def _expert(name: str) -> ModelRef:
    entry = lookup(name)
    return entry.rl if entry and entry.rl else checkpoint(name, kind="expert")


def _antiexpert(name: str) -> ModelRef:
    entry = lookup(name)
    return entry.base if entry else checkpoint(name, kind="antiexpert")


def resolve_system(
    base: str,
    deltas: Sequence[str] = (),
    expert: str | None = None,
    antiexpert: str | None = None,
    weight: float = 1.0,
) -> System:
    """The fused system that `resolve` describes."""
    lineup = resolve(base, deltas, expert, antiexpert, weight=weight)
    return System(lineup.base, lineup.deltas)
