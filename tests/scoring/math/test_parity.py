"""GradeMatrix and predictions against SimpleRL's own on real outputs."""

from __future__ import annotations

import json

import pytest

from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.golds import gold_from_raw
from rast_eval.types import Problem, Sample


@pytest.mark.slow
def test_agreement_on_real_outputs(parity_dir):
    with (parity_dir / "simplerl_verdicts.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    jobs = []
    for number, row in enumerate(rows):
        name = "aime24" if row["benchmark"] == "aime25" else row["benchmark"]
        gold = gold_from_raw(name, row["gold_raw"])
        assert gold == row["simplerl_gold"]
        jobs.append(Sample(Problem(name, str(number), "", gold), 0, row["output"]))
    scorer = get_scorer("simplerl", votes=False)
    grades = scorer.grade(jobs)
    scorer.close()
    assert [grade.prediction for grade in grades] == [row["simplerl_pred"] or "" for row in rows]
    kept = [(row, grade) for row, grade in zip(rows, grades, strict=True) if not row["borderline_time"]]
    agreeing = sum(row["simplerl_correct"] == grade.correct for row, grade in kept)
    print(f"{agreeing} of {len(kept)} verdicts agree")
    assert agreeing / len(kept) >= 0.999
