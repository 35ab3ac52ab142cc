"""Word problems in which a step done in the head often goes wrong and a written check puts it right.

    Q: Tom has 37 shells. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?
    A: Let's think step by step. Mon buys 6 bags of 7: 37 to 69 check 6*7=42 7+2=9 37+42=79 wait 79. …

tiny-arith, the benchmark of the embedded family, is four hundred of them, banned from every corpus and RL batch. What
follows `37 to` asks for a product and a sum in one forward pass, which models of this size cannot learn to do reliably;
the check writes it out in operations that they can. Everything follows from integer seeds.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

NAMES = ("Tom", "Sam", "Ben", "Eva")
ITEMS = ("books", "coins", "pens", "shells")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
GAINS = ("buys", "finds", "gets")
LOSSES = ("loses", "gives", "sells")


@dataclass(frozen=True)
class Range:
    """How large the numbers are.

    Attributes:
        top: largest quantity; the smallest is 10, so that every number that is carried on has two digits.
        factor: largest number of bags and largest content of one.
    """

    top: int = 99
    factor: int = 9


LEVELS = (1, 2, 3)
"""Numbers of steps."""

FULL = Range()


@dataclass(frozen=True)
class Step:
    """A gain (`sign` +1) or a loss (−1) of `bags` × `size` items."""

    sign: int
    bags: int
    size: int

    @property
    def change(self) -> int:
        """What the step adds to the quantity."""
        return self.sign * self.bags * self.size

    def check(self, value: int) -> str:
        """The step in operations that are easy alone, e.g. `6*7=42 7+2=9 37+42=79`: product, ones, sum."""
        amount, sign, result = abs(self.change), "+" if self.sign > 0 else "-", value + self.change
        borrow = 10 if self.sign < 0 and value % 10 < amount % 10 else 0
        ones = borrow + value % 10 + self.sign * (amount % 10)
        return (
            f"{self.bags}*{self.size}={amount} "
            f"{borrow + value % 10}{sign}{amount % 10}={ones} {value}{sign}{amount}={result}"
        )


@dataclass(frozen=True)
class Puzzle:
    """A start value, the steps and what they come to."""

    start: int
    steps: tuple[Step, ...]

    @property
    def answer(self) -> int:
        """The quantity after the last step."""
        return self.start + sum(step.change for step in self.steps)


def draw_step(rng: random.Random, value: int, limits: Range) -> Step:
    """A step of ten items or more that keeps the quantity within 10 … `limits.top`."""
    while True:
        step = Step(rng.choice((1, -1)), rng.randint(2, limits.factor), rng.randint(2, limits.factor))
        if abs(step.change) >= 10 and 10 <= value + step.change <= limits.top:
            return step


def draw_puzzle(rng: random.Random, steps: int, limits: Range) -> Puzzle:
    """A puzzle of `steps` steps."""
    value = start = rng.randint(10, limits.top)
    drawn = []
    for _ in range(steps):
        drawn.append(draw_step(rng, value, limits))
        value += drawn[-1].change
    return Puzzle(start, tuple(drawn))


@dataclass(frozen=True)
class Story:
    """A puzzle in words: the wording is drawn, the numbers are the puzzle's."""

    puzzle: Puzzle
    opening: str
    events: tuple[str, ...]

    @property
    def question(self) -> str:
        """What is asked, e.g. `Tom has 37 coins. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?`."""
        return f"{self.opening}. {' '.join(f'{event}.' for event in self.events)} How many?"


def tell(rng: random.Random, puzzle: Puzzle) -> Story:
    """Put a puzzle into words."""
    opening = f"{rng.choice(NAMES)} has {puzzle.start} {rng.choice(ITEMS)}"
    events = []
    for day, step in zip(DAYS, puzzle.steps, strict=False):
        verb = rng.choice(GAINS if step.sign > 0 else LOSSES)
        events.append(f"{day} {verb} {step.bags} bags of {step.size}")
    return Story(puzzle, opening, tuple(events))


def prompt(question: str) -> str:
    """A question as the models see it, which is also what the chat template renders."""
    return f"Q: {question}\nA:"


def puzzles(seed: int, count: int, levels: tuple[int, ...], banned: Collection[Puzzle], limits: Range) -> list[Puzzle]:
    """`count` different puzzles, none of them banned, the levels (numbers of steps) in turn."""
    rng, found = random.Random(seed), dict[Puzzle, None]()
    while len(found) < count:
        puzzle = draw_puzzle(rng, levels[len(found) % len(levels)], limits)
        if puzzle not in banned:
            found.setdefault(puzzle)
    return list(found)


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
