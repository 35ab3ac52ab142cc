"""Figures for print: vector and PNG, colour-blind-safe, labelled at the point.

Every arm has its own colour (Okabe and Ito's palette), marker and line style, so that no figure depends on
colour alone. The paper's values stand as hollow marks of the same shape.

    fig = line_panels([Panel("amc23", (Series("RAST", "rast", ks, values),))], "k", "pass@k, %", log2=True)
    save(fig, Path("results/figures/figure3"))      # figure3.png, figure3.pdf
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rast_eval.statistics import Estimate
from rast_eval.types import Arm, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = Sequence[float]

NUMBER_COLUMNS = 3
"""Columns of text that a number above a token needs; of two nearer ones the larger is written."""


SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        low, high: interval at each x; empty for none.
        paper: published (x, y) pairs, drawn hollow.
    """

    label: str
    arm: Arm
    x: Floats
    y: Floats
    low: Floats = ()
    high: Floats = ()
    paper: Sequence[tuple[float, float]] = ()


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
    label: str, arm: Arm, points: Sequence[tuple[float, Estimate]], paper: Sequence[tuple[float, float]] = ()
) -> Series:
    """A line through estimates, in percent, with their intervals as its band."""
    x = [float(value) for value, _ in points]
    value, low, high = ([100 * getattr(e, key) for _, e in points] for key in ("value", "low", "high"))
    return Series(label, arm, x, value, low, high, paper)


def sweep_figure(panels: Sequence[Panel], ylabel: str) -> Figure:
    """Accuracy over λ or a temperature, one panel a sweep or benchmark; λ = 1 is marked where λ is what varies."""
    marked = [replace(panel, marks=[(1.0, "default")]) if panel.xlabel == "λ" else panel for panel in panels]
    return line_panels(marked, "", ylabel, columns=2)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `<stem>.png` (200 dpi) and `<stem>.pdf` without a date, so that equal data give equal files."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")]
    figure.savefig(files[0], dpi=200, metadata={"Software": None})
    figure.savefig(files[1], metadata={"CreationDate": None})
    _pyplot().close(figure)
    return files


def line_panels(panels: Sequence[Panel], xlabel: str, ylabel: str, *, log2: bool = False, columns: int = 3) -> Figure:
    """Lines with intervals, one panel a benchmark or sweep; each line is named at its end."""
    figure, axes = _grid(len(panels), columns)
    for ax, panel in zip(axes, panels, strict=True):
        if log2:
            ax.set_xscale("log", base=2)
        ends: list[tuple[float, str, str]] = []
        for series in panel.series:
            style = series.arm.look
            kept = [i for i, y in enumerate(series.y) if not math.isnan(y)]
            x, y = [series.x[i] for i in kept], [series.y[i] for i in kept]
            ax.plot(x, y, style.line, color=style.color, marker=style.marker, markersize=4.5, linewidth=1.4)
            if series.low:
                low, high = ([values[i] for i in kept] for values in (series.low, series.high))
                ax.fill_between(x, low, high, color=style.color, alpha=0.13, linewidth=0)
            if x:
                ends.append((y[-1], series.label, style.color))
            _hollow(ax, series.paper, style)
        for position, text in panel.marks:
            ax.axvline(position, color="#999999", linewidth=0.8, zorder=0)
            ax.annotate(
                text, (position, 0.02), xycoords=("data", "axes fraction"), fontsize=7.5, color="#666666",
                xytext=(3, 0), textcoords="offset points",
            )  # fmt: skip
        _name_ends(ax, ends)
        if log2:
            ticks = sorted({int(x) for series in panel.series for x in series.x})
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.minorticks_off()
        ax.set_title(panel.title, loc="left")
        ax.set_xlabel(panel.xlabel or xlabel)
    _label_left(axes, columns, ylabel)
    _paper_key(figure, any(series.paper for panel in panels for series in panel.series))
    return figure


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
    """Horizontal dots, one row a (group, model), each named and with its value written beside it.

    Args:
        limits: ends of the axis where the values lie within them; a value outside widens them.
    """
    rows = [(group, dot) for group, members in groups for dot in members]
    figure, axes = _grid(1, 1, width=5.6, height=0.9 + 0.34 * len(rows))
    ax = axes[0]
    for position, (_, dot) in enumerate(rows):
        style = dot.arm.look
        if not math.isnan(dot.low):
            ax.plot([dot.low, dot.high], [position, position], color=style.color, linewidth=1.6, alpha=0.6)
        ax.plot(dot.value, position, style.marker, color=style.color, markersize=6)
        if not math.isnan(dot.paper):
            ax.plot(dot.paper, position, style.marker, markersize=8, markerfacecolor="none", color=style.color)
        ax.annotate(f"{dot.value:.2f}", (dot.value, position), xytext=(0, 6), textcoords="offset points",
                    ha="center", fontsize=7.5)  # fmt: skip
    ax.set_yticks(range(len(rows)), [f"{group}, {dot.label}" for group, dot in rows])
    ax.set_ylim(len(rows) - 0.4, -0.8)
    if limits:
        ends = [x for _, dot in rows for x in (dot.value, dot.low, dot.high, dot.paper) if not math.isnan(x)]
        ax.set_xlim(min(limits[0], *ends), max(limits[1], *ends))
    ax.set_xlabel(xlabel)
    _paper_key(figure, any(not math.isnan(dot.paper) for _, dot in rows))
    return figure


def scatter(panels: Sequence[tuple[str, Sequence[Dot]]], ylabel: str) -> Figure:
    """Labelled points against one (xlabel, points) a panel; the paper's hollow."""
    figure, axes = _grid(len(panels), len(panels), width=4.4, height=3.4)
    for ax, (xlabel, points) in zip(axes, panels, strict=True):
        for dot in points:
            _point(ax, dot)
        ax.margins(x=0.45, y=0.2)
        ax.set_xlabel(xlabel)
    _label_left(axes, len(panels), ylabel)
    _paper_key(figure, any(not math.isnan(dot.paper_x) for _, points in panels for dot in points))
    return figure


def _point(ax: Axes, dot: Dot) -> None:
    style = dot.arm.look
    if not math.isnan(dot.x) and not math.isnan(dot.value):
        error = None
        if not math.isnan(dot.low):
            error = [[max(0.0, dot.value - dot.low)], [max(0.0, dot.high - dot.value)]]
        ax.errorbar(dot.x, dot.value, yerr=error, fmt=style.marker, color=style.color, capsize=2, markersize=6)
        _name_point(ax, dot.label, dot.x, dot.value, style.color)
    if not math.isnan(dot.paper_x):
        ax.plot(dot.paper_x, dot.paper, style.marker, markersize=7, markerfacecolor="none", color=style.color)
        alone = math.isnan(dot.x)
        name = f"{dot.label}, paper" if alone else "paper"
        _name_point(ax, name, dot.paper_x, dot.paper, style.color, left=not alone and dot.paper_x < dot.x)


def bars(groups: Sequence[tuple[str, Sequence[Dot]]], ylabel: str) -> Figure:
    """Grouped bars with intervals; hatched, so that they differ in print too."""
    figure, axes = _grid(1, 1, width=max(4.6, 1.9 * len(groups)), height=3.2)
    ax = axes[0]
    widest = max(len(members) for _, members in groups)
    width = 0.8 / widest
    top = max((d.high if not math.isnan(d.high) else d.value for _, m in groups for d in m), default=1.0) or 1.0
    for g, (_, members) in enumerate(groups):
        for i, dot in enumerate(members):
            style = dot.arm.look
            x = g + (i - (len(members) - 1) / 2) * width
            ax.bar(x, dot.value, width * 0.9, facecolor=style.color if dot.arm == "rast" else "white",
                   edgecolor=style.color, hatch=style.hatch, linewidth=1)  # fmt: skip
            if not math.isnan(dot.low):
                ax.plot([x, x], [dot.low, dot.high], color="#222222", linewidth=1)
            above = dot.value if math.isnan(dot.high) else max(dot.value, dot.high)
            ax.annotate(f"{dot.label}\n{dot.value:.3g}", (x, above + 0.015 * top), ha="center", fontsize=7)
    ax.set_xticks(range(len(groups)), [name for name, _ in groups])
    ax.set_ylim(0, top * 1.22)
    ax.grid(axis="x", visible=False)
    ax.set_ylabel(ylabel)
    return figure


def token_heat(tokens: Sequence[str], values: Floats, title: str, unit: str, *, columns: int = 84) -> Figure:
    """Text whose background grows darker with a value a token; the largest are written above their token."""
    lines: list[list[tuple[int, str, float]]] = [[]]
    column = 0
    for token, value in zip(tokens, values, strict=True):
        for i, part in enumerate(token.split("\n")):
            if i or column + len(part) > columns:
                lines.append([])
                column = 0
            lines[-1].append((column, part, value))
            column += len(part)
    plt = _pyplot()
    height = 0.4 + 0.3 * len(lines)
    # A character of the monospaced font is 0.602 em wide: 8.3 pt are 0.0694 inches.
    figure: Figure = plt.figure(figsize=(columns * 0.0694 / 0.96, height), layout="none")
    ax = figure.add_axes((0.02, 0.02, 0.96, 1 - 0.42 / height))
    ax.set_axis_off()
    ax.set_xlim(0, columns)
    ax.set_ylim(len(lines), 0)
    largest = max(values, default=0.0) or 1.0
    marked = sorted(values, reverse=True)[: max(3, len(values) // 12)][-1] if values else 0.0
    for y, line in enumerate(lines):
        written: list[int] = []
        for x, _, value in sorted(line, key=lambda piece: -piece[2]):
            free = all(abs(x - other) >= NUMBER_COLUMNS for other in written)
            if free and value >= marked and value > 0.05 * largest:
                ax.text(x, y + 0.2, f"{value:.3g}", fontsize=5.8, color="#D55E00", va="center")
                written.append(x)
        for x, text, value in line:
            shade = min(1.0, max(0.0, value) / largest) ** 0.5
            color = plt.get_cmap("Blues")(0.85 * shade)
            ax.add_patch(plt.Rectangle((x, y + 0.36), len(text), 0.5, facecolor=color, linewidth=0))
            ink = "white" if shade > 0.75 else "black"
            ax.text(x, y + 0.62, text, family="monospace", fontsize=8.3, va="center", color=ink, parse_math=False)
    figure.suptitle(f"{title} ({unit})", x=0.02, ha="left", fontsize=9, fontweight="bold")
    return figure


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(SETTINGS)
    return plt


def _grid(count: int, columns: int, width: float = 3.0, height: float = 2.7) -> tuple[Figure, list[Axes]]:
    across = min(count, columns)
    down = -(-count // across)
    figure, axes = _pyplot().subplots(
        down, across, figsize=(max(width * across, 4.2), height * down), squeeze=False, layout="constrained"
    )
    flat = list(axes.flat)
    for unused in flat[count:]:
        unused.set_visible(False)
    return figure, flat[:count]


def _hollow(ax: Axes, points: Sequence[tuple[float, float]], style: Look) -> None:
    for x, y in points:
        ax.plot(x, y, style.marker, markersize=6.5, markerfacecolor="none", color=style.color, markeredgewidth=1.1)


def _name_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each label right of its line's end, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    step = (high - low) * 0.085
    wanted = sorted(ends)
    places: list[float] = []
    for y, _, _ in wanted:
        places.append(max(y, places[-1] + step) if places else y)
    for i in reversed(range(len(places))):  # what was pushed out at the top moves the ones below it down
        ceiling = high - step / 4 if i == len(places) - 1 else places[i + 1] - step
        places[i] = min(places[i], ceiling)
    for place, (_, label, color) in zip(places, wanted, strict=True):
        ax.annotate(label, (1.01, place), xycoords=("axes fraction", "data"), color=color, fontsize=8, va="center")


def _name_point(ax: Axes, label: str, x: float, y: float, color: str, left: bool = False) -> None:
    side, offset = ("right", -6) if left else ("left", 6)
    ax.annotate(label, (x, y), xytext=(offset, 5), textcoords="offset points", fontsize=8, color=color, ha=side)


def _label_left(axes: Sequence[Axes], columns: int, label: str) -> None:
    for ax in axes[::columns]:
        ax.set_ylabel(label)


def _paper_key(figure: Figure, present: bool) -> None:
    if present:
        figure.supxlabel("hollow marks: the paper's values (arXiv 2506.15710)", fontsize=7.5, color="#555555")
