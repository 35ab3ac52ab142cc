"""A table of strings and how it is drawn: terminal, markdown, LaTeX; and how its numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rast_eval.statistics import Accuracy, Estimate, Recovery

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

DASH = "–"


@dataclass(frozen=True)
class Table:
    """A table of strings.

    Attributes:
        header: column titles; the first `keys` columns name the row.
        rows: one tuple a row, aligned with `header`; a cell may hold a line break.
        note: what the figures mean, shown under the table.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    keys: int = 1


def render_table(table: Table, console: Console) -> None:
    """Print one table with its title above and its note under it."""
    from rich.text import Text

    console.print(Text(table.title, style="bold"))
    console.print(_draw(table))
    for line in table.note.splitlines():
        console.print(Text(line, style="dim"))


def fits(table: Table, console: Console) -> bool:
    """Whether the console is wide enough to show the table without breaking a cell."""
    from rich.measure import Measurement

    wide = console.options.update(width=10_000)
    return Measurement.get(console, wide, _draw(table)).maximum <= console.width


def markdown_table(table: Table) -> str:
    """One table and its note, without its title."""
    lines = ["| " + " | ".join(table.header) + " |"]
    lines.append("|" + "|".join(" --- " if i < table.keys else " ---: " for i in range(len(table.header))) + "|")
    for row in table.rows:
        lines.append("| " + " | ".join(cell.replace("|", r"\|").replace("\n", "<br>") for cell in row) + " |")
    return "\n".join([*lines, "", "<br>\n".join(table.note.splitlines()), ""])


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
    if estimate.method == "t":
        return f"{percent(estimate.value)} ± {percent(estimate.half_width)}"
    return f"{percent(estimate.value)} {interval(estimate.low, estimate.high)}"


def seeds(accuracy: Accuracy) -> str:
    """`seeds ± 0.9`; empty for one sample a problem."""
    return "" if math.isnan(accuracy.seeds_half_width) else f"seeds ± {percent(accuracy.seeds_half_width)}"


def with_seeds(accuracy: Accuracy) -> str:
    """`score` with `seeds` on a second line where there are any."""
    return f"{score(accuracy)}\n{seeds(accuracy)}".rstrip()


def p_value(value: float) -> str:
    """`= 0.012` or `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def rate(recovery: Recovery | None) -> str:
    """`83.0 [79.0, 87.1]`; a dash where there is no ceiling or no gap; `unbounded` in place of the interval."""
    if recovery is None or math.isnan(recovery.value):
        return DASH
    bounds = interval(recovery.low, recovery.high)
    unbounded = "unbounded" if recovery.note.startswith("unbounded") else ""
    return f"{percent(recovery.value)} {bounds or unbounded}".rstrip()


def latex(text: str) -> str:
    """`text` with LaTeX's special characters escaped."""
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    for plain, escaped in (("Δ", r"$\Delta$"), ("±", r"$\pm$"), ("–", "--"), ("\n", " ")):
        text = text.replace(plain, escaped)
    return text


def _draw(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for i, name in enumerate(table.header):
        drawn.add_column(name, justify="left" if i < table.keys else "right")
    previous: tuple[str, ...] = ()
    for row in table.rows:
        # A key that repeats the row above is left blank: the eye finds the groups.
        keys = ["" if row[: i + 1] == previous[: i + 1] else row[i] for i in range(table.keys)]
        drawn.add_row(*(Text(cell) for cell in (*keys, *row[table.keys :])))
        previous = row
    return drawn
