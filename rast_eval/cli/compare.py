"""`rast-eval compare RUN_A RUN_B`: is the difference more than chance?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ComparisonFormat(StrEnum):
    """How a comparison is drawn."""

    table = "table"
    markdown = "markdown"
    json = "json"


def compare(
    run_a: Annotated[Path, typer.Argument(help="A run.", show_default=False)],
    run_b: Annotated[Path, typer.Argument(help="Another run on the same problems.", show_default=False)],
    format: Annotated[
        ComparisonFormat, typer.Option("--format", "-f", help="How to print it.")
    ] = ComparisonFormat.table,
    scorer: Annotated[
        str | None, typer.Option(help="Math verdicts to read: simplerl or strict.", show_default="the runs' own")
    ] = None,
) -> None:
    """Compare two runs problem by problem: difference A − B, its interval and p-value."""
    import json

    from rich.console import Console

    from rast_eval.report.comparison import compare_runs, comparison_table
    from rast_eval.report.table import markdown_table, render_table
    from rast_eval.results.metrics import to_jsonable
    from rast_eval.results.reader import load_run

    a, b = load_run(run_a), load_run(run_b)
    rows = compare_runs(a, b, scorer)
    table = comparison_table(a, b, rows)
    if format is ComparisonFormat.json:
        typer.echo(json.dumps({"a": str(run_a), "b": str(run_b), "rows": to_jsonable(rows)}, indent=1))
    elif format is ComparisonFormat.markdown:
        typer.echo(f"# {table.title}\n\n{markdown_table(table)}")
    else:
        render_table(table, Console())
