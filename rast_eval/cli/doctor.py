"""`rast-eval doctor`: is this machine ready?"""

from __future__ import annotations

from typing import Annotated

import typer

from rast_eval.cli import options


def doctor(
    data_dir: options.DataDir = None,
    include_path: options.IncludePath = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Check python, torch, vLLM, GPUs, hub cache, benchmark files, LaTeX parser and sandbox; exit code 1 on errors."""
    import json
    from dataclasses import asdict

    from rast_eval.doctor import run

    failed = False
    folders = options.existing_folder(data_dir, "--data-dir"), options.existing_folder(include_path, "--include-path")
    for check in run(*folders):
        failed = failed or check.status == "error"
        if as_json:
            typer.echo(json.dumps(asdict(check)))
            continue
        color = {"ok": "green", "warning": "yellow", "error": "red"}[check.status]
        typer.echo(f"{typer.style(f'{check.status:<8}', fg=color)}{check.name:<16}{check.found}")
        if check.fix:
            typer.echo(f"{'':<24}→ {check.fix}")
    if failed:
        raise typer.Exit(1)
