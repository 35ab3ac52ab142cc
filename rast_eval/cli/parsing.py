"""How the text of flags becomes settings; what it does not say is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rast_eval import machine
from rast_eval.config import AUTO
from rast_eval.decoding.engine import BACKENDS
from rast_eval.errors import UnknownName, UsageError
from rast_eval.inputs import resources
from rast_eval.types import LINEAR, FusionRule, Models


def split_names(values: Sequence[str] | None) -> tuple[str, ...]:
    """`["a,b", "c"]` as `("a", "b", "c")`."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def existing_folder(path: Path | None, flag: str) -> Path | None:
    """`path`, if it is a folder.

    Raises:
        UsageError: it is not.
    """
    if path is not None and not path.is_dir():
        raise UsageError(f"{flag} {path} is not a folder.", f"Type {flag} with an existing folder.")
    return path


def parse_points(text: str, flag: str) -> float:
    """`"±1.0"` or `"1"` as 1.0.

    Raises:
        UsageError: no number of points between 0 and 50.
    """
    try:
        points = float(text.removeprefix("±").removeprefix("+-"))
    except ValueError:
        points = 0.0
    if not 0 < points < 50:
        raise UsageError(f"{flag} {text} is no number of points between 0 and 50.", f"Type for instance {flag} ±1.0.")
    return points


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """`"0/4"` as (0, 4).

    Raises:
        UsageError: not i/m with 0 ≤ i < m.
    """
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
        raise UsageError(f"--shard {text} is not of the form i/m with i below m.", "Type for instance --shard 0/4.")
    return int(index), int(count)


def resolve_backend(name: str | None, models: Models) -> str:
    """`--backend`, or what fits: vLLM for real models on a GPU machine that has it, else transformers.

    Raises:
        UnknownName: no such backend.
        BackendError: there is a GPU, and its driver does not answer.
    """
    if name is not None:
        if name not in BACKENDS:
            raise UnknownName("backend", name, BACKENDS)
        return name
    embedded = Path(models.base.path).parent == resources.embedded_checkpoints()
    return "vllm" if not embedded and find_spec("vllm") and machine.cards() else "hf"


def parse_rule(text: str, models: Models) -> FusionRule:
    """`--rule` for these models.

    Raises:
        UsageError, UnknownName: no such rule, or nothing that it could combine.
    """
    rule = FusionRule.parse(text)
    if rule != LINEAR:
        from rast_eval.decoding.rules import make_rule

        make_rule(rule)
        if not models.deltas:
            raise UsageError(f"--rule {text} combines a base with deltas.", "Add --delta NAME, or leave out --rule.")
    return rule


def parse_speculate(text: str) -> int:
    """`--speculate` as `EngineConfig.speculate`.

    Raises:
        UsageError: neither a number, `auto` nor `off`.
    """
    if text in ("auto", "off"):
        return AUTO if text == "auto" else 0
    if not text.isdigit():
        raise UsageError(f"--speculate {text} is no number of tokens.", "Type for instance --speculate 4, auto or off.")
    return int(text)


KNOWN_DTYPES = ("auto", "float32", "bfloat16", "float16")
DTYPES = {"half": "float16", "fp16": "float16", "bf16": "bfloat16", "float": "float32", "fp32": "float32"}


def parse_overrides(text: str | None) -> dict[str, Any]:
    """`--hf-overrides` as `EngineConfig.hf_overrides`.

    Raises:
        UsageError: no JSON object.
    """
    try:
        return dict(json.loads(text or "{}"))
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"--hf-overrides {text} is no JSON object.",
            """Type for instance --hf-overrides '{"rope_theta": 1000000}'.""",
        ) from error


def resolve_dtype(name: str, flag: str = "--dtype") -> str:
    """A dtype's flag by the name torch gives it.

    Raises:
        UnknownName: no such dtype.
    """
    if DTYPES.get(name, name) not in KNOWN_DTYPES:
        raise UnknownName(flag.removeprefix("--").replace("-", " "), name, KNOWN_DTYPES)
    return DTYPES.get(name, name)
