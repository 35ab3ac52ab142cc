"""Figures of single values: dots in rows, points against one another, grouped bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rast_eval.report.style import INK, PAPER_KEY, SOFT_INK, footnote, grid, hollow, label_left
from rast_eval.types import Arm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Dot:
    """A value with its interval in a row of a dot plot or at a point of a scatter plot."""

    label: str
    arm: Arm
    value: float
    low: float = math.nan
    high: float = math.nan
    paper: float = math.nan
    x: float = math.nan
    paper_x: float = math.nan


def dots(groups: Sequence[tuple[str, Sequence[Dot]]], xlabel: str, limits: tuple[float, float] | None = None) -> Figure:
    """Horizontal dots, one row a (group, model), each named and with its value written above it.

    Args:
        limits: ends of the axis where the values lie within them; a value outside widens them.
    """
    rows = [(group, dot) for group, members in groups for dot in members]
    figure, axes = grid(1, 1, width=5.6, height=0.9 + 0.36 * len(rows))
    ax = axes[0]
    for position, (_, dot) in enumerate(rows):
        style = dot.arm.look
        if not math.isnan(dot.low):
            ax.plot([dot.low, dot.high], [position, position], color=style.color, linewidth=1.6, alpha=0.6)
        ax.plot(dot.value, position, style.marker, color=style.color, markersize=6)
        if not math.isnan(dot.paper):
            hollow(ax, [(dot.paper, position)], style)
        ax.annotate(f"{dot.value:.2f}", (dot.value, position), xytext=(0, 6), textcoords="offset points",
                    ha="center", fontsize=7.5, color=style.ink)  # fmt: skip
    ax.set_yticks(range(len(rows)), [f"{group}, {dot.label}" for group, dot in rows])
    ax.set_ylim(len(rows) - 0.4, -0.8)
    if limits:
        ends = [x for _, dot in rows for x in (dot.value, dot.low, dot.high, dot.paper) if not math.isnan(x)]
        ax.set_xlim(min(limits[0], *ends), max(limits[1], *ends))
    ax.set_xlabel(xlabel)
    footnote(figure, PAPER_KEY if any(not math.isnan(dot.paper) for _, dot in rows) else "")
    return figure


def scatter(panels: Sequence[tuple[str, Sequence[Dot]]], ylabel: str) -> Figure:
    """Labelled points against one (xlabel, points) a panel; the paper's hollow."""
    figure, axes = grid(len(panels), len(panels), width=4.4, height=3.4)
    for ax, (xlabel, points) in zip(axes, panels, strict=True):
        for dot in points:
            _point(ax, dot)
        ax.margins(x=0.3, y=0.2)
        ax.set_xlabel(xlabel)
    label_left(axes, len(panels), ylabel)
    footnote(figure, PAPER_KEY if any(not math.isnan(dot.paper_x) for _, points in panels for dot in points) else "")
    for ax, (_, points) in zip(axes, panels, strict=True):
        _name_points(ax, points)
    return figure


Groups = Sequence[tuple[str, Sequence[Dot]]]
"""(name, its values)."""


def bars(panels: Sequence[tuple[str, Groups]], ylabel: str) -> Figure:
    """Grouped bars with intervals, one panel a measure; hatched, so that they differ in print too."""
    most = max(len(groups) for _, groups in panels)
    columns = 1 if most > 2 else len(panels)
    figure, axes = grid(len(panels), columns, width=7.6 if columns == 1 else 2.9, height=2.1 if columns == 1 else 2.9)
    for ax, (title, groups) in zip(axes, panels, strict=True):
        _bars(ax, groups)
        ax.set_title(title, loc="left")
    label_left(axes, columns, ylabel)
    _key(figure, [dot.arm for _, groups in panels for _, members in groups for dot in members])
    return figure


def _bars(ax: Axes, groups: Groups) -> None:
    every = [dot for _, members in groups for dot in members]
    width = 0.84 / max(len(members) for _, members in groups)
    top = max((d.value if math.isnan(d.high) else max(d.value, d.high) for d in every), default=0.0) or 1.0
    for g, (_, members) in enumerate(groups):
        for i, dot in enumerate(members):
            style = dot.arm.look
            x = g + (i - (len(members) - 1) / 2) * width
            ax.bar(x, dot.value, width * 0.86, facecolor=style.color if dot.arm == "rast" else "white",
                   edgecolor=style.color, hatch=style.hatch, linewidth=1)  # fmt: skip
            if not math.isnan(dot.low):
                ax.plot([x, x], [dot.low, dot.high], color=INK, linewidth=1)
            above = dot.value if math.isnan(dot.high) else max(dot.value, dot.high)
            shown = f"{dot.value:#.2g}".rstrip(".") if dot.value else "0"
            ax.annotate(shown, (x, above + 0.02 * top), ha="center", fontsize=7, color=style.ink)
    ax.set_xticks(range(len(groups)), [name for name, _ in groups])
    ax.set_xlim(-0.6, len(groups) - 0.4)
    ax.set_ylim(0, top * 1.16)
    ax.grid(axis="x", visible=False)


def words(panels: Sequence[tuple[str, Mapping[str, Sequence[Dot]]]], xlabel: str) -> Figure:
    """How often each word occurs, one row a word and one panel a list; arms by marker and colour."""
    longest = max(len(rows) for _, rows in panels)
    figure, axes = grid(len(panels), len(panels), width=2.9, height=0.9 + 0.24 * max(3, longest))
    for ax, (title, rows) in zip(axes, panels, strict=True):
        for position, members in enumerate(rows.values()):
            for dot in members:
                look = dot.arm.look
                fill = look.color if dot.arm == "rast" else "none"
                ax.plot(dot.value, position, look.marker, color=look.color, markersize=5, markerfacecolor=fill,
                        markeredgewidth=1.3, clip_on=False, zorder=3)  # fmt: skip
        ax.set_yticks(range(len(rows)), list(rows))
        ax.set_ylim(longest - 0.4, -0.6)
        ax.set_xlim(left=0)
        ax.set_title(title, loc="left")
        if rows:
            ax.set_xlabel(xlabel)
        else:
            ax.set_axis_off()
            ax.text(0.0, 0.5, "no word of this list occurs", transform=ax.transAxes, color=SOFT_INK)
    _key(figure, [dot.arm for _, rows in panels for members in rows.values() for dot in members])
    return figure


def _key(figure: Figure, arms: Sequence[Arm]) -> None:
    """Arms by name in their inks, above a figure whose panels share them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    named = sorted(dict.fromkeys(arms), key=lambda arm: arm.order)
    handles: list[Patch | Line2D] = []
    for arm in named:
        look = arm.look
        handles.append(Line2D([], [], linestyle="", marker=look.marker, color=look.color, markeredgewidth=1.3,
                              markerfacecolor=look.color if arm == "rast" else "none"))  # fmt: skip
    legend = figure.legend(handles, [arm.label for arm in named], loc="outside upper right", ncols=len(named),
                           fontsize=8, handletextpad=0.2, columnspacing=1.2)  # fmt: skip
    for text, arm in zip(legend.get_texts(), named, strict=True):
        text.set_color(arm.look.ink)


def _point(ax: Axes, dot: Dot) -> None:
    style = dot.arm.look
    if not math.isnan(dot.x) and not math.isnan(dot.value):
        error = None
        if not math.isnan(dot.low):
            error = [[max(0.0, dot.value - dot.low)], [max(0.0, dot.high - dot.value)]]
        ax.errorbar(dot.x, dot.value, yerr=error, fmt=style.marker, color=style.color, capsize=2, markersize=6)
    if not math.isnan(dot.paper_x):
        if not math.isnan(dot.x + dot.value):
            ax.plot([dot.x, dot.paper_x], [dot.value, dot.paper], ":", color=style.color, linewidth=1, zorder=1)
        hollow(ax, [(dot.paper_x, dot.paper)], style)


def _name_points(ax: Axes, points: Sequence[Dot]) -> None:
    """A label beside each point, at the first place around it that is free of marks and other labels."""
    figure = ax.get_figure()
    assert figure is not None
    figure.canvas.draw()  # places are taken in the laid-out figure, in points of 1/72 inch
    unit = 72 / figure.get_dpi()

    def at(x: float, y: float) -> tuple[float, float]:
        shown = ax.transData.transform((x, y)) * unit
        return float(shown[0]), float(shown[1])

    named = [(dot.x, dot.value) if not math.isnan(dot.x + dot.value) else (dot.paper_x, dot.paper) for dot in points]
    marks = [at(x, y) for x, y in [*named, *((dot.paper_x, dot.paper) for dot in points)] if not math.isnan(x + y)]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in marks]
    box = ax.get_window_extent()
    inside = (box.x0 * unit, box.y0 * unit, box.x1 * unit, box.y1 * unit)
    for dot, (x, y) in zip(points, named, strict=True):
        if math.isnan(x + y):
            continue
        offset, ha = _free_place(at(x, y), (5.2 * len(dot.label), 10.0), taken, inside)
        ax.annotate(dot.label, (x, y), xytext=offset, textcoords="offset points", fontsize=8, color=dot.arm.look.ink,
                    ha=ha, va="center")  # fmt: skip


Box = tuple[float, float, float, float]


def _free_place(
    point: tuple[float, float], size: tuple[float, float], taken: list[Box], inside: Box
) -> tuple[tuple[float, float], Literal["left", "right"]]:
    """Offset of a label from its point and which of its ends stands there; the place is added to `taken`."""
    width, height = size
    (x, y), chosen = point, None
    for rise in (0, 11, -11, 22, -22, 33, -33):
        for ha in ("left", "right"):
            left = x + 8 if ha == "left" else x - 8 - width
            box = (left, y + rise - height / 2, left + width, y + rise + height / 2)
            within = inside[0] <= box[0] and inside[1] <= box[1] and box[2] <= inside[2] and box[3] <= inside[3]
            if within and not any(_overlap(box, other) for other in taken):
                chosen = chosen or (box, float(rise), ha)
    box, rise_of, ha = chosen or ((x + 8, y - height / 2, x + 8 + width, y + height / 2), 0.0, "left")
    taken.append(box)
    return (8.0 if ha == "left" else -8.0, rise_of), "left" if ha == "left" else "right"


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
