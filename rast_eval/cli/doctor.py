"""`rast-eval doctor`: is this machine ready?"""

from __future__ import annotations

from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.terminal import echo


def doctor(
    data_dir: options.DataDir = None,
    include_path: options.IncludePath = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    certify: Annotated[
        str | None, typer.Option(help="`speculation`: test vLLM's sampling under it on this machine; a minute.")
    ] = None,
    selfcheck: Annotated[
        bool, typer.Option("--selfcheck", "--gpu", help="Start engines and compare what they compute; three minutes.")
    ] = False,
) -> None:
    """Check python, torch, vLLM, GPUs, hub cache, benchmark files, LaTeX parser and sandbox; exit code 1 on errors."""
    import json
    from dataclasses import asdict

    from rast_eval.doctor import run

    if certify is not None:
        _certify(certify)
        return
    if selfcheck:
        _selfcheck()
        return
    failed = False
    folders = parsing.existing_folder(data_dir, "--data-dir"), parsing.existing_folder(include_path, "--include-path")
    for check in run(*folders):
        failed = failed or check.status == "error"
        if as_json:
            echo(json.dumps(asdict(check)))
            continue
        color = {"ok": "green", "warning": "yellow", "error": "red"}[check.status]
        echo(f"{typer.style(f'{check.status:<8}', fg=color)}{check.name:<17}{check.found}")
        if check.fix:
            echo(f"{'':<25}→ {check.fix}")
    if failed:
        raise typer.Exit(1)


def _certify(what: str) -> None:
    """Test what is named and keep the result; exit code 1 where it does not hold."""
    from importlib.util import find_spec

    from rast_eval.errors import BackendError, UnknownName, install

    if what != "speculation":
        raise UnknownName("certificate", what, ["speculation"])
    if find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", f"Type `{install('vllm')}`.")
    from rast_eval.decoding.vllm import certificate, certify

    found = certify.certify()
    for check in found.checks:
        told = f"p {check.p_two:.3f} and {check.p_three:.3f} for two and three tokens, {check.accepted:.0%} accepted"
        echo(f"{'ok' if check.exact else 'error':<8}{check.drafted} drafted, T = {check.temperature:g}: {told}")
    echo(f"{'exact' if found.exact else 'NOT exact'}: vLLM {found.vllm}, {found.device}, {found.runner}")
    echo(f"kept in {certificate.path()}", err=True)
    if not found.exact:
        raise typer.Exit(1)


def _selfcheck() -> None:
    """Run the stages, a line each, and keep what they found; exit code 1 where one failed."""
    from dataclasses import asdict
    from importlib.util import find_spec

    from rast_eval.decoding.vllm.selfcheck import run
    from rast_eval.errors import BackendError, install
    from rast_eval.files import write_json
    from rast_eval.inputs import resources

    if find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", f"Type `{install('vllm')}`.")
    color = {"ok": "green", "skipped": "yellow", "failed": "red"}
    results = []
    for found in run():
        results.append(found)
        status = typer.style(f"{found.status:<9}", fg=color[found.status])
        echo(f"{status}{found.name:<12}{found.line} ({found.seconds:.0f} s)")
    path = resources.cache_folder("selfcheck.json")
    write_json(path, [asdict(found) for found in results])
    echo(f"{path}: attach it to an issue", err=True)
    if any(found.status == "failed" for found in results):
        raise typer.Exit(1)
