"""`rast-eval serve`: vLLM's OpenAI-compatible server over one model or a fused system."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.flags import grouped
from rast_eval.decoding.vllm import attention, keeper
from rast_eval.types import ModelRef, System

NOTHING: Mapping[str, str] = {}

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}


@grouped
def serve(
    context: typer.Context,
    names: options.ModelFlags,
    weight: options.Lambda = "1.0",
    composite: Annotated[
        Path | None, typer.Option(help="A folder that `rast-eval compose` wrote, instead of names.")
    ] = None,
    speculate: options.Speculate = "off",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print vLLM's command line; start nothing.")] = False,
) -> None:
    """Serve a model or a fused system with vLLM's OpenAI-compatible server, on 127.0.0.1 unless --host says otherwise.

    Every flag that is not listed here goes to vLLM: --port, --max-model-len, --tensor-parallel-size, --api-key, …
    """
    from rast_eval.errors import BackendError, UsageError, install

    if not dry_run and find_spec("vllm") is None:
        raise BackendError("vLLM is not installed.", f"Type `{install('vllm')}`.")
    if composite is not None:
        if names != options.ModelFlags():
            raise UsageError("--composite already names its models.", "Leave out --base, --delta and the others.")
        from rast_eval.decoding.compose import composed_system

        flags = [*speculation_flags(composed_system(composite), speculate, context.args, dry_run), *context.args]
        raise typer.Exit(_serve(str(composite), ["rast"], flags, dry_run))
    models = names.models(weight)
    system = System(models.base, models.deltas, models.rule)
    if not system.deltas:
        if speculate != "off":
            raise UsageError("Nothing drafts for a single model.", "Leave out --speculate, or add --delta.")
        pinned = ["--revision", models.base.revision] if models.base.revision else []
        flags = [*pinned, *context.args]
        raise typer.Exit(_serve(models.base.path, [models.base.label], flags, dry_run, members=system.members))

    from rast_eval.decoding.checks import check_tokenizers
    from rast_eval.decoding.compose import cached_composite
    from rast_eval.decoding.fusion_file import FUSION_VARIABLE, fusion_json

    flags = [*speculation_flags(system, speculate, context.args, dry_run), *context.args]
    check_tokenizers(system)
    name = "+".join([system.base.label, *(pair.antiexpert.label for pair in system.deltas)])
    forced = attention.settings(system).get("attention_config")
    flags = ["--attention-config", json.dumps(forced), *flags] if forced else flags
    fusion = {FUSION_VARIABLE: fusion_json(system), "VLLM_RAY_EXTRA_ENV_VARS_TO_COPY": FUSION_VARIABLE}
    folder = str(cached_composite(system))
    raise typer.Exit(_serve(folder, [name, "rast"], flags, dry_run, fusion, system.members))


def speculation_flags(system: System, text: str, flags: Sequence[str], dry_run: bool) -> list[str]:
    """What lets vLLM's server draft with the system's own expert; nothing where it is not to.

    Raises:
        UsageError: it is not shown to be exact, or another drafter is asked for.
        BackendError: no certificate says that sampling so is exact here.
    """
    from rast_eval.config import EngineConfig
    from rast_eval.decoding.speculation import RUNNER
    from rast_eval.errors import UsageError

    foreign = [flag for flag in flags if flag.startswith(("--spec", "-sc"))]
    if foreign:
        raise UsageError(f"RAST drafts with its own expert, not by {foreign[0]}.", "Type --speculate N instead.")
    drafted = parsing.parse_speculate(text)
    if not drafted:
        return []
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for long, short in (("tensor", "-tp"), ("pipeline", "-pp")):
        names = (f"--{long}-parallel-size", f"--{long}_parallel_size", short)
        parser.add_argument(*names, type=int, default=1, dest=f"{long}_parallel_size")
    sizes = vars(parser.parse_known_args(list(flags))[0])
    config = EngineConfig(backend="vllm", speculate=drafted, **sizes)
    from rast_eval.decoding.vllm import certificate, speculation

    found = speculation.settings(system, config)
    if not dry_run:
        os.environ.setdefault(RUNNER, "0")
        certificate.require()
    scheduler = ["--scheduler-cls", found["scheduler_cls"]] if "scheduler_cls" in found else []
    return [
        *("--speculative-config", json.dumps(found["speculative_config"])),
        *("--worker-extension-cls", "rast_eval.decoding.vllm.worker.RastWorker"),
        *scheduler,
    ]


def command_line(model: str, names: Sequence[str], flags: Sequence[str], *, on_cpu: bool) -> list[str]:
    """vLLM's server command; a flag of the user's wins over ours."""
    given = {flag.partition("=")[0] for flag in flags}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    if "--host" not in given:
        command += ["--host", "127.0.0.1"]
    if "--served-model-name" not in given:
        command += ["--served-model-name", *names]
    if on_cpu:
        # Compiling takes minutes there, and a seeded request with a partly prefilled prompt crashes the CPU build.
        command += ["--enforce-eager"] if "--enforce-eager" not in given else []
        command += ["--no-enable-chunked-prefill"] if "--enable-chunked-prefill" not in given else []
    return [*command, *flags]


def _serve(
    model: str,
    names: Sequence[str],
    flags: Sequence[str],
    dry_run: bool,
    fusion: Mapping[str, str] = NOTHING,
    members: Sequence[ModelRef] = (),
) -> int:
    """Start vLLM's server, with λ and rule in its environment, and wait for its end."""
    from rast_eval.decoding.devices import runs_on_cpu
    from rast_eval.decoding.vllm.startup import LogTail, explain_logits

    on_cpu = runs_on_cpu()
    command = command_line(model, names, flags, on_cpu=on_cpu)
    if dry_run:
        variables = [f"{key}={value}" for key, value in fusion.items()]
        typer.echo(shlex.join(["env", *variables, *command] if variables else command))
        return 0
    ours = {"VLLM_LOGGING_STREAM": "ext://sys.stderr", "VLLM_RAISE_ON_LOGIT_NANS": "1"}
    environment = {**ours, **os.environ, **fusion}
    if on_cpu:
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    log = LogTail()
    with log.capture():
        process = subprocess.Popen(command, env=environment, start_new_session=True)
    watched = [sys.executable, "-I", keeper.__file__, str(process.pid)]
    guard = subprocess.Popen(watched, stdin=subprocess.PIPE, start_new_session=True)
    assert guard.stdin is not None
    line = guard.stdin
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: line.close())
    code = process.wait()
    line.close()
    guard.wait()
    if broken := explain_logits(log.text, members):
        raise broken
    log.release()
    return max(0, code)
