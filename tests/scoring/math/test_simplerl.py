"""Whole gradings: what is right, statuses and classes of votes."""

from __future__ import annotations

import pytest

from rast_eval.scoring import get_scorer
from rast_eval.types import Problem, Sample


def samples(gold, outputs, benchmark="math500", problem_id="0"):
    problem = Problem(benchmark, problem_id, "?", gold)
    return [Sample(problem, sample, output) for sample, output in enumerate(outputs)]


@pytest.fixture(scope="module")
def scorer():
    scorer = get_scorer("simplerl")
    yield scorer
    scorer.close()


def test_correct_statuses_and_votes(scorer):
    outputs = [r"\boxed{7}", "so 7.0", r"\boxed{8}", "it is 9", "no idea", "", r"\boxed{8.0}"]
    grades = scorer.grade(samples("7", outputs, "tiny-arith"), workers=1)
    assert [grade.correct for grade in grades] == [True, True, False, False, False, False, False]
    assert [grade.status for grade in grades] == ["ok"] * 4 + ["no_answer"] * 2 + ["ok"]
    assert [grade.prediction for grade in grades] == ["7", "7", "8", "9", "", "", "8"]
    votes = [grade.vote for grade in grades]
    assert votes[:2] == [0, 0]
    assert votes[2] == votes[6] != votes[3]
    assert votes[4:6] == [None, None]


def test_votes_are_grouped_by_algebra(scorer):
    grades = scorer.grade(samples("x", [r"\boxed{b+q}", r"\boxed{q+b}", r"\boxed{q-b}"]), workers=1)
    assert not any(grade.correct for grade in grades)
    assert grades[0].vote == grades[1].vote != grades[2].vote


@pytest.mark.slow
def test_order_and_workers_change_nothing(scorer):
    batch = [
        sample
        for number, gold in enumerate((r"\frac{1}{2}", "(q,7)", "v=3", "", "b^2"))
        for sample in samples(
            gold, ["0.5", r"\boxed{(q, 7)}", r"\boxed{3=v}", "east", r"\boxed{b\cdot b}"], problem_id=str(number)
        )
    ]
    correct = [grade.correct for grade in scorer.grade(batch, workers=1)]
    assert correct == [grade.correct for grade in scorer.grade(batch, workers=3)]
    assert correct[::-1] == [grade.correct for grade in scorer.grade(batch[::-1], workers=2)]
    assert True in correct
    assert False in correct
