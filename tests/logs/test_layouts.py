"""Rows of every program: whose they are, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.logs.answers import BadRow
from rast_eval.logs.layouts import FORMATS, layout_of, name_of
from rast_eval.logs.plain import Keys
from rast_eval.logs.rows import gold_of

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "cases" / "logs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['layout']}-{CASES.index(case)}")
def test_a_row_says_what_it_holds(case):
    row = case["row"]
    assert name_of(row) == case["layout"]
    if "error" in case:
        with pytest.raises(BadRow, match=case["error"]):
            layout_of(row).answers(row)
        return
    found = layout_of(row).answers(row)
    assert [one.output for one in found] == case["outputs"]
    assert {gold_of(one) for one in found} == {case["gold"]}
    for key in ("problem_id", "alias", "place", "tokens", "finish"):
        assert getattr(found[0], key) == case.get(key), key
    assert found[0].question == case.get("question", "")
    assert found[0].reading == case.get("reading", "")


def test_every_layout_has_its_cases():
    assert {case["layout"] for case in CASES} == {name for name, form in FORMATS.items() if form.reads}


def test_keys_of_ones_own_reach_into_parts():
    row = {"text": {"full": "7"}, "meta": {"key": "a"}, "dotted.gold": 7, "output": "no"}
    found = Keys("text.full", "dotted.gold", "meta.key").answers(row)[0]
    assert (found.output, gold_of(found), found.problem_id) == ("7", "7", "a")
    with pytest.raises(BadRow, match=r"no text under `text\.none`"):
        Keys("text.none").answers(row)


def test_what_files_say_of_their_making(tmp_path):
    folder = tmp_path / "MATH" / "Qwen-Qwen2.5-32B_temp_0.7"
    released = FORMATS["released"].reads.origin(folder / "prediction-0.jsonl", {}, {})
    assert (released.task, released.model, released.temperature) == ("MATH", "Qwen-Qwen2.5-32B", 0.7)
    named = tmp_path / "gsm8k" / "test_qwen-boxed_-1_seed0_t1.0_s0_e-1.jsonl"
    assert FORMATS["released"].reads.origin(named, {}, {}).temperature == 1.0
    row = {"arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": {"do_sample": False, "max_gen_toks": 64}}}}
    samples = tmp_path / "org__model" / "samples_gsm8k_2026-01-01T00-00-00.000000.jsonl"
    logged = FORMATS["lm-eval"].reads.origin(samples, {}, row)
    assert (logged.task, logged.model, logged.temperature, logged.max_tokens) == ("gsm8k", "org/model", 0.0, 64)
    header = {"eval": {"task": "mine/sums", "model": "openai/x", "model_generate_config": {"temperature": 0.5}}}
    made = FORMATS["inspect"].reads.origin(tmp_path, header, {})
    assert (made.task, made.model, made.temperature) == ("sums", "openai/x", 0.5)
    details = tmp_path / "details" / "org" / "model" / "2026" / "details_x.parquet"
    lighteval = FORMATS["lighteval"].reads.origin(details, {}, {"doc": {"task_name": "lighteval|gsm8k|0"}})
    assert (lighteval.task, lighteval.model) == ("gsm8k", "org/model")
