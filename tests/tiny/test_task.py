"""The task: arithmetic is right, ranges hold, seeds decide, banned puzzles stay out."""

import random
import re

import pytest

from rast_eval.inputs import benchmarks
from rast_eval.tiny.task import FULL, LEVELS, Puzzle, Range, Step, draw_puzzle, problems, prompt, puzzles, tell
from tools.tiny_family.corpus import Mix, corpus, solution
from tools.tiny_family.recipe import TEST_COUNT, TEST_SEED, banned_puzzles, benchmark_puzzles, dev_puzzles, documents

CAREFUL = Mix(drill=0, direct=0, slip=0, check=1, ignore=0, stop=0, skip=0)
STEP = re.compile(
    r"(\w+) (\w+) (\d) bags of (\d): \d\d to (\d\d)"
    r" check (\d)\*(\d)=(\d\d) \d+[+-]\d=\d+ (\d\d)([+-])(\d\d)=(\d\d)"
)


def test_step():
    assert Step(-1, 6, 7).change == -42
    assert Step(-1, 6, 7).check(79) == "6*7=42 9-2=7 79-42=37"
    assert Step(-1, 7, 7).check(81) == "7*7=49 11-9=2 81-49=32"
    assert Step(1, 7, 7).check(32) == "7*7=49 2+9=11 32+49=81"


def test_story_and_solution_by_hand():
    puzzle = Puzzle(37, (Step(1, 6, 7), Step(-1, 5, 5)))
    story = tell(random.Random(0), puzzle)
    assert re.fullmatch(
        r"\w+ has 37 \w+\. Mon (buys|finds|gets) 6 bags of 7\. Tue (loses|gives|sells) 5 bags of 5\. How many\?",
        story.question,
    )
    assert puzzle.answer == 54
    text = solution(random.Random(0), story, CAREFUL)
    assert [match[4:] for match in STEP.findall(text)] == [
        ("79", "6", "7", "42", "37", "+", "42", "79"),
        ("54", "5", "5", "25", "79", "-", "25", "54"),
    ]
    assert text.endswith(" So the answer is \\boxed{54}.")


@pytest.mark.parametrize("limits", [FULL, Range(top=40, factor=5)])
def test_quantities_stay_in_range(limits):
    rng = random.Random(5)
    for _ in range(300):
        puzzle = draw_puzzle(rng, 3, limits)
        value = puzzle.start
        for step in puzzle.steps:
            value += step.change
            assert 10 <= value <= limits.top
            assert abs(step.change) >= 10
            assert max(step.bags, step.size) <= limits.factor


def test_a_failed_check_corrects_the_step():
    mix = Mix(drill=0, direct=0, slip=1, check=1, ignore=0, stop=0, skip=0)
    for seed in range(50):
        rng = random.Random(seed)
        puzzle = draw_puzzle(rng, 3, FULL)
        text = solution(rng, tell(rng, puzzle), mix)
        assert text.count(" wait ") == 3
        assert text.endswith(f"\\boxed{{{puzzle.answer}}}.")


def test_an_ignored_check_carries_the_slip_on():
    mix = Mix(drill=0, direct=0, slip=1, check=1, ignore=1, stop=0, skip=0)
    rng = random.Random(1)
    puzzle = draw_puzzle(rng, 1, FULL)
    text = solution(rng, tell(rng, puzzle), mix)
    assert " ok." in text
    assert not text.endswith(f"\\boxed{{{puzzle.answer}}}.")


def test_test_and_dev_sets_are_fixed_apart_and_banned():
    test, dev = benchmark_puzzles(), dev_puzzles()
    assert len(set(test)) == len(test) == 400
    assert len(set(dev)) == len(dev) == 200
    assert not set(test) & set(dev)
    assert banned_puzzles() == set(test) | set(dev)
    assert test == benchmark_puzzles()
    assert {len(puzzle.steps) for puzzle in test} == set(LEVELS)


def test_the_corpus_holds_no_banned_question():
    banned = puzzles(1, 50, (1,), (), Range(top=40, factor=5))
    banned_set = set(banned)
    wanted = {(p.start, tuple((s.sign, s.bags, s.size) for s in p.steps)) for p in banned}
    losses = ("loses", "gives", "sells")
    seen = set()
    for text, _ in corpus(2, 2000, (1,), banned_set, CAREFUL, Range(top=40, factor=5)):
        start = int(re.search(r"has (\d+)", text)[1])
        steps = tuple(
            (-1 if verb in losses else 1, int(bags), int(size))
            for verb, bags, size in re.findall(r"(\w+) (\d) bags of (\d)", text)
        )
        seen.add((start, steps))
    assert len(seen) > 100
    assert not seen & wanted


def test_documents_follow_the_seed():
    assert list(documents(3, 60)) == list(documents(3, 60))
    assert list(documents(3, 60)) != list(documents(4, 60))


def test_prompt_is_what_the_template_renders():
    assert prompt("How many?") == "Q: How many?\nA:"


def test_the_benchmark_is_the_banned_test_set():
    benchmark = benchmarks.get("tiny-arith")
    assert benchmark.generator == {"seed": TEST_SEED, "count": TEST_COUNT}
    rows = list(problems(TEST_SEED, TEST_COUNT))
    assert [int(row["answer"]) for row in rows] == [puzzle.answer for puzzle in benchmark_puzzles()]
    assert [int(re.search(r"has (\d+)", row["question"])[1]) for row in rows] == [p.start for p in benchmark_puzzles()]
