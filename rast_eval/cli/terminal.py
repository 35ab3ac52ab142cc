"""Where text goes: terminals of any width and alphabet, files, pipes that close early, streams that are not there."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPED_COLUMNS = 1000
"""Wider than any table, so that a file or a pipe holds each in one part."""

PLAIN = str.maketrans({"±": "+-", "×": "x", "–": "-", "−": "-", "─": "-", "→": "->", "…": "...", "λ": "lambda",
                       "Δ": "D", "≤": "<=", "≥": ">=", "·": "*", "∞": "inf"})  # fmt: skip
"""What stands for our signs where a terminal lacks them."""

_HANDLER = "rast_eval.plain"


def prepare_streams() -> None:
    """Make stdout and stderr take any text: signs that the encoding lacks are spelled, a closed stream swallows."""
    codecs.register_error(_HANDLER, _spelled)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, as in `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return text.translate(PLAIN).encode("ascii", "backslashreplace").decode(), error.end


def echo(text: object = "", nl: bool = True, err: bool = False) -> None:
    """Write to a prepared stream: left to itself, typer opens another one where the encoding is ASCII."""
    import typer

    typer.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)


def console() -> Console:
    """Of the terminal's width, or COLUMNS; of any width where stdout is a file or a pipe."""
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the command with a failure

    piped = not sys.stdout.isatty() and not os.environ.get("COLUMNS")
    return Pipe(width=PIPED_COLUMNS if piped else None)
