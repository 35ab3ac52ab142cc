"""Which problems a limit leaves: the first ones, or a seeded draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from rast_eval.types import Problem


def draw(problems: Sequence[Problem], count: int | None, seed: int | None) -> list[Problem]:
    """At most `count` of a benchmark's problems; None for all of them.

    A draw takes the problems in the order of SHA-256(seed, benchmark, id): a larger one holds every smaller one, and
    the order of the rows does not matter.

    Args:
        seed: None for the first problems, in the benchmark's own order.
    """
    if seed is None or count is None or count >= len(problems):
        return list(problems[:count])

    def place(problem: Problem) -> bytes:
        return hashlib.sha256(json.dumps([seed, "draw", problem.benchmark, problem.id]).encode()).digest()

    return sorted(problems, key=place)[:count]
