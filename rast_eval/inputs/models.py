"""Short names of checkpoints, and the models that a run can use.

>>> models = resolve_models(base="32b", deltas=["14b:0.7"])
>>> models.base.path, models.deltas[0].expert.path, models.ceiling.path
('Qwen/Qwen2.5-32B', 'hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo', 'hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo')
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from rast_eval.errors import ModelError, UnknownName, UsageError
from rast_eval.inputs import resources
from rast_eval.inputs.shapes import ModelShape, config_of, from_config
from rast_eval.types import Delta, ModelRef, Models

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class ModelPair:
    """One size of one family, e.g. `qwen2.5-32b`.

    Attributes:
        name: short name as shown in tables, e.g. `32b` or `llama3.1-70b`.
        base: checkpoint before RL.
        rl: checkpoint after RL, the ceiling of its base; None where none was published.
        antiexpert, expert: the pair of the delta: base and rl, where the table names no others.
        prompt: template of its RL training.
        benchmarks: what the paper evaluates it on.
    """

    name: str
    family: str
    base: ModelRef
    rl: ModelRef | None
    prompt: str
    benchmarks: tuple[str, ...]
    antiexpert: ModelRef
    expert: ModelRef | None
    stage: str = ""
    recipe: str = ""
    licence: str = ""
    tokenizer: str = ""
    released: str = ""
    rl_released: str = ""


SAID = ("stage", "recipe", "licence", "tokenizer", "released", "rl_released")
"""What a table of models says of a pair in words; a family says it for its sizes."""

KEYS = ("base", "rl", "antiexpert", "expert", "revision", "prompt", "benchmarks", "shape", *SAID)
"""What a size may say."""

_INCLUDED: list[Path] = []


def include(folder: Path | None) -> None:
    """Know the pairs of `models.toml` in this folder too, for the rest of the process; none there is fine.

    Raises:
        UsageError: it is no table of families, each with a prompt, benchmarks and sizes that name a base.
    """
    file = folder / "models.toml" if folder else None
    if file is None or not file.is_file() or file in _INCLUDED:
        return
    _INCLUDED.append(file)
    _forget()
    try:
        known_pairs()
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        _INCLUDED.remove(file)
        _forget()
        raise UsageError(
            f"{file} is no table of models ({type(error).__name__}: {error}).",
            "Write [families.NAME] with prompt and benchmarks, and [families.NAME.sizes.SIZE] with base and rl.",
        ) from error


def _forget() -> None:
    for known in (_table, known_pairs, known_shapes):
        known.cache_clear()


@cache
def _table() -> dict[str, Any]:
    table = tomllib.loads((_HERE / "models.toml").read_text(encoding="utf-8"))
    for file in _INCLUDED:
        for name, own in tomllib.loads(file.read_text(encoding="utf-8"))["families"].items():
            family = table["families"].setdefault(name, own)
            family["sizes"] = {**family["sizes"], **own["sizes"]}
    return table


@cache
def known_pairs() -> Mapping[str, ModelPair]:
    """Every pair by its full name `family-size`."""
    table = _table()
    found: dict[str, ModelPair] = {}
    for family, facts in table["families"].items():
        for size, row in facts["sizes"].items():
            name = size if family == table["default_family"] else f"{family}-{size}"
            if unknown := set(row) - set(KEYS):
                raise UnknownName("key of a model", min(unknown), KEYS)
            said = {key: row.get(key, facts.get(key, "")) for key in SAID}
            base, antiexpert = (
                ModelRef(_locate(row.get(key, row["base"])), name=name) for key in ("base", "antiexpert")
            )
            rl, expert = (
                ModelRef(_locate(row[key]), row.get("revision"), f"{name}-rl") if key in row else None
                for key in ("rl", "expert")
            )
            prompt, benchmarks = (row.get(key, facts[key]) for key in ("prompt", "benchmarks"))
            found[f"{family}-{size}"] = ModelPair(
                name, family, base, rl, prompt, tuple(benchmarks), antiexpert, expert or rl, **said
            )
    return found


def _locate(path: str) -> str:
    return str(resources.embedded_checkpoints() / path.removeprefix("tiny:")) if path.startswith("tiny:") else path


@cache
def known_shapes() -> Mapping[str, ModelShape]:
    """Shapes of the known hub checkpoints by hub id."""
    rows = [row for facts in _table()["families"].values() for row in facts["sizes"].values()]
    bases = {row["base"]: ModelShape(**row["shape"]) for row in rows if "shape" in row}
    return bases | {row["rl"]: bases[row["base"]] for row in rows if "rl" in row and row["base"] in bases}


def shape_of(ref: ModelRef) -> ModelShape | None:
    """Shape of a checkpoint from its config.json, else from models.toml; None where neither knows it."""
    config = config_of(ref)
    if config is not None:
        return from_config(config)
    return known_shapes().get(ref.path)


def find_pair(name: str) -> ModelPair | None:
    """The pair of a short name, in any case, with or without the default family."""
    wanted = name.lower()
    return known_pairs().get(wanted) or known_pairs().get(f"{_table()['default_family']}-{wanted}")


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
    names = {pair.name for pair in known_pairs().values()} | set(known_pairs())
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


def resolve_models(
    base: str | None = None,
    deltas: Sequence[str] = (),
    expert: str | None = None,
    antiexpert: str | None = None,
    rl: str | None = None,
    weight: float = 1.0,
    revision: str | None = None,
) -> Models:
    """The models that the flags of `run` name; with none of them, the embedded family.

    Raises:
        UnknownName: a short name that models.toml does not hold.
        UsageError: an expert without its antiexpert, a delta without an RL-tuned model, a bad λ.
        ModelError: a folder that is no checkpoint.

    >>> import rast_eval
    >>> rast_eval.models("32b", ["14b:0.7", "7b:0.3"]).system("rast").label
    '32b + 0.7Δ14b + 0.3Δ7b'
    """
    if base is None:
        if deltas or expert or antiexpert:
            raise UsageError("There is a delta but no base.", "Add --base NAME, for instance --base 32b.")
        default = _table()["default_run"]
        base, deltas = default["base"], [default["delta"]]
    if (expert is None) != (antiexpert is None):
        present, missing = ("--expert", "--antiexpert") if expert else ("--antiexpert", "--expert")
        raise UsageError(f"{present} is given without {missing}.", f"Add {missing} PATH: a delta is a pair.")
    known = find_pair(base)
    base_ref = known.base if known else checkpoint(base, revision)
    if known and revision:
        base_ref = ModelRef(base_ref.path, revision, base_ref.name)
    prompt = own_prompt = known.prompt if known else "qwen-boxed"
    chosen: list[Delta] = []
    for text in deltas:
        if text.lower() == "none":
            continue
        name, own_weight = parse_delta(text, weight)
        short, _, pinned = name.partition("@")
        pair = find_pair(short)
        if pair is None:
            checkpoint(name, kind="delta")
            raise UsageError(f"{name} is one model, and a delta is a pair.", f"Type --expert {name} --antiexpert PATH.")
        if pair.expert is None:
            raise UsageError(f"{name} has no RL-tuned variant, so it is no delta.", "Choose another --delta.")
        tuned = replace(pair.expert, revision=pinned, name=f"{pair.name}@{pinned}-rl") if pinned else pair.expert
        prompt = pair.prompt if not chosen else prompt
        chosen.append(Delta(tuned, pair.antiexpert, own_weight))
    if expert and antiexpert:
        chosen.append(Delta(_named(expert, "expert"), _named(antiexpert, "antiexpert"), weight))
    ceiling = _named(rl, "rl") if rl else known.rl if known else None
    benchmarks = known.benchmarks if known else ("math500",)
    return Models(base_ref, tuple(chosen), ceiling, prompt, benchmarks, own_prompt)


def _named(name: str, role: str) -> ModelRef:
    """What has this role in the pair of a short name, else the checkpoint itself."""
    found: ModelRef | None = getattr(find_pair(name), role, None)
    return found or checkpoint(name, kind="antiexpert" if role == "antiexpert" else "expert")
