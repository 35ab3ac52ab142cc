"""Mathematical equivalence, judged on cases and on pairs that people labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.scoring import get_scorer
from rast_eval.types import Problem, Sample

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_strict.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def scorer():
    scorer = get_scorer("strict")
    yield scorer
    scorer.close()


def sample(output, gold, number=0):
    return Sample(Problem("math500", str(number), "", gold), 0, output)


def test_cases(scorer):
    bare = scorer.grade([sample(case["output"], case["gold"], n) for n, case in enumerate(CASES)], workers=2)
    boxed = scorer.grade(
        [sample(rf"so \boxed{{{case['output']}}}.", case["gold"], n) for n, case in enumerate(CASES)], 2
    )
    wanted = [case["equal"] for case in CASES]
    assert [grade.correct for grade in bare] == wanted
    assert [grade.correct for grade in boxed] == wanted


def test_votes_and_statuses(scorer):
    outputs = [r"\boxed{\frac12}", r"\boxed{0.5}", r"\boxed{2x}", r"\boxed{x+x}", r"\boxed{7}", "", "no idea at all"]
    problem = Problem("math500", "0", "", "1/2")
    grades = scorer.grade([Sample(problem, n, text) for n, text in enumerate(outputs)], workers=2)
    assert [grade.correct for grade in grades] == [True, True] + [False] * 5
    votes = [grade.vote for grade in grades]
    assert votes[0] == votes[1] == 0
    assert votes[2] == votes[3] != votes[4]
    assert grades[5].status == "no_answer"


def test_only_markup_cuts_an_output(scorer):
    stops = ("</s>", "<|im_end|>", "user", "_end", "<", "Question:")
    outputs = [
        "the user pays $7$",
        "$7$ <|im_end|> $8$",
        "$7$ </s> $8$",
        "if x_end < 8, it is $7$",
        r"\boxed{7} Question: \boxed{8}",
    ]
    problem = Problem("math500", "0", "", "7")
    grades = scorer.grade([Sample(problem, n, text, stops) for n, text in enumerate(outputs)], workers=1)
    assert [grade.correct for grade in grades] == [True, True, True, True, False]


@pytest.mark.slow
def test_labelled_pairs(scorer, parity_dir):
    rows = [json.loads(line) for line in (parity_dir / "labelled_pairs.jsonl").read_text().splitlines()]
    grades = scorer.grade([sample(row["pred"], row["gold"], n) for n, row in enumerate(rows)], workers=2)
    accepted = [row["label"] for row, grade in zip(rows, grades, strict=True) if grade.correct]
    precision, recall = sum(accepted) / len(accepted), sum(accepted) / sum(row["label"] for row in rows)
    print(f"precision {precision:.3f}, recall {recall:.3f}")
    simplerl = [row["label"] for row in rows if row["simplerl_correct"]]
    assert precision >= 0.97 > sum(simplerl) / len(simplerl)
    assert recall >= 0.88
