"""A sweep as tables and as a picture."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from rast_eval.report import figures
from rast_eval.report.comparison import p_shown, signed
from rast_eval.report.figures import Panel
from rast_eval.report.table import DASH, Table, percent, score, with_shared
from rast_eval.results.sweeps import Sweep, SweptChoice, SweptPoint
from rast_eval.statistics import Estimate
from rast_eval.types import LINEAR, FusionRule

POINT_NOTE = (
    "Avg. = mean pass@1 in percent with its 95 % interval over problems; ± sd = standard deviation over the n runs, "
    "run j holding sample j of every problem."
)
GAIN_NOTE = (
    "over λ = 1 = difference to λ = 1 at the same temperature, paired by problem, with the 95 % interval of its test; "
    "p Holm = adjusted over the λ of a temperature."
)
NO_REFERENCE = "The sweep lacks λ = 1, the setting that nobody chose: add it, as in --lambda 0.5,1,1.5, to compare."
CHOICE_NOTE = (
    "best = Avg. of the setting that is best on these problems, too high because it was chosen on them; held out = "
    "Avg. of settings so chosen on problems that had no part in choosing; too high by = the difference, in points."
)


def tables(title: str, sweep: Sweep) -> list[Table]:
    """A row a benchmark and setting; then what choosing the best of them costs."""
    rows, named = [], _named(sweep.points)
    for row in sorted(sweep.points, key=lambda point: point.benchmark):
        a, d = row.accuracy, row.gain.difference if row.gain else None
        gain = (DASH, DASH) if d is None else (signed(d), p_shown(row.gain.holm if row.gain else math.nan))
        size = f"{a.problems} × {a.samples}"
        setting = (*_names(row, named), _value(row.weight), _value(row.temperature))
        rows.append((row.benchmark, *setting, size, score(a), percent(row.deviation), *gain))
    varied = len({point.weight for point in sweep.points}) > 1
    reference = any(point.gain for point in sweep.points)
    header = ("benchmark", *named, "λ", "T", "outputs", "Avg.", "± sd", "over λ = 1", "p Holm")
    notes = [POINT_NOTE, *([GAIN_NOTE] if reference else [NO_REFERENCE] if varied else [])]
    every = Table(title, header, tuple(rows), "\n".join(notes), keys=3 + len(named))
    shared = [with_shared(every, ("benchmark", "outputs", *([] if reference else ["over λ = 1", "p Holm"])))]
    return [*shared, *([_choices(sweep)] if sweep.choices else [])]


def _choices(sweep: Sweep) -> Table:
    rows, named = [], _named(sweep.choices)
    for row in sweep.choices:
        c = row.choice
        setting = (*_names(row, named), _value(row.weight), _value(row.temperature), str(c.settings))
        rows.append((row.benchmark, *setting, score(c.naive), score(c.honest), f"{100 * c.optimism:+.1f}"))
    header = ("benchmark", *named, "λ", "T", "chosen of", "best", "held out", "too high by")
    return Table("What choosing costs", header, tuple(rows), CHOICE_NOTE, keys=4 + len(named))


def _named(rows: Sequence[SweptPoint | SweptChoice]) -> list[str]:
    """Which settings that are names stand in the table."""
    return [name for name in ("rule", "expert") if any(getattr(row, name) for row in rows)]


def _names(row: SweptPoint | SweptChoice, named: Sequence[str]) -> list[str]:
    return [getattr(row, name) or "" for name in named]


def draw(sweep: Sweep, stem: Path) -> Path:
    """Write `<stem>.png` and `<stem>.pdf`: accuracy over checkpoints, else λ, a parameter of the rule, the temperature.

    A checkpoint stands at the last number of its name, else at its place in the list.
    One panel a benchmark, in it one line a value of what does not run along the axis.
    """
    places: list[dict[str, float | None]] = []
    experts = list(dict.fromkeys(point.expert or "" for point in sweep.points))
    numbers = [re.findall(r"\d+", name) for name in experts]
    steps = [float(found[-1]) for found in numbers] if all(numbers) else [float(i) for i in range(len(experts))]
    for point in sweep.points:
        rule = FusionRule.parse(point.rule or str(LINEAR))
        step = steps[experts.index(point.expert or "")]
        places.append({"checkpoint": step, "λ": point.weight, **dict(rule.parameters), "T": point.temperature})
    varied = [key for key in places[0] if len({place[key] for place in places}) > 1]
    axis, *others = varied or ["T"]
    panels = []
    for benchmark in dict.fromkeys(point.benchmark for point in sweep.points):
        lines: dict[str, list[tuple[float, Estimate]]] = {}
        found = [point for point in sweep.points if point.benchmark == benchmark]
        for row, place in zip(sweep.points, places, strict=True):
            if row.benchmark == benchmark:
                label = ", ".join(f"{key} = {place[key]:g}" for key in others) or row.arm.label
                lines.setdefault(label, []).append((place[axis] or 0.0, row.accuracy))
        series = [figures.estimated(label, found[0].arm, points) for label, points in lines.items()]
        panels.append(Panel(benchmark, series, xlabel="temperature" if axis == "T" else axis))
    return figures.save(figures.sweep_figure(panels, "Avg. in %"), stem)[0]


def _value(value: float | None) -> str:
    return DASH if value is None else f"{value:g}"
