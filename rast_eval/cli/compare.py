"""`rast-eval compare RUN_A RUN_B`: is the difference more than chance?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.output import Format, FormatFlag, show


def compare(
    run_a: Annotated[Path, typer.Argument(help="A run.", show_default=False)],
    run_b: Annotated[Path, typer.Argument(help="Another run on the same problems.", show_default=False)],
    format: FormatFlag = Format.table,
    scorer: options.GradesOf = None,
) -> None:
    """Compare two runs problem by problem: difference A − B, its interval and p-value."""
    from rast_eval.report.comparison import comparison_table
    from rast_eval.results.comparison import compare_runs
    from rast_eval.results.reader import load_run

    a, b = load_run(run_a), load_run(run_b)
    rows = compare_runs(a, b, scorer)
    show(comparison_table(a, b, rows), format, {"a": str(run_a), "b": str(run_b), "rows": rows})
