"""A table of strings and how it is drawn: terminal, markdown, LaTeX, CSV; and how its numbers are written."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rast_eval.statistics import Accuracy, Estimate, Recovery
from rast_eval.statistics.recovery import UNBOUNDED, UNDEFINED

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

DASH = "–"

WITHOUT_INTERVAL = {UNBOUNDED: "unbounded", UNDEFINED: "undefined"}
"""What stands in place of a recovery rate's interval."""

GAP = 2
"""Columns of text between two columns of a table."""


@dataclass(frozen=True)
class Table:
    """A table of strings.

    Attributes:
        header: column titles; the first `keys` columns name the row.
        rows: one tuple a row, aligned with `header`; a cell may hold a line break.
        note: what the figures mean, shown under the table.
        text: whether the columns after the keys hold words, which stand at the left, and not numbers.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    keys: int = 1
    text: bool = False


def render_table(table: Table, console: Console) -> None:
    """Print one table with its title above and its note under it.

    A table wider than the console is printed in parts, its keys again before each: no value is ever cut.
    """
    from rich.text import Text

    console.print(Text(visible(table.title), style="bold"))
    for i, part in enumerate(_parts(table, console.width) if table.rows else ()):
        if i:
            console.print()
        console.print(_draw(part, whole=_width(part, range(len(part.header)), wrapped=True) <= console.width))
    for line in table.note.splitlines():
        console.print(Text(visible(line), style="dim"))


def with_shared(table: Table, names: Sequence[str]) -> Table:
    """The table without those of the columns `names` that say the same in every row; its title says it instead."""
    columns = {name: {row[i] for row in table.rows} for i, name in enumerate(table.header) if name in names}
    shared = {name: next(iter(values)) for name, values in columns.items() if len(values) == 1}
    kept = [i for i, name in enumerate(table.header) if name not in shared]
    title = ", ".join([table.title, *(f"{name} {value}" for name, value in shared.items())])
    return replace(_columns(table, kept), title=title)


def fits(table: Table, console: Console) -> bool:
    """Whether the console is wide enough to show the table in one part."""
    return len(_parts(table, console.width)) == 1


def markdown_table(table: Table) -> str:
    """One table and its note, without its title."""

    def line(row: Sequence[str]) -> str:
        return "| " + " | ".join(markdown(cell).replace("\n", "<br>") for cell in row) + " |"

    rule = "|" + "|".join(" --- " if i < table.keys else " ---: " for i in range(len(table.header))) + "|"
    note = "<br>\n".join(markdown(text) for text in table.note.splitlines())
    return "\n".join([line(table.header), rule, *map(line, table.rows), "", note, ""])


def latex_table(table: Table) -> str:
    """A booktabs tabular; neighbouring titles whose first lines agree stand under one, as `amc23` over Avg. and RR."""
    upper, _, _ = zip(*(name.rpartition("\n") for name in table.header), strict=True)
    groups = [(name, len(list(members))) for name, members in itertools.groupby(upper)]
    titled = [rf"\noindent\textbf{{{latex(table.title)}}}\par\smallskip"] if table.title else []
    lines = [r"% needs \usepackage{booktabs}", *titled, rf"\begin{{tabular}}{{{_alignment(table)}}}", r"\toprule"]
    if any(upper):
        spans = [
            rf"\multicolumn{{{size}}}{{c}}{{{latex(name)}}}" if name else " & " * (size - 1) for name, size in groups
        ]
        lines.append(" & ".join(spans) + r" \\")
        ends = list(itertools.accumulate(size for _, size in groups))
        rules = zip(groups, ends, strict=True)
        lines.append("".join(rf"\cmidrule(lr){{{end - size + 1}-{end}}}" for (name, size), end in rules if name))
    lines.append(" & ".join(latex(name.rpartition("\n")[2]) for name in table.header) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join(map(latex, row)) + r" \\" for row in table.rows]
    return (
        "\n".join(
            [*lines, r"\bottomrule", r"\end{tabular}", *(f"% {visible(text)}" for text in table.note.splitlines())]
        )
        + "\n"
    )


def csv_table(table: Table) -> str:
    """The cells as CSV; what a spreadsheet would take for a formula begins with an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([[plain_cell(cell.replace("\n", " ")) for cell in row] for row in (table.header, *table.rows)])
    return stream.getvalue()


def plain_cell(text: str) -> str:
    """`text` with an apostrophe before what a spreadsheet would carry out; numbers stay."""
    text = visible(text)
    formula = text[:1] in ("=", "+", "-", "@") and not re.match(r"[+-]?[\d.]", text)
    return f"'{text}" if formula else text


def visible(text: str) -> str:
    """`text` with control characters other than line breaks spelled out, so that no name steers a terminal."""
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def markdown(text: str) -> str:
    """`text` with what markdown would take for markup escaped."""
    return re.sub(r"([\\`*<|]|\](?=\())", r"\\\1", visible(text))


def percent(value: float, digits: int = 1) -> str:
    """`85.2` for 0.852, a dash for NaN."""
    return DASH if math.isnan(value) else f"{100 * value:.{digits}f}"


def interval(low: float, high: float) -> str:
    """`[79.0, 87.1]`; empty where a bound is missing."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{percent(low)}, {percent(high)}]"


def score(estimate: Estimate) -> str:
    """`85.2 ± 2.8`, or `25.5 [20.0, 31.9]` where the interval is not symmetric."""
    if math.isnan(estimate.low):
        return percent(estimate.value)
    if estimate.symmetric:
        return f"{percent(estimate.value)} ± {percent(estimate.half_width)}"
    return f"{percent(estimate.value)} {interval(estimate.low, estimate.high)}"


def seeds(accuracy: Accuracy) -> str:
    """`seeds ± 0.9`, or `seeds [97.1, 99.9]` where the interval is not symmetric; empty for one sample a problem."""
    if math.isnan(accuracy.seeds_half_width):
        return ""
    if accuracy.seeds_symmetric:
        return f"seeds ± {percent(accuracy.seeds_half_width)}"
    return f"seeds {interval(accuracy.seeds_low, accuracy.seeds_high)}"


def with_seeds(accuracy: Accuracy) -> str:
    """`score` with `seeds` on a second line where there are any."""
    return f"{score(accuracy)}\n{seeds(accuracy)}".rstrip()


def p_value(value: float) -> str:
    """`= 0.012` or `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def rate(recovery: Recovery | None) -> str:
    """`83.0 [79.0, 87.1]`; a dash where there is no ceiling or no gap; in place of the interval what it lacks."""
    if recovery is None or math.isnan(recovery.value):
        return DASH
    bounds = interval(recovery.low, recovery.high)
    return f"{percent(recovery.value)} {bounds or WITHOUT_INTERVAL.get(recovery.note, '')}".rstrip()


LATEX = {
    **{c: rf"\{c}" for c in "_%&#$\u007b\u007d"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    "Δ": r"$\Delta$",
    "λ": r"$\lambda$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "→": r"$\to$",
    "\n": " ",
    ">": r"\textgreater{}",
}


def latex(text: str) -> str:
    """`text` with LaTeX's special characters escaped."""
    return "".join(LATEX.get(c, c) for c in visible(text))


def _alignment(table: Table) -> str:
    return "l" * table.keys + "r" * (len(table.header) - table.keys)


def _parts(table: Table, width: int) -> list[Table]:
    """The table in as few parts as a console of `width` columns needs; keys give way before values do."""
    columns = range(table.keys, len(table.header))
    plans = []
    for wrapped in (False, True):
        parts: list[list[int]] = [[]]
        for column in columns:
            if parts[-1] and _width(table, [*range(table.keys), *parts[-1], column], wrapped) > width:
                parts.append([])
            parts[-1].append(column)
        plans.append(parts)
    fewest = min(plans, key=len)
    return [table] if len(fewest) == 1 else [_columns(table, [*range(table.keys), *part]) for part in fewest]


def _columns(table: Table, chosen: Sequence[int]) -> Table:
    header, *rows = (tuple(row[i] for i in chosen) for row in (table.header, *table.rows))
    return replace(table, header=header, rows=tuple(rows), keys=sum(i < table.keys for i in chosen))


def _width(table: Table, chosen: Sequence[int], wrapped: bool = False) -> int:
    """Columns of text that the drawn table takes; with `wrapped` keys are broken between words."""
    from rich.cells import cell_len

    total = 0
    for column in chosen:
        cells = [visible(row[column]) for row in (table.header, *table.rows)]
        broken = wrapped and column < table.keys
        total += max(
            cell_len(line) for cell in cells for line in (cell.split() if broken else cell.splitlines()) or [""]
        )
    return total + GAP * len(chosen) - 1


def _draw(table: Table, whole: bool) -> RichTable:
    """With `whole` only keys are broken where the console is narrow, else values are too."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(table.header):
        key = i < table.keys
        drawn.add_column(
            Text(visible(name)),
            justify="left" if key or table.text else "right",
            overflow="fold",
            no_wrap=whole and not key,
        )
    previous: tuple[str, ...] = ()
    for row in table.rows:
        # A key that repeats the row above is left blank: the eye finds the groups.
        keys = ["" if row[: i + 1] == previous[: i + 1] else row[i] for i in range(table.keys)]
        drawn.add_row(*(Text(visible(cell)) for cell in (*keys, *row[table.keys :])))
        previous = row
    return drawn
