"""Text whose tokens carry a value: darker where it is larger, each token apart from its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rast_eval.report.style import SOFT_INK, ink_on, pyplot, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAD = 0.26
"""Inches for the titles."""
EM = 0.0694
"""Inches a character of the monospaced font is wide: 0.602 em of 8.3 pt."""
PLAIN, LABELLED = 0.27, 0.36
"""Inches a line takes, without and with labels above it."""


@dataclass(frozen=True)
class TokenText:
    """One text of a figure.

    Attributes:
        values: one a token, 0 for no shade; empty for plain text.
        labels: written above the tokens that have one: a number, or what another model says there.
    """

    title: str
    tokens: Sequence[str]
    values: Sequence[float] = ()
    labels: Sequence[str] = ()


class _Piece(NamedTuple):
    column: int
    text: str
    value: float
    label: str


def token_figure(texts: Sequence[TokenText], *, columns: int = 84) -> Figure:
    """Texts side by side, `columns` characters wide each."""
    laid = [_layout(text, columns) for text in texts]
    lines = max(len(rows) for rows in laid)
    step = LABELLED if any(label for text in texts for label in text.labels) else PLAIN
    height = HEAD + step * lines
    width = columns * EM
    gap = 0.3
    total = len(texts) * (width + gap)
    figure: Figure = pyplot().figure(figsize=(total, height), layout="none")
    for i, (text, rows) in enumerate(zip(texts, laid, strict=True)):
        left = (i * (width + gap) + gap / 2) / total
        ax = figure.add_axes((left, 0.01, width / total, 1 - HEAD / height))
        ax.set_axis_off()
        ax.set_xlim(0, columns)
        ax.set_ylim(lines, 0)
        ax.set_title(text.title, loc="left", fontsize=9, pad=4)
        largest = max(text.values, default=0.0)
        for y, row in enumerate(rows):
            for piece in row:
                _draw(ax, y + 1 - 0.15 / step, piece, largest, step)
    return figure


def largest_labels(values: Sequence[float], share: float = 1 / 12) -> list[str]:
    """The numbers worth writing: of the largest twelfth of all tokens, those above a twentieth of the largest."""
    top = sorted(values, reverse=True)
    if not top:
        return []
    floor = max(top[min(len(top) - 1, max(2, int(len(top) * share) - 1))], 0.05 * top[0])
    return [f"{value:.3g}" if value >= floor and value > 0 else "" for value in values]


def _layout(text: TokenText, columns: int) -> list[list[_Piece]]:
    """Lines of pieces; a token moves right where its label would reach over the one before."""
    lines: list[list[_Piece]] = [[]]
    column = free = 0
    for i, token in enumerate(text.tokens):
        label = text.labels[i] if text.labels else ""
        value = text.values[i] if text.values else 0.0
        for j, part in enumerate(token.split("\n")):
            shown = part[: columns - 1] if len(part) >= columns else part
            above = label if j == 0 else ""
            column = max(column, free) if above else column
            if j or column + max(len(shown), _wide(above)) > columns:
                lines.append([])
                column = free = 0
            lines[-1].append(_Piece(column, shown, value, above))
            column += len(shown)
            free = lines[-1][-1].column + _wide(above) + 1 if above else free
    return lines


def _wide(label: str) -> int:
    """Columns of text that a label's smaller letters take."""
    return math.ceil(0.72 * len(label))


def _draw(ax: Axes, middle: float, piece: _Piece, largest: float, step: float) -> None:
    """One token around `middle`, in lines; a line is `step` inches high."""
    background = shade(piece.value, largest)
    if piece.value > 0 and piece.text:
        low, high = 0.1, len(piece.text) + 0.02
        box = pyplot().Rectangle(
            (piece.column + low, middle - 0.1 / step), high - low, 0.2 / step, facecolor=background, linewidth=0
        )
        ax.add_patch(box)
    ink = ink_on(background if piece.value > 0 else "#FFFFFF")
    where: dict[str, Any] = {"family": "monospace", "va": "center", "parse_math": False}
    ax.text(piece.column, middle, piece.text, fontsize=8.3, color=ink, **where)
    if piece.label:
        ax.text(piece.column, middle - 0.185 / step, piece.label, fontsize=5.9, color=SOFT_INK, **where)
