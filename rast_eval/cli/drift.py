"""`rast-eval drift RUN_A RUN_B`: the same run by another engine, number format or version."""

from __future__ import annotations

from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.cli.output import Format, FormatFlag, show
from rast_eval.cli.terminal import echo


@grouped
def drift(
    *,
    run_a: options.RunFolder,
    run_b: options.RunFolder,
    margins: Annotated[int, typer.Option(min=0, help="Outputs of each cell at which the models are asked.")] = 20,
    sources: options.SourceFlags,
    format: FormatFlag = Format.table,
) -> None:
    """Where the outputs of one run by two engines part, by what margin, and which grades flip.

    Nothing is written. Margins need the models on this machine.
    """
    from rast_eval.analysis.drift import drift_table, measure, sentences
    from rast_eval.analysis.forcing import TeacherForcer
    from rast_eval.runs.verify import Verification

    a, b = (Verification(run, data_dir=sources.data_dir, include_path=sources.include_path) for run in (run_a, run_b))
    found = measure(a, b, margins, TeacherForcer())
    show(drift_table(f"{a.run.name} (A) and {b.run.name} (B)", found), format, found)
    if format is Format.table:
        for line in sentences(found):
            echo(line)
