"""What the family is pre-trained on: worked solutions with slips and checks, and drills of small equations."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rast_eval.tiny.task import Puzzle, Range, Story, draw_puzzle, draw_step, prompt, tell

DIRECT_OPENERS = ("The answer is", "It is")
WORKED_OPENERS = ("Let's think step by step.", "First, we compute.")


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
