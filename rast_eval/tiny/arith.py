"""tiny-arith: word problems of two to five steps that a half-million-parameter model can learn.

    Tom has 37 shells. Mon gives 27. Tue times 2. Wed buys 45. How many?   →   65

Every running value stays between 1 and 99. Everything follows from one integer seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

NAMES = ("Tom", "Ann", "Sam", "Mia", "Ben", "Eva", "Leo", "Zoe")
ITEMS = ("apples", "books", "coins", "cards", "eggs", "pens", "shells", "stamps")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
VERBS = {"+": ("buys", "finds", "gets"), "-": ("loses", "gives", "sells"), "*": ("times",)}
LEVELS = (2, 3, 4, 5)
LARGEST = 99

Step = tuple[str, int]


def draw_step(rng: random.Random, value: int) -> Step:
    """One operation that keeps the running value in 1 … 99; a product is half as likely as a sum."""
    while True:
        operator = rng.choice("++--*")
        if operator == "+" and value <= LARGEST - 2:
            return "+", rng.randint(2, min(49, LARGEST - value))
        if operator == "-" and value >= 6:
            return "-", rng.randint(2, value - 2)
        if operator == "*" and 2 * value <= LARGEST:
            return "*", rng.randint(2, min(5, LARGEST // value))


def draw_skeleton(rng: random.Random, level: int) -> tuple[int, tuple[Step, ...], int]:
    """Start value, `level` steps and the final value of a fresh problem."""
    start = value = rng.randint(3, 60)
    steps: list[Step] = []
    for _ in range(level):
        operator, operand = draw_step(rng, value)
        steps.append((operator, operand))
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[operator]
    return start, tuple(steps), value


def phrase(rng: random.Random, start: int, steps: tuple[Step, ...]) -> str:
    """The problem in words."""
    name, item = rng.choice(NAMES), rng.choice(ITEMS)
    days = (
        f"{day} {rng.choice(VERBS[operator])} {operand}."
        for day, (operator, operand) in zip(WEEKDAYS, steps, strict=False)
    )
    return " ".join([f"{name} has {start} {item}.", *days, "How many?"])


def problems(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` distinct rows `{id, question, answer, level}`, the levels in turn."""
    rng = random.Random(seed)
    seen: set[tuple[int, tuple[Step, ...]]] = set()
    while len(seen) < count:
        level = LEVELS[len(seen) % len(LEVELS)]
        start, steps, answer = draw_skeleton(rng, level)
        if (start, steps) in seen:
            continue
        row = {"id": str(len(seen)), "question": phrase(rng, start, steps), "answer": str(answer), "level": level}
        seen.add((start, steps))
        yield row
