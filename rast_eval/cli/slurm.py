"""`rast-eval slurm -- run …`: the script that gives a run to Slurm, one task a shard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from rast_eval.cli.flags import grouped

CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": False, "allow_interspersed_args": False}

SCRIPT = """\
#!/usr/bin/env bash
#SBATCH --job-name=rast-eval
#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@{notice}
#SBATCH --output=rast-eval-%A_%a.log
{directives}
cd {here} || exit 2
{command} --shard "$SLURM_ARRAY_TASK_ID/{shards}" &
child=$!
# What is finished is stored by then; the run ends with 130 and goes back into the queue.
trap 'kill -TERM "$child" 2>/dev/null' TERM
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
[ "$code" = 130 ] && scontrol requeue "$SLURM_JOB_ID"
exit "$code"
"""


@grouped
def slurm(
    context: typer.Context,
    shards: Annotated[int, typer.Option(min=1, help="Tasks of the array; each takes every so many-th problem.")] = 4,
    notice: Annotated[int, typer.Option(min=1, help="Seconds between SIGTERM and the end of a task's time.")] = 120,
    directive: Annotated[
        list[str] | None, typer.Option("--sbatch", help="A further line for sbatch, as in --sbatch=--partition=gpu.")
    ] = None,
) -> None:
    """Print an sbatch script of the run that follows after `--`: an array of shards that survives preemption.

    rast-eval slurm --shards 8 --sbatch=--time=4:00:00 -- run --base 32b --delta 14b -o results/32b > run.sbatch
    """
    from rast_eval.errors import UsageError

    name, *flags = context.args or [""]
    if name != "run":
        raise UsageError(f"Slurm gets a run, not {name or 'nothing'!r}.", "Type `rast-eval slurm -- run … -o DIR`.")
    asked = _parse(flags)
    if asked["output_dir"] is None:
        raise UsageError("All tasks write into one folder, and none is named.", "Type -o DIR after `run`.")
    for flag in ("shard", "overwrite", "until", "dry_run"):
        if asked[flag]:
            typed = flag.replace("_", "-")
            raise UsageError(f"--{typed} does not go into an array of shards.", f"Leave --{typed} out.")
    gpus = asked["tensor_parallel_size"] * asked["pipeline_parallel_size"] * asked["data_parallel_size"]
    own = directive or []
    if asked["base"] and asked["backend"] != "hf" and not any(line.startswith(("--gpus", "--gres")) for line in own):
        own = [f"--gres=gpu:{gpus}", *own]
    typer.echo(
        SCRIPT.format(
            last=shards - 1,
            shards=shards,
            notice=notice,
            directives="".join(f"#SBATCH {line}\n" for line in own),
            here=shlex.quote(str(Path.cwd())),
            command=shlex.join(["rast-eval", "run", *flags]),
        ),
        nl=False,
    )


def _parse(flags: list[str]) -> dict[str, Any]:
    """The values that `rast-eval run` makes of these flags; what it cannot read is refused as it refuses it."""
    from rast_eval.cli import run as module
    from rast_eval.cli.flags import new_app

    app = new_app()
    app.command("run")(module.run)
    return dict(typer.main.get_command(app).make_context("rast-eval run", list(flags)).params)
