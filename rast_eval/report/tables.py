"""Reports drawn for people and for programs: terminal, markdown, LaTeX, CSV, JSON.

render_terminal(metrics, Console())     # what `rast-eval run` ends with
(run / "report.md").write_text(to_markdown(metrics))
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rast_eval.metrics import RunMetrics, to_jsonable
from rast_eval.report import layout
from rast_eval.report.layout import Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

CSV_HEADER = (
    *("run", "benchmark", "arm", "system", "prompt", "decoding", "max_tokens", "scorer", "problems", "samples"),
    *("metric", "k", "value", "low", "high", "se", "seeds_se", "note"),
)


def render_terminal(metrics: RunMetrics, console: Console, details: bool = True) -> None:
    """Print the report in the widest of its forms that the console holds.

    Args:
        details: also pass@k by k and the shares beside the scores.
    """
    from rich.text import Text

    main = main_table(metrics)
    render_table(main if fits(main, console) else layout.list_table(metrics), console)
    if sentence := layout.headline(metrics):
        console.print(Text(f"\n{sentence}", style="bold"))
    if details:
        extras = layout.detail_tables(metrics)
        if not all(fits(extra, console) for extra in extras):
            extras = layout.detail_tables(metrics, intervals=False)
        for extra in extras:
            console.print()
            render_table(extra, console)
    for warning in metrics.warnings:
        console.print(Text(f"! {warning}", style="yellow"))


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


def to_markdown(metrics: RunMetrics) -> str:
    """The report as GitHub-flavoured markdown, what `report.md` holds."""
    main = main_table(metrics)
    sentence = layout.headline(metrics)
    parts = [f"# {main.title}", "", *([f"**{sentence}**", ""] if sentence else [])]
    parts.append(markdown_table(main))
    for extra in layout.detail_tables(metrics):
        parts += [f"## {extra.title}", "", markdown_table(extra)]
    if metrics.warnings:
        parts += ["## Warnings", "", *(f"- {warning}" for warning in metrics.warnings), ""]
    return "\n".join(parts)


def markdown_table(table: Table) -> str:
    """One table and its note, without its title."""
    lines = ["| " + " | ".join(table.header) + " |"]
    lines.append("|" + "|".join(" --- " if i < table.keys else " ---: " for i in range(len(table.header))) + "|")
    for row in table.rows:
        lines.append("| " + " | ".join(cell.replace("|", r"\|").replace("\n", "<br>") for cell in row) + " |")
    return "\n".join([*lines, "", "<br>\n".join(table.note.splitlines()), ""])


def to_latex(metrics: RunMetrics) -> str:
    """The paper's main table for booktabs and multirow-free documents: Avg. and RR. columns a benchmark."""
    names = metrics.benchmarks
    groups = " & ".join(rf"\multicolumn{{2}}{{c}}{{{_latex(name)}}}" for name in names)
    rules = "".join(rf"\cmidrule(lr){{{2 * i + 2}-{2 * i + 3}}}" for i in range(len(names)))
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'rl' * len(names)}}}",
        r"\toprule",
        rf" & {groups} \\",
        rules,
        "Arm" + r" & Avg. & RR." * len(names) + r" \\",
        r"\midrule",
    ]
    for arm in metrics.arms:
        cells = [metrics.cell(arm, name) for name in names]
        system = next(c.system for c in metrics.cells if c.arm == arm)
        values = [layout.DASH if c is None else layout.score(c.accuracy) for c in cells]
        rates = [layout.DASH if c is None else layout.rate(c.recovery) for c in cells]
        body = " & ".join(_latex(x) for pair in zip(values, rates, strict=True) for x in pair)
        lines.append(rf"{_latex(layout.arm_title(arm))} ({_latex(system)}) & {body} \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [f"% {line}" for line in (layout.SCORE_NOTE, layout.RECOVERY_NOTE)]
    return "\n".join(lines) + "\n"


def to_csv(metrics: RunMetrics) -> str:
    """One line a figure (tidy form), fractions, empty fields for what is undefined."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in _csv_rows(metrics):
        writer.writerow(["" if isinstance(x, float) and math.isnan(x) else x for x in row])
    return stream.getvalue()


def to_json(metrics: RunMetrics) -> str:
    """The content of metrics.json: fractions, undefined values as null."""
    return json.dumps(to_jsonable(metrics), indent=1) + "\n"


def _csv_rows(metrics: RunMetrics) -> Iterator[tuple[object, ...]]:
    for c in metrics.cells:
        labels = (metrics.run, c.benchmark, c.arm, c.system, c.prompt, c.decoding)
        head = (*labels, c.max_tokens, c.scorer, c.problems, c.samples)
        a = c.accuracy
        yield (*head, "accuracy", "", a.value, a.low, a.high, a.se, a.seeds_se, a.method)
        for name, values in (("pass", c.pass_at), ("majority", c.majority_at)):
            for k, e in values.items():
                yield (*head, name, k, e.value, e.low, e.high, e.se, "", e.method)
        if c.recovery is not None:
            r = c.recovery
            yield (*head, "recovery", "", r.value, r.low, r.high, "", "", r.note)
        for name in ("extracted", "truncated", "stopped_by_string", "timed_out"):
            yield (*head, name, "", getattr(c.shares, name), "", "", "", "", "")
        yield (*head, "mean_tokens", "", c.mean_tokens, "", "", "", "", "")


def main_table(metrics: RunMetrics) -> Table:
    """Scores and recovery in the paper's form: arms by benchmarks, or all figures of a single benchmark."""
    return layout.single_table(metrics) if len(metrics.benchmarks) == 1 else layout.matrix_table(metrics)


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


def _latex(text: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    for plain, escaped in (("Δ", r"$\Delta$"), ("±", r"$\pm$"), ("–", "--"), ("\n", " ")):
        text = text.replace(plain, escaped)
    return text
