"""`rast-eval sweep`: the same models at many λ and temperatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.cli.output import Format, FormatFlag, show


@grouped
def sweep(
    *,
    names: options.ModelFlags,
    weights: Annotated[
        str | None, typer.Option("--lambda", help="first:last:step with both ends, or a list: 0.1:1.5:0.1 or 0.5,1.")
    ] = None,
    temperatures: Annotated[str | None, typer.Option("--temperature", help="The same for the temperature.")] = None,
    arm: Annotated[str, typer.Option(help="Which arm: rast, base, rl or expert.")] = "rast",
    rl: options.Ceiling = None,
    flags: options.RunFlags,
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="Folder of the sweep.")] = None,
    overwrite: options.Overwrite = False,
    format: FormatFlag = Format.table,
    engine: options.EngineFlags,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Measure accuracy over λ and temperature; each point is a run directory, and the same command continues.

    The models are loaded once; λ changes in place.
    """
    from rast_eval.errors import UsageError
    from rast_eval.report import sweep_view
    from rast_eval.runs import folders, plan
    from rast_eval.runs import sweep as sweeps

    if weights is None and temperatures is None:
        raise UsageError("Nothing varies in this sweep.", "Type --lambda 0.1:1.5:0.1, --temperature 0.5,1, or both.")
    if weights is not None and arm != "rast":
        raise UsageError(f"λ does not enter the arm {arm}.", "Leave out --lambda, or type --arm rast.")
    grid = sweeps.points(
        sweeps.parse_values(weights, "--lambda") if weights else (),
        sweeps.parse_values(temperatures, "--temperature") if temperatures else (),
    )
    models = options.pinned(names.models(rl=rl))
    config = flags.config(models, [arm], None, engine, sources, grading)
    plans = {point.name: plan.build(sweeps.configure(config, point)) for point in grid}
    root = output_dir or folders.default_root(f"sweep-{models.base.label.replace('/', '--')}", plans)
    results = sweeps.run(config, grid, root, overwrite=overwrite, workers=grading.workers)
    picture = sweep_view.draw(results, root / "sweep")
    show(sweep_view.table(f"{root.name}: {arm}", results), format, results)
    typer.echo(f"\nplot: {picture}    one point again: rast-eval report {root / grid[0].name}", err=True)
