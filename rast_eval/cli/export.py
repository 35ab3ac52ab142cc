"""`rast-eval export RUN --to FORMAT`: a run as the logs of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped


@grouped
def export(
    *,
    run: options.RunFolder,
    to: Annotated[str, typer.Option(help="lm-eval, inspect, every-eval-ever or parquet.")],
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Folder of the logs.", show_default="RUN/export/FORMAT")
    ] = None,
    scorer: options.GradesOf = None,
    sources: options.SourceFlags,
) -> None:
    """Write every graded sample of a run, with its question and gold, as another program would have logged it."""
    from rast_eval.runs.exporting import export_run

    folder = output_dir or run / "export" / to
    for path in export_run(run, to, folder, scorer, sources.data_dir, sources.include_path):
        typer.echo(path)
