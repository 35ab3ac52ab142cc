"""Scorers register in one place."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from rast_eval.cli import dispatch
from rast_eval.config import CodeScoring
from rast_eval.errors import DataError, UnknownName, UsageError
from rast_eval.inputs import benchmarks
from rast_eval.scoring import registry

OWN = """
from rast_eval.types import Grade

class Parrot:
    name, version, judges, options, has_votes = "parrot", "7", "answers", ("rules",), False

    def __init__(self, rules):
        self.rules = rules

    def grade(self, samples, workers=None):
        return [Grade(s.problem.id, s.index, self.rules, s.output == s.problem.gold, "ok") for s in samples]
"""


def test_a_scorer_is_one_file_and_one_line(tmp_path, monkeypatch, capfd):
    (tmp_path / "parrot_scorer.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry.SCORERS, "parrot", "parrot_scorer:Parrot")
    assert registry.alternatives("strict") == ["simplerl", "strict", "parrot"]
    assert registry.for_benchmarks([benchmarks.get("gsm8k")], "parrot") == {"gsm8k": "parrot"}
    (tmp_path / "outputs.jsonl").write_text('{"output": "4", "gold": "4"}\n')
    words = [str(tmp_path / "outputs.jsonl"), "-b", "gsm8k", "--scorer", "parrot", "--evalplus-rules", "0.3.1"]
    assert dispatch(["grade", *words]) == 0
    graded = json.loads(capfd.readouterr().out)
    assert graded == {"output": "4", "gold": "4", "prediction": "0.3.1", "correct": True, "status": "ok"}


@pytest.mark.parametrize("name", registry.SCORERS)
def test_every_scorer_states_its_facts(name):
    kind = registry.scorer_type(name)
    assert (kind.name, isinstance(kind.version, str)) == (name, True)
    assert set(kind.options) <= {field.name for field in fields(CodeScoring)}
    assert kind.has_votes == (kind.judges in (registry.ANSWERS, registry.LETTERS))


def test_every_benchmark_has_a_scorer_that_reads_it():
    known = benchmarks.registry()
    assert registry.for_benchmarks(known.values()) == {name: known[name].scorer for name in known}


def test_a_scorer_asked_for_replaces_those_that_judge_the_same():
    pair = [benchmarks.get("gsm8k"), benchmarks.get("humaneval_plus")]
    assert registry.for_benchmarks(pair, "strict") == {"gsm8k": "strict", "humaneval_plus": "evalplus"}
    with pytest.raises(UsageError, match=r"livecodebench cannot judge gsm8k.*\n.*simplerl, strict"):
        registry.for_benchmarks(pair, "livecodebench")
    with pytest.raises(UnknownName, match="simplerl"):
        registry.for_benchmarks(pair, "simplrl")


def test_a_benchmark_whose_scorer_cannot_read_it_is_refused():
    for kind, scorer in (("math", "evalplus"), ("code", "simplerl")):
        wrong = replace(benchmarks.get("gsm8k"), kind=kind, scorer=scorer)
        with pytest.raises(DataError, match=f"{scorer} cannot judge gsm8k, whose kind is {kind}"):
            registry.for_benchmarks([wrong])
