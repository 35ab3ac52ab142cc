"""Grades and predictions against SimpleRL's own on real outputs."""

from __future__ import annotations

import json

import pytest

from rast_eval.inputs import benchmarks, golds, prompts
from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.normalize import normalize_gold
from rast_eval.types import Problem, Sample


@pytest.mark.slow
def test_agreement_on_real_outputs(parity_dir):
    with (parity_dir / "simplerl_verdicts.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    known, stops, samples = benchmarks.registry(), prompts.get("qwen-boxed").stop, []
    for number, row in enumerate(rows):
        name = {"aime25": "aime24", "minerva_math": "minerva"}.get(row["benchmark"], row["benchmark"])
        gold = golds.gold_from([row["gold_raw"]], known[name].gold)
        assert normalize_gold(gold, known[name].keep_units) == row["simplerl_gold"]
        problem = Problem(name, str(number), "", gold, keep_units=known[name].keep_units)
        samples.append(Sample(problem, 0, row["output"], stops))
    scorer = get_scorer("simplerl", votes=False)
    grades = scorer.grade(samples)
    scorer.close()
    assert [grade.prediction for grade in grades] == [row["simplerl_pred"] or "" for row in rows]
    kept = [(row, grade) for row, grade in zip(rows, grades, strict=True) if not row["borderline_time"]]
    agreeing = sum(row["simplerl_correct"] == grade.correct for row, grade in kept)
    print(f"{agreeing} of {len(kept)} grades agree")
    assert agreeing / len(kept) >= 0.999
