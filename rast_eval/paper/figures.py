"""Figures that runs alone decide: 3, 6 and 8."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rast_eval import statistics
from rast_eval.paper import published, runs
from rast_eval.paper.runs import NamedRun, Reproduction
from rast_eval.paper.scale import title_of
from rast_eval.report import figures
from rast_eval.report.figures import Panel, Series
from rast_eval.report.page import Block, Picture
from rast_eval.report.table import DASH, Table, p_value, percent, score
from rast_eval.results.metrics import RunMetrics
from rast_eval.results.reader import load_grades
from rast_eval.statistics import Difference, Estimate
from rast_eval.types import Arm

ARMS = (Arm("base@sampled"), Arm("rast"), Arm("rl"))
"""Of Figures 3, 8, 9 and 10: all sampled."""

REFERENCE = 1.0
"""λ and temperature that the other points of Figure 6 are compared with."""


def figure3(reproduction: Reproduction) -> list[Block]:
    """pass@k."""
    printed = published.figure3() if reproduction.scale.name == "paper" else ()
    return _subsets(reproduction, "figure3", "pass@k", "pass_at", printed)


def figure8(reproduction: Reproduction) -> list[Block]:
    """majority@k."""
    return _subsets(reproduction, "figure8", "majority@k", "majority_at", ())


@dataclass(frozen=True)
class Figure6Point:
    """One point of Figure 6.

    Attributes:
        spread: standard deviation over runs, as a fraction; run j holds sample j of every problem.
        difference: to the sweep's reference point, paired by problem; None at that point or without one.
    """

    x: float
    accuracy: Estimate
    spread: float
    difference: Difference | None


def figure6(reproduction: Reproduction) -> list[Block]:
    """Accuracy over λ at τ = 1 and over τ at λ = 0.5, and under it the paired differences to λ = 1 and τ = 1."""
    scale = reproduction.scale
    reproduction.sweep()
    sweeps = {
        "lambda": ("λ at τ = 1", "λ", [(w, runs.sweep_run(scale, w, 1.0)) for w in scale.weights]),
        "temperature": (
            "τ at λ = 0.5", "temperature τ", [(t, runs.sweep_run(scale, 0.5, t)) for t in scale.temperatures]
        ),
    }  # fmt: skip
    panels, differences, rows = [], [], []
    for key, (title, axis, named) in sweeps.items():
        points = _points(reproduction, named)
        printed = [
            ((p.weight if key == "lambda" else p.temperature), p.average.value)
            for p in published.figure6()
            if p.sweep == key and scale.name == "paper"
        ]
        accuracies = [(point.x, point.accuracy) for point in points]
        line = figures.estimated("RAST", Arm("rast"), accuracies, printed, [point.spread for point in points])
        panels.append(Panel(title, [line], xlabel=axis))
        symbol = title[0]
        differences.append(
            Panel(f"minus {symbol} = {REFERENCE:g}, paired by problem", [_differences(points)], xlabel=axis)
        )
        rows += [(title, f"{p.x:g}", score(p.accuracy), percent(p.spread), *_difference(p.difference)) for p in points]
    benchmark = title_of(scale.sweep_benchmark)
    picture = reproduction.save("figure6", figures.sweep_figure(panels, f"{benchmark}, Avg. in %", differences))
    base, delta = scale.main_pair
    caption = (
        f"Robustness of {base} + Δ{delta} on {benchmark}. Above: bands are 95 % intervals over problems, circles the "
        "spread over runs. Below: the points share their problems, so paired differences say more than the bands above."
    )
    header = ("sweep", "value", "Avg.", "sd over runs", f"minus {REFERENCE:g}", "p")
    return [Picture(picture, caption), Table("Sweeps", header, tuple(rows), "", keys=2)]


def _points(reproduction: Reproduction, named: Sequence[tuple[float, NamedRun]]) -> list[Figure6Point]:
    matrices = {x: _grades(reproduction, named) for x, named in named}
    reference = matrices.get(REFERENCE)
    points = []
    for x, matrix in matrices.items():
        by_run = np.array(list(matrix.values())).mean(axis=0)
        spread = float(by_run.std(ddof=1)) if by_run.size > 1 else math.nan
        accuracy = statistics.accuracy(list(matrix.values()))
        points.append(Figure6Point(x, accuracy, spread, _paired(matrix, reference) if x != REFERENCE else None))
    return points


def _grades(reproduction: Reproduction, named: NamedRun) -> dict[str, NDArray[np.bool_]]:
    """Grades by problem."""
    run = reproduction.load(named)
    grades = load_grades(run, run.cells[0])
    return dict(zip(grades.problem_ids, grades.correct, strict=True))


def _paired(
    matrix: Mapping[str, NDArray[np.bool_]], reference: Mapping[str, NDArray[np.bool_]] | None
) -> Difference | None:
    if reference is None:
        return None
    common = [problem for problem in matrix if problem in reference]
    return statistics.paired_difference([matrix[p] for p in common], [reference[p] for p in common])


def _differences(points: Sequence[Figure6Point]) -> Series:
    """The differences in points; the reference itself stands at 0."""
    kept = [p for p in points if p.difference is not None or p.x == REFERENCE]
    value, low, high = (
        [100 * getattr(p.difference, key) if p.difference else 0.0 for p in kept] for key in ("value", "low", "high")
    )
    return Series("RAST", Arm("rast"), [p.x for p in kept], value, low, high)


def _difference(found: Difference | None) -> tuple[str, str]:
    if found is None:
        return DASH, DASH
    return f"{100 * found.value:+.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]", p_value(found.p_value)


def _subsets(
    reproduction: Reproduction, name: str, title: str, attribute: str, printed: Sequence[published.PassAtK]
) -> list[Block]:
    base, delta = reproduction.scale.main_pair
    metrics: RunMetrics = reproduction.pair(base, delta, "unbiased")
    panels, rows = [], []
    for benchmark in reproduction.scale.benchmarks:
        series = []
        for arm in ARMS:
            cell = metrics.cell(arm, benchmark)
            values: Mapping[int, Estimate] = getattr(cell, attribute) if cell else {}
            kept = [(k, values[k]) for k in reproduction.scale.ks if k in values and not math.isnan(values[k].value)]
            paper = [(float(p.k), getattr(p, arm.role)) for p in printed if p.benchmark == benchmark]
            series.append(figures.estimated(arm.look.title, arm, kept, paper))
            by_k = dict(kept)
            shown = (percent(by_k[k].value) if k in by_k else DASH for k in reproduction.scale.ks)
            rows.append((title_of(benchmark), arm.label, *shown))
        panels.append(Panel(title_of(benchmark), series))
    picture = reproduction.save(name, figures.line_panels(panels, "k", f"{title}, %", log2=True))
    header = ("benchmark", "arm", *(f"k={k}" for k in reproduction.scale.ks))
    note = "Unbiased estimate; a dash where there are fewer than k samples. All three arms are sampled."
    caption = (
        f"{title} of {base} + Δ{delta}; bands are 95 % intervals over problems, Wilson's where every problem is solved."
    )
    return [Picture(picture, caption), Table(f"{title}, percent", header, tuple(rows), note, keys=2)]
