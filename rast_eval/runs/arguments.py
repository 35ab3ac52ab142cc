"""A run's configuration as the flags of `rast-eval run`, and its models by the names that find them again.

>>> arguments(RunConfig(resolve_models("32b", ["14b:0.7"]), arms=("rast",), n=4))
['--base', '32b', '--delta', '14b', '--lambda', '0.7', '--arms', 'rast', '--n', '4', '--backend', 'hf']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rast_eval.config import AUTO, CodeScoring, EngineConfig, RunConfig
from rast_eval.inputs.models import ModelPair, find_pair
from rast_eval.types import Delta, ModelRef, Models

NAMES = {"rules": "evalplus-rules", "unsafe": "unsafe-code-execution"}
"""Flags that are not called as their field."""

WORDS = {"speculate": {AUTO: "auto"}}
"""Values that are typed as a word."""

LEFT_OUT = ("models", "engine", "code", "extra", "backend")


def arguments(config: RunConfig) -> list[str]:
    """The flags that give this configuration; typed again they give an equal one.

    What stands at its default is left out, save the backend, which depends on the machine; so are output folder,
    workers and `extra` of the engine, which no flag sets.
    """
    inherited = {"seed": config.seed}
    return [
        *_models(config.models),
        *_flags(config, RunConfig, {}),
        "--backend",
        config.engine.backend,
        *_flags(config.engine, EngineConfig, inherited),
        *_flags(config.code, CodeScoring, {}),
    ]


def _flags(settings: Any, kind: type, inherited: Mapping[str, Any]) -> Iterator[str]:
    """Flags of the fields that differ from their default, or from what another flag sets as well."""
    for field in fields(kind):
        if field.name in LEFT_OUT:
            continue
        value = getattr(settings, field.name)
        if value == inherited.get(field.name, field.default):
            continue
        flag = "--" + NAMES.get(field.name, field.name).replace("_", "-")
        text = WORDS.get(field.name, {}).get(value) or _text(value)
        yield from [flag] if value is True else [flag, text]


def _text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, tuple):  # a shard is a pair of numbers, other tuples hold names
        return "/".join(map(str, value)) if all(isinstance(part, int) for part in value) else ",".join(value)
    return str(value)


def _models(models: Models) -> Iterator[str]:
    """Short names where they stand for just these checkpoints, and the commits that they were at."""
    pins: list[ModelRef] = []
    pair = _pair(models.base, "base")
    yield from ("--base", _name(models.base, pair, pins))
    weights = {delta.weight for delta in models.deltas}
    shared = len(weights) == 1
    for index, delta in enumerate(models.deltas):
        pair_of = _pair_of(delta)
        # The first pair that is named brings its prompt.
        if pair_of is None or (index == 0 and pair_of.prompt != models.prompt):
            yield from ("--expert", _name(delta.expert, _pair(delta.expert, "rl"), pins))
            yield from ("--antiexpert", _name(delta.antiexpert, _pair(delta.antiexpert, "base"), pins))
        else:
            pins += [ref for ref in (delta.expert, delta.antiexpert) if ref.revision]
            yield from ("--delta", pair_of.name if shared else f"{pair_of.name}:{delta.weight!r}")
    if shared and weights != {1.0}:
        yield from ("--lambda", repr(weights.pop()))
    if models.ceiling is not None:
        known = _pair(models.ceiling, "rl")
        named = _name(models.ceiling, known, pins)
        if known is None or known != pair:
            yield from ("--rl", named)
    for ref in dict.fromkeys(pins):
        yield from ("--revision", f"{ref.path}={ref.revision}")


def _pair_of(delta: Delta) -> ModelPair | None:
    """The known pair that a delta is."""
    expert, antiexpert = _pair(delta.expert, "rl"), _pair(delta.antiexpert, "base")
    return expert if expert == antiexpert else None


def _pair(ref: ModelRef, kind: str) -> ModelPair | None:
    """The known pair whose base, or RL-tuned model, this checkpoint is."""
    pair = find_pair(ref.name.removesuffix("-rl") if kind == "rl" else ref.name)
    known: ModelRef | None = getattr(pair, kind, None)
    return pair if known is not None and known.path == ref.path else None


def _name(ref: ModelRef, pair: ModelPair | None, pins: list[ModelRef]) -> str:
    if pair is None:
        return ref.key
    if ref.revision:
        pins.append(ref)
    return pair.name
