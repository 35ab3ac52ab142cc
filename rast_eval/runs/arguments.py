"""A run's configuration as the flags of `rast-eval run`, and its models by the names that find them again.

>>> arguments(RunConfig(resolve_models("32b", ["14b:0.7"]), arms=("rast",), n=4))
['--base', '32b', '--delta', '14b', '--lambda', '0.7', '--arms', 'rast', '--n', '4', '--backend', 'hf']
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

from rast_eval.config import AUTO, CodeScoring, EngineConfig, RunConfig
from rast_eval.errors import UsageError
from rast_eval.inputs.models import ModelPair, find_pair, resolve_models
from rast_eval.types import LINEAR, Delta, ModelRef, Models

NAMES = {"rules": "evalplus-rules", "unsafe": "unsafe-code-execution"}
"""Flags that are not called as their field."""

WORDS = {"speculate": {AUTO: "auto"}}
"""Values that are typed as a word."""

LEFT_OUT = ("models", "engine", "code", "extra", "backend")


def arguments(config: RunConfig) -> list[str]:
    """The flags that give this configuration; typed again they give an equal one.

    What stands at its default is left out, save the backend, which depends on the machine; so are output folder,
    workers and `extra` of the engine, which no flag sets. Models that were put together by a program name their prompt,
    benchmarks and arms where the flags would imply others.

    Raises:
        UsageError: no flags give these models.
    """
    names, pins = _names(config.models)
    implied = _implied(config.models, names)
    if config.models.prompt != implied.prompt:
        config = replace(config, prompt=config.prompt or config.models.prompt)
    if config.models.benchmarks != implied.benchmarks:
        config = replace(config, benchmarks=config.benchmarks or config.models.benchmarks)
    if config.models.arms != implied.arms:
        config = replace(config, arms=config.arms or config.models.arms)
    pinned = (["--revision", f"{ref.path}={ref.revision}"] for ref in dict.fromkeys(pins))
    return [
        *(text for flag, values in names.items() for value in values for text in (f"--{flag}", value)),
        *chain.from_iterable(pinned),
        *_flags(config, RunConfig, {}),
        *([] if config.models.rule == LINEAR else ["--rule", str(config.models.rule)]),
        "--backend",
        config.engine.backend,
        *_flags(config.engine, EngineConfig, {"seed": config.seed}),
        *_flags(config.code, CodeScoring, {}),
    ]


def _implied(models: Models, names: Mapping[str, list[str]]) -> Models:
    """The models as their names give them, with the prompt and benchmarks that these imply.

    Raises:
        UsageError: other ones.
    """
    one = {flag: values[-1] for flag, values in names.items() if values}
    keys = ("base", "expert", "antiexpert", "rl")
    found = resolve_models(
        deltas=names["delta"], weight=float(one.get("lambda", 1.0)), **{key: one.get(key) for key in keys}
    )
    there, here = ([(m.base.path, [(d.expert.path, d.antiexpert.path, d.weight) for d in m.deltas])]
                   for m in (found, models))  # fmt: skip
    if there != here:
        raise UsageError(
            "No flags of `rast-eval run` give these models: it takes one pair of folders or hub ids, after all deltas "
            "with short names.",
            "Build the run as `RunConfig` in Python again.",
        )
    return found


def _flags(settings: Any, kind: type, inherited: Mapping[str, Any]) -> Iterator[str]:
    """Flags of the fields that differ from their default, or from what another flag sets as well."""
    for field in fields(kind):
        if field.name in LEFT_OUT:
            continue
        value = getattr(settings, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if value == inherited.get(field.name, default):
            continue
        flag = "--" + NAMES.get(field.name, field.name).replace("_", "-")
        text = WORDS[field.name].get(value, str(value)) if field.name in WORDS else _text(value)
        yield from [flag] if value is True else [flag, text]


def _text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, tuple):  # a shard is a pair of numbers, other tuples hold names
        return "/".join(map(str, value)) if all(isinstance(part, int) for part in value) else ",".join(value)
    return str(value)


def _names(models: Models) -> tuple[dict[str, list[str]], list[ModelRef]]:
    """Values by flag: short names where they stand for just these checkpoints; and those whose commit must be said."""
    pins: list[ModelRef] = []
    base = _pair(models.base, "base")
    weights = {delta.weight for delta in models.deltas}
    shared = len(weights) == 1
    names: dict[str, list[str]] = {"base": [_name(models.base, base, pins)]}
    names |= {"delta": [], "expert": [], "antiexpert": []}
    for index, delta in enumerate(models.deltas):
        pair = _pair_of(delta)
        # The first pair that is named brings its prompt.
        if pair is None or (index == 0 and pair.prompt != models.prompt):
            names["expert"].append(_name(delta.expert, _pair(delta.expert, "expert"), pins))
            names["antiexpert"].append(_name(delta.antiexpert, _pair(delta.antiexpert, "antiexpert"), pins))
        else:
            pins += [ref for ref in (delta.expert, delta.antiexpert) if ref.revision]
            names["delta"].append(pair.name if shared else f"{pair.name}:{delta.weight!r}")
    names["lambda"] = [repr(weight) for weight in weights if shared and weight != 1.0]
    names["rl"] = []
    if models.ceiling is not None:
        ceiling = _pair(models.ceiling, "rl")
        named = _name(models.ceiling, ceiling, pins)
        names["rl"] += [named] if ceiling is None or ceiling != base else []
    return names, pins


def _pair_of(delta: Delta) -> ModelPair | None:
    """The known pair that a delta is."""
    expert, antiexpert = _pair(delta.expert, "expert"), _pair(delta.antiexpert, "antiexpert")
    return expert if expert == antiexpert else None


def _pair(ref: ModelRef, kind: str) -> ModelPair | None:
    """The known pair whose `kind` this checkpoint is: base, rl, antiexpert or expert."""
    tuned = kind in ("rl", "expert")
    pair = find_pair(ref.name.removesuffix("-rl").partition("@")[0] if tuned else ref.name)
    known: ModelRef | None = getattr(pair, kind, None)
    return pair if known is not None and known.path == ref.path else None


def _name(ref: ModelRef, pair: ModelPair | None, pins: list[ModelRef]) -> str:
    if pair is None:
        return ref.key
    if ref.revision:
        pins.append(ref)
    return pair.name
