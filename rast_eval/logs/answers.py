"""What a log says of one output, whatever its layout calls the parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rast_eval.types import FinishReason


class BadRow(ValueError):
    """A row that cannot be graded; its text says why."""


@dataclass(frozen=True)
class Answered:
    """One output; None or nothing for what the log does not say.

    Attributes:
        gold: an answer; raw: the benchmark's own field that holds one.
        problem_id: as the log names the problem; alias: a name that may be the log's own.
        place: of the problem in its benchmark, from 0.
        reading: of several extractions that the log holds of the same outputs, the name of this one.
        tokens: generated.
    """

    output: str
    gold: Any = None
    raw: Any = None
    problem_id: str | None = None
    alias: str | None = None
    place: int | None = None
    question: str = ""
    reading: str = ""
    tokens: int | None = None
    finish: FinishReason | None = None


@dataclass(frozen=True)
class Origin:
    """What a log says of how its outputs were made; nothing, or None, for what it does not say."""

    task: str = ""
    model: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class Layout(Protocol):
    """One program's way of logging: a module with these functions, and a line in `logs.layouts`."""

    def knows(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has this layout."""

    def answers(self, row: Mapping[str, Any]) -> list[Answered]:
        """The outputs of a row, its samples in order.

        Raises:
            BadRow: it holds no text to grade.
        """

    def origin(self, path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
        """How the outputs of a file were made.

        Args:
            header: of a log in one document.
            row: its first one.
        """


def texts_in(value: Any) -> list[str]:
    """Every text in nested lists, in order."""
    if isinstance(value, str):
        return [value]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list | tuple) else []


def first_of(row: Mapping[str, Any], *keys: str) -> Any:
    """The value of the first of `keys` that the row has, None without any."""
    return next((row[key] for key in keys if row.get(key) is not None), None)


def named(value: Any) -> str | None:
    """A problem's name as text: ids may be numbers."""
    return None if value is None else str(value)


def whole(value: Any) -> int | None:
    """A row number, where the log has one."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def ending(reason: Any) -> FinishReason | None:
    """Why an output ended, by the name that its program has for it."""
    if reason in ("length", "max_tokens", "model_length"):
        return "length"
    return "stop" if reason in ("stop", "stop_sequence", "end_turn", "eos") else None
