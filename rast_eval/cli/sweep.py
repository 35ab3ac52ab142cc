"""`rast-eval sweep`: the same models at many λ and temperatures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.flags import grouped
from rast_eval.cli.output import Format, FormatFlag, show_all
from rast_eval.types import LINEAR


@grouped
def sweep(
    *,
    names: options.ModelFlags,
    weights: Annotated[
        str | None, typer.Option("--lambda", help="first:last:step with both ends, or a list: 0.1:1.5:0.1 or 0.5,1.")
    ] = None,
    temperatures: Annotated[str | None, typer.Option("--temperature", help="The same for the temperature.")] = None,
    arm: Annotated[str, typer.Option(help="Which arm: rast, base, rl, expert or merge.")] = "rast",
    rl: options.Ceiling = None,
    flags: options.RunFlags,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="Folder of the sweep.")] = None,
    overwrite: options.Overwrite = False,
    format: FormatFlag = Format.table,
    engine: options.EngineFlags,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Measure accuracy over λ, temperature and a rule's parameters (--rule gated:entropy=0:2:0.5).

    Each point is a run directory, and the same command continues. The models are loaded once; λ and rule change in
    place.
    """
    from rast_eval.errors import UsageError
    from rast_eval.report import sweep_view
    from rast_eval.runs import folders, plan
    from rast_eval.runs import sweep as sweeps

    rules = sweeps.parse_rules(names.rule) if names.rule != str(LINEAR) else ()
    varied = [text for text in (*(names.delta or ()), names.expert or "") if "{" in text]
    if weights is None and temperatures is None and len(rules) < 2 and not varied:
        raise UsageError(
            "Nothing varies in this sweep.",
            "Type --lambda 0.1:1.5:0.1, --temperature 0.5,1, --rule gated:entropy=0:2:0.5, or --delta "
            "'NAME@step_{100..300..100}'.",
        )
    if weights is not None and arm not in ("rast", "merge"):
        raise UsageError(f"λ does not enter the arm {arm}.", "Leave out --lambda, or type --arm rast.")
    if varied[1:]:
        raise UsageError(f"{varied[0]} and {varied[1]} both hold a range.", "Type one of them without.")
    texts = sweeps.expand(varied[0]) if varied else {"": ""}
    grid = sweeps.points(
        sweeps.parse_values(weights, "--lambda") if weights else (),
        sweeps.parse_values(temperatures, "--temperature") if temperatures else (),
        rules,
        list(texts) if varied else (),
    )
    experts = {}
    for name, text in texts.items():
        delta = [text if given in varied else given for given in names.delta or ()]
        expert = text if names.expert in varied else names.expert
        one = replace(names, delta=delta, expert=expert, rule=str(LINEAR))
        experts[name] = options.pinned(one.models(rl=rl))
    models, *_ = experts.values()
    for rule in rules:
        parsing.parse_rule(rule, models)
    config = flags.config(models, [arm], None, engine, sources, grading)
    plans = {}
    for point in grid:
        own = replace(config, models=experts[point.expert or ""])
        plans[point] = plan.build(sweeps.configure(own, point))
    name = f"sweep-{models.base.label.replace('/', '--')}"
    root = output_dir or folders.default_root(name, {point.name: built for point, built in plans.items()})
    found = sweeps.run(plans, root, overwrite=overwrite, workers=grading.workers)
    picture = sweep_view.draw(found, root / "sweep")
    show_all(sweep_view.tables(f"{root.name}: {arm}", found), format, found)
    typer.echo(f"\nplot: {picture}    one point again: rast-eval report {root / grid[0].name}", err=True)
