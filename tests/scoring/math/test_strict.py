"""Mathematical equivalence, judged on cases and on pairs that people labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.golds import printed_gold
from rast_eval.types import Problem, Sample

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "cases/math_strict.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def scorer():
    scorer = get_scorer("strict")
    yield scorer
    scorer.close()


def job(output, gold, number=0):
    return Sample(Problem("math500", str(number), "", "", {"gold": gold}), 0, output)


def test_cases(scorer):
    bare = scorer.grade([job(case["output"], case["gold"], n) for n, case in enumerate(CASES)], workers=2)
    boxed = scorer.grade([job(rf"so \boxed{{{case['output']}}}.", case["gold"], n) for n, case in enumerate(CASES)], 2)
    wanted = [case["equal"] for case in CASES]
    assert [grade.correct for grade in bare] == wanted
    assert [grade.correct for grade in boxed] == wanted


def test_votes_and_statuses(scorer):
    outputs = [r"\boxed{\frac12}", r"\boxed{0.5}", r"\boxed{2x}", r"\boxed{x+x}", r"\boxed{7}", "", "no idea at all"]
    problem = Problem("math500", "0", "", "", {"gold": "1/2"})
    grades = scorer.grade([Sample(problem, n, text) for n, text in enumerate(outputs)], workers=2)
    assert [grade.correct for grade in grades] == [True, True] + [False] * 5
    votes = [grade.vote for grade in grades]
    assert votes[0] == votes[1] == 0
    assert votes[2] == votes[3] != votes[4]
    assert grades[5].status == "no_answer"


@pytest.mark.parametrize(
    ("benchmark", "row", "gold"),
    [
        ("gsm8k", {"answer": "so\n#### 18"}, "18"),
        ("math500", {"solution": r"\boxed{(a+5)}", "answer": "(a+5)"}, r"\boxed{(a+5)}"),
        ("olympiadbench", {"final_answer": ["$2$"], "solution": ["long"]}, "$2$"),
        ("minerva", {"answer": "5 m/s"}, "5 m/s"),
        ("math500", {"gold": "7", "solution": "8"}, "7"),
        ("math500", {}, "normalised"),
    ],
)
def test_printed_gold(benchmark, row, gold):
    assert printed_gold(Problem(benchmark, "0", "", "normalised", row)) == gold


def test_labelled_pairs(scorer, parity_dir):
    rows = [json.loads(line) for line in (parity_dir / "labelled_pairs.jsonl").read_text().splitlines()]
    grades = scorer.grade([job(row["pred"], row["gold"], n) for n, row in enumerate(rows)], workers=2)
    accepted = [row["label"] for row, grade in zip(rows, grades, strict=True) if grade.correct]
    precision, recall = sum(accepted) / len(accepted), sum(accepted) / sum(row["label"] for row in rows)
    print(f"precision {precision:.3f}, recall {recall:.3f}")
    simplerl = [row["label"] for row in rows if row["simplerl_correct"]]
    assert precision >= 0.97 > sum(simplerl) / len(simplerl)
    assert recall >= 0.88
