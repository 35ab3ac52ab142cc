"""`rast-eval compose`: a composite directory for vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compose(
    base: Annotated[str, typer.Option(help="The large model: a short name, a hub id or a folder.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Folder to write.")],
    delta: Annotated[
        list[str] | None, typer.Option(help="A pair by its short name, NAME or NAME:λ; repeatable.")
    ] = None,
    expert: Annotated[str | None, typer.Option(help="The RL-tuned small model.")] = None,
    antiexpert: Annotated[str | None, typer.Option(help="The small model it was tuned from.")] = None,
    weight: Annotated[float, typer.Option("--lambda", help="λ of every delta that has none of its own.")] = 1.0,
) -> None:
    """Write a folder that `vllm.LLM(FOLDER)` and vLLM's OpenAI server load as one fused model."""
    from rast_eval.decoding.checks import check_tokenizers
    from rast_eval.decoding.compose import compose as write_composite
    from rast_eval.inputs.models import parse_weight, resolve_system

    weight = parse_weight(str(weight), "--lambda")
    system = resolve_system(base, delta or [], expert, antiexpert, weight)
    check_tokenizers(system)
    typer.echo(write_composite(system, output_dir))
