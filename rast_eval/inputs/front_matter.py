"""What a user writes in YAML, read with names for every mistake: benchmarks and the head of a prompt template."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError


class Facts:
    """The keys of one YAML mapping, each taken with the type it must have.

    Args:
        file: where it stands, for messages.
        place: key of `file` under which the mapping lies; empty for the whole.

    Raises:
        DataError: it is no mapping, or has a key that is not among `known`.
    """

    def __init__(self, value: Any, known: Collection[str], file: Path, place: str = "") -> None:
        self._file, self._place = file, place
        if not isinstance(value, Mapping):
            raise self._error(f"{f'`{place}`' if place else 'what it holds'} is no mapping of keys to values")
        for key in value:
            if key not in known:
                where = f" under `{place}`" if place else ""
                raise self._error(f"nobody knows the key {key!r}{where}", nearest(key, known))
        self._values = value

    def text(self, key: str, default: str | None = None) -> str:
        """A text that must be there, or `default`."""
        value = self._take(key, default, str)
        if value is None:
            raise self._error(f"it lacks `{self._path(key)}`")
        return str(value)

    def optional(self, key: str) -> str | None:
        """A text or None."""
        value: str | None = self._take(key, None, str)
        return value

    def number(self, key: str, default: float | None = None, whole: bool = False) -> Any:
        """A number that must be there, or `default`; a whole one above 0 for `whole`."""
        value = self._take(key, default, int if whole else int | float)
        if value is None:
            raise self._error(f"it lacks `{self._path(key)}`")
        if whole and value < 1:
            raise self._error(f"`{self._path(key)}` is {value}, and at least 1 is needed")
        return value

    def flag(self, key: str) -> bool:
        """`true` or `false`, the default."""
        return bool(self._take(key, False, bool))

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts, by default empty; one alone is a list of one."""
        value = self._take(key, [], list | str)
        found = (value,) if isinstance(value, str) else tuple(value)
        if not all(isinstance(item, str) for item in found):
            raise self._error(f"`{self._path(key)}` holds something other than texts")
        return found

    def part(self, key: str, known: Collection[str]) -> Facts:
        """The mapping under `key`; an empty one where it is not there."""
        return Facts(self._values.get(key, {}), known, self._file, self._path(key))

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def _path(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def _take(self, key: str, default: Any, kind: Any) -> Any:
        value = self._values.get(key, default)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise self._error(f"`{self._path(key)}` is {value!r}, which is no {_NAMES[kind]}")
        return value

    def _error(self, what: str, hint: str = "") -> DataError:
        return DataError(f"{self._file}: {what}.", hint or "docs/your-own.md lists the keys with their values.")


_NAMES = {str: "text", int: "whole number", int | float: "number", bool: "true or false", list | str: "list of texts"}


def nearest(key: Any, known: Collection[str]) -> str:
    """A hint that names what may have been meant, then every known key."""
    typed = str(key).lower()
    begun = [name for name in known if typed.startswith(name) or name.startswith(typed)]
    close = begun or difflib.get_close_matches(typed, known, n=1, cutoff=0.3)
    return f"{f'Did you mean {close[0]}? ' if close else ''}Known keys: {', '.join(sorted(known))}."
