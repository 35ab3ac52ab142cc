"""Flags that several commands share, and how their text becomes settings."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, cast

import typer

from rast_eval.config import Backend
from rast_eval.errors import UnknownName, UsageError
from rast_eval.inputs import resources
from rast_eval.inputs.models import parse_weight, resolve_models
from rast_eval.types import Models

Base = Annotated[str | None, typer.Option(help="Large model to activate: a short name (32b), hub id or folder.")]
Deltas = Annotated[
    list[str] | None, typer.Option("--delta", help="Small pair by short name, with its own λ if you like: 14b:0.7.")
]
Expert = Annotated[str | None, typer.Option(help="Small RL-tuned model; goes with --antiexpert.")]
Antiexpert = Annotated[str | None, typer.Option(help="The small model the expert was tuned from.")]
Ceiling = Annotated[str | None, typer.Option("--rl", help="The RL-tuned base, for the arm rl.")]
Lambda = Annotated[str, typer.Option("--lambda", help="λ of every delta that names none of its own.")]
BackendName = Annotated[
    str | None, typer.Option("--backend", help="hf or vllm [default: vllm where it is installed beside a GPU].")
]
Revision = Annotated[
    list[str] | None,
    typer.Option(help="Of the base on the hub, or ORG/NAME=REVISION of any checkpoint."),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--benchmarks", "-b", "--tasks", "-t", help="Benchmarks, comma-separated or repeated."),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of local benchmark files [env: RAST_EVAL_DATA].")]
IncludePath = Annotated[Path | None, typer.Option(help="Folder of your own benchmark YAMLs and prompt templates.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use the local hub cache only.")]
Workers = Annotated[int | None, typer.Option(help="Grading processes [default: one a core].")]

EvalPlusRules = Annotated[
    str, typer.Option("--evalplus-rules", help="Time limits of HumanEval+ and MBPP+: master (4 s) or 0.3.1 (1 s).")
]
LcbIo = Annotated[
    str, typer.Option("--lcb-io", help="LiveCodeBench verdict that counts: process (real pipes) or official.")
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe-code-execution",
        help="Without bubblewrap: limits and a system-call filter only; programs see your files.",
    ),
]


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


def resolve_backend(name: str | None, models: Models) -> Backend:
    """`--backend`, or what fits: vLLM for real models on a GPU machine that has it, else transformers.

    Raises:
        UnknownName: no such backend.
    """
    if name in ("hf", "vllm"):
        return cast(Backend, name)
    if name is not None:
        raise UnknownName("backend", name, ["hf", "vllm"])
    embedded = Path(models.base.path).parent == resources.embedded_checkpoints()
    return "vllm" if not embedded and shutil.which("nvidia-smi") and find_spec("vllm") else "hf"


DTYPES = {"half": "float16", "fp16": "float16", "bf16": "bfloat16", "float": "float32", "fp32": "float32"}


def resolve_dtype(name: str) -> str:
    """`--dtype` by the name torch gives it.

    Raises:
        UnknownName: no such dtype.
    """
    known = ("auto", "float32", "bfloat16", "float16")
    if DTYPES.get(name, name) not in known:
        raise UnknownName("dtype", name, known)
    return DTYPES.get(name, name)


def pinned(models: Models) -> Models:
    """The models with every hub checkpoint at the commit it has now."""
    from rast_eval.inputs.hub import pin

    return models.changed(pin)


def models(
    base: str | None,
    deltas: Sequence[str] | None,
    expert: str | None,
    antiexpert: str | None,
    rl: str | None,
    weight: str,
    revisions: Sequence[str] | None,
) -> Models:
    """The models that the flags name; see `resolve_models` for what is refused.

    Raises:
        UsageError: two revisions of the base, or one of a checkpoint that is not among the models.
    """
    value = parse_weight(weight, "--lambda")
    pins = dict(text.rsplit("=", 1) for text in revisions or () if "=" in text)
    plain = [text for text in revisions or () if "=" not in text]
    if len(plain) > 1:
        raise UsageError(
            f"--revision {plain[1]} is a second revision of the base.", "Type --revision ORG/NAME=REVISION."
        )
    found = resolve_models(base, deltas or (), expert, antiexpert, rl, value, plain[0] if plain else None)
    paths = {ref.path for ref in found.checkpoints}
    for path in pins.keys() - paths:
        raise UnknownName("checkpoint in this run", path, paths)
    return found.changed(lambda ref: replace(ref, revision=pins.get(ref.path, ref.revision)))
