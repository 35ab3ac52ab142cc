"""The arms of a run, and how each stands in tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rast_eval.errors import UnknownName


class Look(NamedTuple):
    """How an arm stands in tables and figures: Okabe and Ito's colours, told apart without them too.

    Attributes:
        ink: the colour darkened until text in it has a contrast of 4.5:1 on white.
    """

    title: str
    color: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]
    hatch: str
    ink: str


class Arm(str):
    """Which of a run's systems generates, and how: `rast`, `base@sampled`.

    A string, so that it names folders, JSON fields and keys as it is.

    Raises:
        UnknownName: neither a role nor `role@variant`.
    """

    LOOKS: Mapping[str, Look] = {
        "base": Look("base", "#E69F00", "^", ":", "///", "#8A5F00"),
        "expert": Look("small expert", "#009E73", "D", "-.", "xxx", "#007353"),
        "merge": Look("merged weights", "#CC79A7", "v", (0, (6, 2, 1, 2, 1, 2)), "\\\\\\", "#9E4F7A"),
        "rast": Look("RAST", "#0072B2", "o", "-", "", "#0072B2"),
        "rl": Look("RL ceiling", "#D55E00", "s", "--", "...", "#B04E00"),
    }
    """By role, in the order of tables."""

    VARIANTS = ("sampled", "greedy")
    """Decoding in place of the benchmark's own."""

    __slots__ = ()

    def __new__(cls, name: str) -> Arm:
        """Check the name."""
        role, at, variant = name.partition("@")
        if role not in cls.LOOKS or (at and variant not in cls.VARIANTS):
            every = [*cls.LOOKS, *(f"{known}@{kind}" for known in cls.LOOKS for kind in cls.VARIANTS)]
            raise UnknownName("arm", name, every)
        return super().__new__(cls, name)

    @property
    def role(self) -> str:
        """`base`, `expert`, `merge`, `rast` or `rl`."""
        return self.partition("@")[0]

    @property
    def variant(self) -> str:
        """`sampled`, `greedy` or nothing."""
        return self.partition("@")[2]

    @property
    def look(self) -> Look:
        """Title, colour, marker, line and hatch of its role."""
        return self.LOOKS[self.role]

    @property
    def label(self) -> str:
        """As a table names it: `RAST`, `base, sampled`."""
        return ", ".join(filter(None, (self.look.title, self.variant)))

    @property
    def order(self) -> tuple[int, str]:
        """Its place among the arms of a table."""
        return list(self.LOOKS).index(self.role), self.variant

    @property
    def closes_gap(self) -> bool:
        """Whether a recovery rate between base and ceiling is asked of it."""
        return self.role in ("rast", "merge", "expert")
