"""What all figures share: fonts, grids, inks, and where labels go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rast_eval.types import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT_INK = "#1A1A1A", "#555555"
"""Of text that belongs to no arm, and of notes."""

PAPER_KEY = "hollow marks: the paper's values (arXiv 2506.15710)"
PAPER_ORDER = 6
"""Above our lines, points and bands."""

SETTINGS = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "hatch.linewidth": 0.7,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def luminance(color: str) -> float:
    """Relative luminance of `#RRGGBB`, 0 to 1 (WCAG 2)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2); text needs 4.5."""
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(background: str) -> str:
    """Black or white, whichever has more contrast; never below 4.58."""
    return max("#000000", "#FFFFFF", key=lambda ink: contrast(ink, background))


def shade(value: float, largest: float) -> str:
    """Background of a token: white at 0, darker blue up to `largest`."""
    share = min(1.0, max(0.0, value) / largest) ** 0.5 if largest > 0 else 0.0
    return "#" + "".join(f"{round(255 + share * (full - 255)):02X}" for full in (8, 72, 140))


def spread_out(wanted: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Places nearest to the wanted ones, in their order, at least `step` apart and within [low, high].

    Where they cannot all fit, they stand at equal distances from end to end.

    Args:
        wanted: ascending.
    """
    if step * (len(wanted) - 1) > high - low:
        step = (high - low) / (len(wanted) - 1)
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + step if places else low))
    ceiling = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - step
    return places


def pyplot() -> Any:
    """matplotlib without a display, with the settings of all figures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(SETTINGS)
    return plt


def grid(count: int, columns: int, width: float = 3.0, height: float = 2.7, **axes: Any) -> tuple[Figure, list[Axes]]:
    """A figure of `count` axes, `columns` in a row; inches an axes."""
    across = min(count, columns)
    down = -(-count // across)
    size = (max(width * across, 4.2), height * down)
    figure, drawn = pyplot().subplots(down, across, figsize=size, squeeze=False, layout="constrained", **axes)
    flat = list(drawn.flat)
    for unused in flat[count:]:
        unused.set_visible(False)
    return figure, flat[:count]


def label_left(axes: Sequence[Axes], columns: int, label: str) -> None:
    """Name the y-axis of the first axes of each row, in lines that are no longer than the axes are high."""
    for ax in axes[::columns]:
        ax.set_ylabel(fill(label, 26))


def footnote(figure: Figure, *lines: str) -> None:
    """Lines under a figure; empty ones are left out."""
    if text := "\n".join(filter(None, lines)):
        figure.supxlabel(text, fontsize=7.5, color=SOFT_INK)


def hollow(ax: Axes, points: Sequence[tuple[float, float]], style: Look) -> None:
    """The paper's marks: a ring with a white rim, so that it shows over a point or a band of ours."""
    from matplotlib.patheffects import Normal, Stroke

    for x, y in points:
        ax.plot(x, y, style.marker, markersize=7.5, markerfacecolor="none", color=style.ink, markeredgewidth=1.1,
                zorder=PAPER_ORDER, path_effects=[Stroke(linewidth=2.2, foreground="white"), Normal()])  # fmt: skip


def save(figure: Figure, stem: Path, mark: str = "") -> list[Path]:
    """Write `<stem>.png` (200 dpi) and `<stem>.pdf` without a date, so that equal data give equal files.

    Args:
        mark: written across and under a picture that nobody may take for a result.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")]
    options: dict[str, Any] = {}
    if mark:
        _stamp(figure, mark)
        options = {"bbox_inches": "tight", "pad_inches": 0.05}
    figure.savefig(files[0], dpi=200, metadata={"Software": None}, **options)
    figure.savefig(files[1], metadata={"CreationDate": None}, **options)
    pyplot().close(figure)
    return files


def _stamp(figure: Figure, mark: str) -> None:
    across: dict[str, Any] = {
        "fontsize": 34,
        "color": INK,
        "alpha": 0.08,
        "rotation": 20,
        "weight": "bold",
        "zorder": 0,
    }
    figure.text(0.5, 0.5, mark.partition(":")[0], ha="center", va="center", in_layout=False, **across)
    under = figure.text(0.0, -0.005, mark, fontsize=7.5, color=SOFT_INK, ha="left", va="top")
    under.set_in_layout(False)
    figure.canvas.draw()  # a constrained layout is settled without the line below it
    figure.set_layout_engine("none")
    under.set_in_layout(True)
