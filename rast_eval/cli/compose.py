"""`rast-eval compose`: a composite directory for vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped


@grouped
def compose(
    *,
    names: options.ModelFlags,
    weight: options.Lambda = "1.0",
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Folder to write.")],
) -> None:
    """Write a folder that `vllm.LLM(FOLDER)` and vLLM's OpenAI server load as one fused model."""
    from rast_eval.decoding.checks import check_tokenizers
    from rast_eval.decoding.compose import compose as write_composite

    system = names.models(weight).system("rast")
    check_tokenizers(system)
    typer.echo(write_composite(system, output_dir))
