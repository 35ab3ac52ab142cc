"""A sweep as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rast_eval.report import figures
from rast_eval.report.figures import Panel
from rast_eval.report.table import DASH, Table, percent, score
from rast_eval.runs.sweep import Result
from rast_eval.statistics import Estimate

NOTE = (
    "Avg. = mean pass@1 in percent with its 95 % interval over problems; ± sd = standard deviation over the n runs, "
    "run j holding sample j of every problem."
)


def table(title: str, results: Sequence[Result]) -> Table:
    """A row a benchmark and point."""
    rows = []
    for row in sorted(results, key=lambda result: result.benchmark):
        a = row.accuracy
        size = f"{a.problems} × {a.samples}"
        rows.append(
            (row.benchmark, *map(_value, (row.weight, row.temperature)), size, score(a), percent(row.deviation))
        )
    return Table(title, ("benchmark", "λ", "T", "outputs", "Avg.", "± sd"), tuple(rows), NOTE)


def draw(results: Sequence[Result], stem: Path) -> Path:
    """Write `<stem>.png` and `<stem>.pdf`: accuracy over λ, or over the temperature where λ stays.

    One panel a benchmark, in it one line a value of what does not run along the axis.
    """
    over_weight = len({result.weight for result in results}) > 1
    other = "T" if over_weight else "λ"
    panels = []
    for benchmark in dict.fromkeys(result.benchmark for result in results):
        lines: dict[str, list[tuple[float, Estimate]]] = {}
        found = [result for result in results if result.benchmark == benchmark]
        for row in found:
            x, rest = (row.weight, row.temperature) if over_weight else (row.temperature, row.weight)
            label = row.arm.label if rest is None else f"{other} = {rest:g}"
            lines.setdefault(label, []).append((x or 0.0, row.accuracy))
        series = [
            figures.estimated(label, found[0].arm, sorted(points, key=lambda point: point[0]))
            for label, points in lines.items()
        ]
        panels.append(Panel(benchmark, series, xlabel="λ" if over_weight else "temperature"))
    return figures.save(figures.sweep_figure(panels, "Avg. in %"), stem)[0]


def _value(value: float | None) -> str:
    return DASH if value is None else f"{value:g}"
