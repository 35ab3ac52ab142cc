"""`rast-eval list`: every name that flags accept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.output import show
from rast_eval.errors import UnknownName


def list_(
    models: Annotated[bool, typer.Option("--models", help="Only models.")] = False,
    benchmarks: Annotated[bool, typer.Option("--benchmarks", help="Only benchmarks.")] = False,
    prompts: Annotated[bool, typer.Option("--prompts", help="Only prompt templates.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    include_path: options.IncludePath = None,
    needs: Annotated[str | None, typer.Option(help="Only models that have it: ceiling, the RL-tuned base.")] = None,
) -> None:
    """List models with their deltas and ceilings, benchmarks, and prompt templates."""
    import json

    tables = _tables(include_path)
    if needs is not None:
        if needs != "ceiling":
            raise UnknownName("need", needs, ["ceiling"])
        tables = {"models": [row for row in tables["models"] if row["RL-tuned"] != "–"]}
    chosen = {"models": models, "benchmarks": benchmarks, "prompts": prompts}
    wanted = {name: rows for name, rows in tables.items() if chosen[name] or not any(chosen.values())}
    if as_json:
        print(json.dumps(wanted, indent=1))
        return
    from rast_eval.report.table import Table

    for name, rows in wanted.items():
        header, cells = tuple(rows[0]), tuple(tuple(row.values()) for row in rows)
        show(Table(name.capitalize(), header, cells, text=True))
        print()


def _tables(include_path: Path | None) -> dict[str, list[dict[str, str]]]:
    from rast_eval.inputs import benchmarks, prompts
    from rast_eval.inputs.models import include, known_pairs

    folder = parsing.existing_folder(include_path, "--include-path")
    include(folder)
    models = [
        {
            "name": pair.name,
            "base": _shown(pair.base.path),
            "RL-tuned": _shown(pair.rl.path) if pair.rl else "–",
            "prompt": ", ".join(
                dict.fromkeys(benchmarks.get(name, folder).prompt or pair.prompt for name in pair.benchmarks)
            ),
            "recipe": "; ".join(filter(None, (pair.stage, pair.recipe, pair.licence))),
        }
        for pair in known_pairs().values()
    ]
    rows = [
        {
            "name": benchmark.name,
            "problems": str(benchmark.count),
            "scorer": benchmark.scorer,
            "n": str(benchmark.n),
            "source": benchmark.hub.id if benchmark.hub else ", ".join(benchmark.file) or "generated",
        }
        for benchmark in benchmarks.registry(folder).values()
    ]
    templates = [{"name": name, "description": prompts.get(name, folder).description} for name in prompts.names(folder)]
    return {"models": models, "benchmarks": rows, "prompts": templates}


def _shown(path: str) -> str:
    """A checkpoint inside the package by its name alone."""
    return f"(embedded) {path.rsplit('/', 1)[-1]}" if "/tiny/checkpoints/" in path else path
