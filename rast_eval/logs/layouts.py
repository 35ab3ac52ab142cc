"""Every program's log that is read or written, in one table: a module of this room and a line here.

rast-eval grade FILE, rast-eval import FILE -o RUN     read; the layout is known by its rows
rast-eval export RUN --to NAME                         write
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rast_eval.logs import every_eval, inspect_ai, lighteval, lm_eval, parquet, plain, released
from rast_eval.logs.answers import Layout
from rast_eval.logs.finished import FinishedCell

Writer = Callable[[Iterable[FinishedCell], Path], Iterator[tuple[Path, Iterator[str | bytes]]]]


class LogFormat(NamedTuple):
    """How one program's logs are read and written.

    Attributes:
        reads: None where its rows have the plain layout; writes: None where nothing is written.
    """

    reads: Layout | None = None
    writes: Writer | None = None


FORMATS: Mapping[str, LogFormat] = {
    "plain": LogFormat(plain),
    "released": LogFormat(released),
    "lm-eval": LogFormat(lm_eval, lm_eval.write),
    "inspect": LogFormat(inspect_ai, inspect_ai.write),
    "lighteval": LogFormat(lighteval),
    "every-eval-ever": LogFormat(every_eval, every_eval.write),
    "parquet": LogFormat(None, parquet.write),
}
"""By the name that `--to` takes; the first that knows a row reads it."""


def name_of(row: Mapping[str, Any]) -> str:
    """The name of a row's layout, `plain` for rows that nobody knows."""
    return next((name for name, form in FORMATS.items() if form.reads and form.reads.knows(row)), "plain")


def layout_of(row: Mapping[str, Any]) -> Layout:
    """The layout that reads a row."""
    return FORMATS[name_of(row)].reads or plain
