"""Figures for print: vector and PNG, colour-blind-safe, labelled at the point.

Every arm has its own colour (Okabe and Ito's palette), marker and line style, so that no figure depends on
colour alone. The paper's values stand as hollow marks of the same shape, over ours.

    fig = line_panels([Panel("AMC 2023", (Series("RAST", Arm("rast"), ks, values),))], "k", "pass@k, %", log2=True)
    save(fig, Path("results/figures/figure3"))      # figure3.png, figure3.pdf
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rast_eval.report.style import (
    INK,
    PAPER_KEY,
    PAPER_ORDER,
    SOFT_INK,
    footnote,
    grid,
    hollow,
    label_left,
    save,
    spread_out,
)
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "Series", "estimated", "line_panels", "save", "sweep_figure"]

Floats = Sequence[float]

DODGE = 0.26
"""Octaves between the paper's marks of two arms at one k, so that each can be seen."""


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        low, high: interval at each x; empty for none.
        paper: published (x, y) pairs, drawn hollow.
        spread: standard deviation over runs at each x, in units of y; empty for none.
    """

    label: str
    arm: Arm
    x: Floats
    y: Floats
    low: Floats = ()
    high: Floats = ()
    paper: Sequence[tuple[float, float]] = ()
    spread: Floats = ()


@dataclass(frozen=True)
class Panel:
    """One set of axes.

    Attributes:
        marks: vertical lines (x, text), e.g. the default λ.
        xlabel: where it differs from the other panels'.
    """

    title: str
    series: Sequence[Series]
    marks: Sequence[tuple[float, str]] = ()
    xlabel: str = ""


def estimated(
    label: str,
    arm: Arm,
    points: Sequence[tuple[float, Estimate]],
    paper: Sequence[tuple[float, float]] = (),
    spread: Floats = (),
) -> Series:
    """A line through estimates of shares, in percent, with their intervals as its band.

    Args:
        points: in any order.
        spread: as fractions, in the order of x.
    """
    points = sorted(points, key=lambda point: point[0])
    x = [float(value) for value, _ in points]
    value, low, high = ([100 * getattr(e, key) for _, e in points] for key in ("value", "low", "high"))
    band = [max(0.0, v) for v in low], [min(100.0, v) for v in high]
    return Series(label, arm, x, value, *band, paper, [100 * s for s in spread])


def line_panels(
    panels: Sequence[Panel], xlabel: str, ylabel: str, *, log2: bool = False, counts: bool = False, columns: int = 3
) -> Figure:
    """Lines with intervals, one panel a benchmark or sweep; each line is named at its end.

    Args:
        counts: x is logarithmic from 1 on and linear below, so that 0 is on it.
    """
    figure, axes = grid(len(panels), columns)
    for ax, panel in zip(axes, panels, strict=True):
        if log2:
            ax.set_xscale("log", base=2)
        elif counts:
            ax.set_xscale("symlog", linthresh=1, base=10)
            ax.xaxis.set_major_formatter("{x:g}")
        _lines(ax, panel)
        if log2:
            ticks = sorted({int(x) for series in panel.series for x in series.x})
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.minorticks_off()
        _within_percent(ax, panel)
        _name_ends(ax, panel)
        ax.set_xlabel(panel.xlabel or xlabel)
    label_left(axes, columns, ylabel)
    footnote(figure, PAPER_KEY if any(series.paper for panel in panels for series in panel.series) else "")
    return figure


def sweep_figure(panels: Sequence[Panel], ylabel: str, differences: Sequence[Panel] = ()) -> Figure:
    """Accuracy over λ or a temperature, one panel a sweep or benchmark, all on one scale.

    λ = 1 is marked where λ is what varies. A circle's area grows with the spread over runs where a series has one,
    and a star stands at the best point, as in the paper.

    Args:
        differences: panels of a second row, e.g. paired differences to one point, again on one scale.
    """
    columns = max(2, len(differences)) if differences else min(2, len(panels))
    figure, axes = grid(len(panels) + len(differences), columns, width=3.4)
    upper, lower = axes[: len(panels)], axes[len(panels) :]
    for ax, panel in zip(axes, [*panels, *differences], strict=True):
        _lines(ax, panel)
        if panel.xlabel == "λ":
            _mark(ax, 1.0, "default")
        ax.set_xlabel(panel.xlabel)
        ax.margins(x=0.07, y=0.1)
    for ax, panel in zip(upper, panels, strict=True):
        for series in panel.series:
            _spread(ax, series)
    for row, drawn in ((upper, panels), (lower, differences)):
        _one_scale(row)
        for ax, panel in zip(row, drawn, strict=True):
            if row is upper:
                _within_percent(ax, panel)
            else:
                ax.axhline(0.0, color=SOFT_INK, linewidth=0.8)
            if len(panel.series) > 1:
                _name_ends(ax, panel)
    label_left(upper, columns, ylabel)
    label_left(lower, columns, "difference, points")
    every = [series for panel in panels for series in panel.series]
    circles = "circle: area by the spread over runs; ★: the best point" if any(s.spread for s in every) else ""
    footnote(figure, circles, PAPER_KEY if any(s.paper for s in every) else "")
    return figure


def _lines(ax: Axes, panel: Panel) -> None:
    published = [series for series in panel.series if series.paper]
    for series in panel.series:
        style = series.arm.look
        kept = [i for i, y in enumerate(series.y) if not math.isnan(y)]
        x, y = [series.x[i] for i in kept], [series.y[i] for i in kept]
        ax.plot(x, y, linestyle=style.line, color=style.color, marker=style.marker, markersize=4, linewidth=1.4)
        if series.low:
            low, high = ([values[i] for i in kept] for values in (series.low, series.high))
            ax.fill_between(x, low, high, color=style.color, alpha=0.13, linewidth=0)
        if series in published:
            aside = DODGE * (published.index(series) - (len(published) - 1) / 2) if ax.get_xscale() == "log" else 0.0
            hollow(ax, [(x * 2**aside, y) for x, y in series.paper], style)
    for position, text in panel.marks:
        _mark(ax, position, text)
    ax.set_title(panel.title, loc="left")


def _mark(ax: Axes, position: float, text: str) -> None:
    ax.axvline(position, color="#999999", linewidth=0.8, zorder=0)
    ax.annotate(text, (position, 0.02), xycoords=("data", "axes fraction"), fontsize=7.5, color=SOFT_INK,
                xytext=(3, 0), textcoords="offset points")  # fmt: skip


def _spread(ax: Axes, series: Series) -> None:
    """Circles as large as the spread over runs, and a star at the best point."""
    points = [(x, y, s) for x, y, s in zip(series.x, series.y, series.spread, strict=False) if not math.isnan(y + s)]
    if not points:
        return
    largest = max(s for _, _, s in points) or 1.0
    color = series.arm.look.color
    areas = [20 + 260 * s / largest for _, _, s in points]
    ax.scatter([x for x, _, _ in points], [y for _, y, _ in points], areas, facecolor=color, edgecolor=color,
               alpha=0.25, linewidth=0.8, zorder=1.5)  # fmt: skip
    x, y, _ = max(points, key=lambda point: point[1])
    ax.plot(x, y, "*", color=INK, markersize=9, markeredgecolor="white", markeredgewidth=0.6, zorder=PAPER_ORDER + 1)


def _within_percent(ax: Axes, panel: Panel) -> None:
    """No axis of percentages goes below 0 or beyond 100 by more than a mark needs."""
    low, high = ax.get_ylim()
    drawn = [
        y for series in panel.series for y in (*series.y, *series.low, *series.high, *(y for _, y in series.paper))
    ]
    values = [value for value in drawn if not math.isnan(value)]
    room = 0.03 * (min(high, 100.0) - max(low, 0.0))
    if values and min(values) >= 0.0 and max(values) <= 100.0:
        low, high = max(low, -room), min(high, 100.0 + room)
        ax.set_ylim(low, high)
        ax.set_yticks([tick for tick in ax.get_yticks() if max(low, 0.0) <= tick <= min(high, 100.0)])


def _one_scale(axes: Sequence[Axes]) -> None:
    ends = [ax.get_ylim() for ax in axes]
    for ax in axes:
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _name_ends(ax: Axes, panel: Panel) -> None:
    """Write each label right of its line's end, moved apart where they would overlap; a single line needs none."""
    ends = []
    for series in panel.series:
        kept = [y for y in series.y if not math.isnan(y)]
        if kept:
            ends.append((kept[-1], series.label, series.arm.look.ink))
    low, high = ax.get_ylim()
    step = (high - low) * 0.085
    ends.sort(key=lambda end: end[0])
    places = spread_out([y for y, _, _ in ends], step, low + step / 2, high - step / 2)
    for place, (_, label, ink) in zip(places, ends, strict=True):
        ax.annotate(label, (1.01, place), xycoords=("axes fraction", "data"), color=ink, fontsize=8, va="center")
