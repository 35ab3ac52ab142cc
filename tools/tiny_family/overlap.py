"""What of the test problems occurs in the corpus: `python -m tools.tiny_family.overlap`.

Whole puzzles are banned from it; their single steps, a start value with a gain or loss, are not: one-step puzzles
stand inside longer ones.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rast_eval.tiny.task import LOSSES, Puzzle, Step
from tools.tiny_family.recipe import RECIPES, benchmark_puzzles, documents
from tools.tiny_family.train import seed_of

Seen = tuple[int, Step]
"""A quantity and what happens to it."""

START, EVENT = re.compile(r" has (\d+) "), re.compile(r"(\w+) (\d+) bags of (\d+)")


@dataclass(frozen=True)
class Overlap:
    """Of the test problems.

    Attributes:
        problems, whole: how many there are, and how many occur as they are.
        all_steps: how many have every step in the corpus.
        single, single_seen: problems of one step, and how many of them have it there.
    """

    problems: int
    whole: int
    all_steps: int
    single: int
    single_seen: int


def steps_of(puzzle: Puzzle) -> Iterator[Seen]:
    """Each step with the quantity before it."""
    value = puzzle.start
    for step in puzzle.steps:
        yield value, step
        value += step.change


def read(prompt: str) -> Puzzle:
    """The puzzle behind a question."""
    start = START.search(prompt)
    if start is None:
        raise ValueError(f"no question: {prompt!r}")
    steps = (Step(-1 if verb in LOSSES else 1, int(bags), int(size)) for verb, bags, size in EVENT.findall(prompt))
    return Puzzle(int(start[1]), tuple(steps))


def overlap(prompts: Iterable[str], tested: Iterable[Puzzle]) -> Overlap:
    """How far a corpus holds the tested puzzles; a drill has an empty prompt and no puzzle."""
    puzzles = {read(prompt) for prompt in prompts if prompt}
    seen = {step for puzzle in puzzles for step in steps_of(puzzle)}
    wanted = list(tested)
    known = [all(step in seen for step in steps_of(puzzle)) for puzzle in wanted]
    single = [found for puzzle, found in zip(wanted, known, strict=True) if len(puzzle.steps) == 1]
    whole = sum(puzzle in puzzles for puzzle in wanted)
    return Overlap(len(wanted), whole, sum(known), len(single), sum(single))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_family.overlap", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    for size, recipe in RECIPES.items():
        prompts = (prompt for prompt, _ in documents(seed_of(seed, size, "corpus"), recipe.documents))
        print(size, overlap(prompts, benchmark_puzzles()))


if __name__ == "__main__":
    main()
