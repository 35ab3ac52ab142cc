"""Word problems in which a step done in the head often goes wrong and a written check puts it right.

    Q: Tom has 37 shells. Mon buys 6 bags of 7. Tue loses 5 bags of 5. How many?
    A: Let's think step by step. Mon buys 6 bags of 7: 37 to 69 check 6*7=42 7+2=9 37+42=79 wait 79. …

What follows `37 to` asks for a product and a sum in one forward pass, which models of this size cannot learn to do
reliably; the check writes it out in operations that they can. Everything follows from integer seeds.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

NAMES = ("Tom", "Sam", "Ben", "Eva")
ITEMS = ("books", "coins", "pens", "shells")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
GAINS = ("buys", "finds", "gets")
LOSSES = ("loses", "gives", "sells")
DIRECT_OPENERS = ("The answer is", "It is")
WORKED_OPENERS = ("Let's think step by step.", "First, we compute.")


@dataclass(frozen=True)
class Range:
    """How large the numbers are.

    Attributes:
        top: largest quantity; the smallest is 10, so that every number that is carried on has two digits.
        factor: largest number of bags and largest content of one.
    """

    top: int = 99
    factor: int = 9


@dataclass(frozen=True)
class Mix:
    """Probabilities of the corpus; a model trained on it writes with these habits.

    Attributes:
        drill: a document is a row of equations without a problem.
        direct: a problem is answered at once.
        slip: the result of a step is off by a little or by tens.
        check: a step is followed by a check.
        ignore: a check that fails is passed over.
        stop: the solution ends before a step.
        skip: a step is left out.
    """

    drill: float = 0.05
    direct: float = 0.20
    slip: float = 0.30
    check: float = 0.40
    ignore: float = 0.20
    stop: float = 0.03
    skip: float = 0.02


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


def solution(rng: random.Random, story: Story, mix: Mix) -> str:
    """One writer's answer, with the habits and slips of `mix`; a slip that goes unnoticed is carried on."""
    if rng.random() < mix.direct:
        return f" {rng.choice(DIRECT_OPENERS)} \\boxed{{{story.puzzle.answer}}}."
    text, value = f" {rng.choice(WORKED_OPENERS)}", story.puzzle.start
    for index, (step, event) in enumerate(zip(story.puzzle.steps, story.events, strict=True)):
        if index and rng.random() < mix.stop:
            break
        if rng.random() < mix.skip:
            continue
        true = value + step.change
        if not 10 <= true <= 99:
            break  # an earlier slip has made this step impossible
        shown = _slip(rng, true) if rng.random() < mix.slip else true
        text += f" {event}: {value} to {shown}"
        if rng.random() < mix.check:
            text += f" check {step.check(value)}"
            if shown == true or rng.random() < mix.ignore:
                text += " ok"
            else:
                text += f" wait {true}"
                shown = true
        text += "."
        value = shown
    return text + f" So the answer is \\boxed{{{value}}}."


def _slip(rng: random.Random, true: int) -> int:
    near = {true + off for off in (-20, -10, -9, -2, -1, 1, 2, 9, 10, 20)}
    return rng.choice(sorted(value for value in near if 10 <= value <= 99))


def drill(rng: random.Random, limits: Range) -> str:
    """Eight small equations: the operations that a check consists of."""
    rows = []
    for _ in range(8):
        value = rng.randint(10, limits.top)
        step = draw_step(rng, value, limits)
        rows.append(rng.choice(step.check(value).split(" ")))
    return " " + " ".join(f"{row}." for row in rows)


def puzzles(seed: int, count: int, levels: tuple[int, ...], banned: Collection[Puzzle], limits: Range) -> list[Puzzle]:
    """`count` different puzzles, none of them banned, the levels (numbers of steps) in turn."""
    rng, found = random.Random(seed), dict[Puzzle, None]()
    while len(found) < count:
        puzzle = draw_puzzle(rng, levels[len(found) % len(levels)], limits)
        if puzzle not in banned:
            found.setdefault(puzzle)
    return list(found)


def corpus(
    seed: int, count: int, levels: tuple[int, ...], banned: Collection[Puzzle], mix: Mix, limits: Range
) -> Iterator[tuple[str, str]]:
    """`count` documents as (prompt, completion); a drill has an empty prompt."""
    rng = random.Random(seed)
    while count:
        if rng.random() < mix.drill:
            yield "", drill(rng, limits)
        else:
            puzzle = draw_puzzle(rng, rng.choice(levels), limits)
            if puzzle in banned:
                continue
            story = tell(rng, puzzle)
            yield prompt(story.question), solution(rng, story, mix)
        count -= 1
