"""How a command prints a table: one set of formats, one function."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rast_eval.cli.terminal import console

if TYPE_CHECKING:
    from rast_eval.report.table import Table


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


FormatFlag = Annotated[Format, typer.Option("--format", "-f", help="How to print it.")]
OutputFlag = Annotated[Path | None, typer.Option("--output", "-o", help="JSON file with every value.")]


def show(table: Table, format: Format = Format.table, values: object = None) -> None:
    """Print a table on stdout.

    Args:
        values: what JSON shows in place of the table's cells: numbers rather than their text.
    """
    from rast_eval.report import table as tables

    if format is Format.table:
        tables.render_table(table, console())
        return
    cells = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    drawn = {
        Format.markdown: lambda: f"# {tables.markdown(table.title)}\n\n{tables.markdown_table(table)}",
        Format.latex: lambda: tables.latex_table(table),
        Format.csv: lambda: tables.csv_table(table),
        Format.json: lambda: as_json(cells if values is None else values),
    }[format]()
    typer.echo(drawn, nl=not drawn.endswith("\n"))


def show_all(tables: Sequence[Table], format: Format, values: object) -> None:
    """Several tables one under the other; as JSON only `values`."""
    for i, table in enumerate(tables if format is not Format.json else tables[:1]):
        if i:
            typer.echo()
        show(table, format, values)


def as_json(values: object) -> str:
    """ASCII JSON of dataclasses and numbers, NaN as null, ended by a line break."""
    from rast_eval.results.metrics import to_jsonable

    return json.dumps(to_jsonable(values), indent=1) + "\n"


def keep(values: object, file: Path) -> None:
    """Write every value behind a table as JSON."""
    from rast_eval.files import replace_file

    replace_file(file, as_json(values))
