"""Names that come from files of others: which may become file names, and how text reaches a terminal."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from rast_eval.errors import UsageError

_SAFE = re.compile(r"(?!.*\.shard-)\w[\w.+@ -]{0,99}")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could leave its folder, hide in it, or move a terminal's cursor.

    Args:
        kind: what it names, e.g. `"benchmark"`.

    Raises:
        UsageError: it holds more than letters, digits and `_ . + @ -`, or is too long.
    """
    if not _SAFE.fullmatch(name):
        raise UsageError(
            f"{printable(name[:100])!r} cannot name a {kind}.",
            "Take at most 100 letters, digits and _ . + @ - in its place, beginning with a letter or digit.",
        )


def quoted(path: Path) -> str:
    """A path as a shell takes it back: in quotes where it needs them."""
    return shlex.quote(str(path))


def printable(text: str) -> str:
    """`text` with control and formatting characters spelled out, `\\x1b` for ESC; line breaks and tabs stay."""
    return "".join(c if c in "\n\t" or c.isprintable() else ascii(c)[1:-1] for c in text)
