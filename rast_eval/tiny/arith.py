"""tiny-arith: the benchmark of the embedded family.

    Tom has 37 coins. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?   →   54

Its four hundred puzzles are banned from every corpus and every RL batch of `rast_eval.tiny.train`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from rast_eval.tiny.recipe import FULL, LEVELS
from rast_eval.tiny.task import puzzles, tell


def problems(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` distinct rows `{id, question, answer, level}`, the levels (numbers of steps) in turn."""
    rng = random.Random(seed)
    for number, puzzle in enumerate(puzzles(seed, count, LEVELS, (), FULL)):
        yield {
            "id": str(number),
            "question": tell(rng, puzzle).question,
            "answer": str(puzzle.answer),
            "level": len(puzzle.steps),
        }
