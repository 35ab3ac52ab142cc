from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rast_eval.errors import DataError, UnknownName
from rast_eval.scoring import get_scorer
from rast_eval.scoring.code import evalplus
from rast_eval.scoring.code.evalplus import EvalPlus, Part
from rast_eval.types import Problem, Sample

CASES = [
    json.loads(line) for line in (Path(__file__).parents[2] / "cases" / "code_evalplus.jsonl").read_text().splitlines()
]
SLOW = {
    "humaneval_plus": (15, 25, 36, 59, 83, 94, 130, 139),
    "mbpp_plus": (84, 123, 162, 255, 271, 300, 389, 392, 583, 589, 592, 599, 603, 630),
}
"""Problems whose references alone take seconds; `python -m tools.bench.code_scoring` judges all."""


def made(
    canonical="def f(x):\n    return x",
    base=((1,),),
    plus=((2,),),
    entry="f",
    benchmark="humaneval_plus",
    atol=0,
    name="Made/1",
):
    row = {"task_id": name, "prompt": "", "entry_point": entry, "canonical_solution": canonical, "atol": atol}
    row |= {"base_input": [list(call) for call in base], "plus_input": [list(call) for call in plus]}
    return Problem(benchmark, name, "", "", row)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_counts_as_right(sandbox, case):
    problem = made(case["canonical"], case["inputs"], (), case["entry"], case["benchmark"], case["atol"])
    part = Part(problem, "base")
    truth = part.reference.load() or part.reference.compute(sandbox)
    assert truth.reason == ""
    result = part.judge(sandbox, case["program"], truth, "master")
    assert result.status == case["status"], result


@pytest.mark.slow
@pytest.mark.parametrize(("benchmark", "file"), [("humaneval_plus", "HumanEvalPlus"), ("mbpp_plus", "MbppPlus")])
def test_reference_solutions_pass_cold_and_warm(bwrap, data_dir, benchmark, file):
    with gzip.open(data_dir / "code" / f"{file}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if int(row["task_id"].split("/")[1]) not in SLOW[benchmark]]
    samples = [
        Sample(Problem(benchmark, row["task_id"], "", "", row), 0, row["prompt"] + row["canonical_solution"])
        for row in rows
    ]
    for chosen in (samples, samples[::4]):  # cold, then warm
        grades = get_scorer("evalplus").grade(chosen)
        assert [grade.problem_id for grade in grades if not grade.correct] == []
        assert all(grade.details["base"] == grade.details["plus"] == "pass" for grade in grades)


def outputs(problem):
    right, wrong = "def f(x):\n    return x", "def f(x):\n    return x if x == 1 else 0"
    slow = "import time\ndef f(x):\n    time.sleep(0.3)\n    return x"
    fenced = f"Here it is:\n```python\n{right}\n```\nIt returns its argument."
    dead = "def f(x):\n    while True:\n        pass"
    texts = (right, wrong, slow, fenced, dead, "", "I cannot.", "def f(x):\n    return 1 / 0")
    return [Sample(problem, sample, text) for sample, text in enumerate(texts)]


@pytest.mark.slow
def test_grades_are_the_same_for_any_number_of_workers(bwrap):
    problems = [made(name=f"Made/{i}", plus=((2,), (i,))) for i in range(1, 3)]
    samples = [sample for problem in problems for sample in outputs(problem)]
    scorer = EvalPlus(rules="0.3.1")

    def shown(workers):
        keep = ("base", "plus", "rules", "note", "base_passed", "plus_passed")
        return [
            (g.problem_id, g.sample, g.correct, g.status, {k: v for k, v in g.details.items() if k in keep})
            for g in scorer.grade(samples, workers)
        ]

    one = shown(1)
    assert one == shown(8)
    assert [row[2] for row in one[:8]] == [True, False, True, True, False, False, False, False]
    assert [row[3] for row in one[:8]] == ["ok", "ok", "ok", "ok", "timeout", "no_answer", "error", "error"]
    assert one[1][4] == {"rules": "0.3.1", "base": "pass", "base_passed": "1/1", "plus": "fail", "plus_passed": "0/2"}


def test_a_loaded_machine_times_out_nobody(bwrap, monkeypatch):
    """Half a second of work under a limit of one, on one CPU that four endless loops share: waiting does not count."""
    cpu = {min(os.sched_getaffinity(0))}
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    before = os.sched_getaffinity(0)
    try:
        for pid in (0, *(loop.pid for loop in loops)):
            os.sched_setaffinity(pid, cpu)
        lines = ["import time", "def f(x):", "    end = time.process_time() + 0.5"]
        work = "\n".join([*lines, "    while time.process_time() < end:", "        pass", "    return x"])
        grade = EvalPlus(rules="0.3.1").grade([Sample(made(), 0, work)], workers=1)[0]
    finally:
        os.sched_setaffinity(0, before)
        for loop in loops:
            loop.kill()
            loop.wait()
    assert grade.correct, grade


def test_a_problem_that_cannot_be_judged_is_named(bwrap, capsys):
    broken = made("def f(x):\n    raise KeyError", name="Made/9")
    good = made()
    grades = EvalPlus().grade([Sample(p, 0, "def f(x):\n    return x") for p in (broken, good)])
    assert [grade.status for grade in grades] == ["error", "ok"]
    assert grades[0].details["unjudgeable"] == "the reference solution fails with KeyError on input 0"
    assert "cannot be judged and count as wrong: Made/9" in capsys.readouterr().err


def test_base_model_outputs_continue_the_task(bwrap):
    problem = made()
    row = dict(problem.metadata) | {"prompt": "def f(x):\n", "canonical_solution": "    return x"}
    sample = Sample(Problem("humaneval_plus", "Made/1", "", "", row), 0, "\treturn x\n\n# done", continues=True)
    (grade,) = EvalPlus().grade([sample])
    assert (grade.prediction, grade.correct) == ("def f(x):\n    return x", True)


def test_a_text_made_to_be_hard_to_search_ends_in_its_worker(bwrap, monkeypatch):
    monkeypatch.setattr(evalplus.sanitize, "CPU_SECONDS", 0.5)
    monkeypatch.setattr(evalplus.sanitize, "sanitize", None)  # so nothing is searched in this process
    texts = ["@a\n" * 166_667, "def f(x):\n    return x", "", "\ud800\0"]
    hard, right, empty, odd = EvalPlus().grade([Sample(made(), n, text) for n, text in enumerate(texts)], workers=1)
    assert (hard.status, hard.correct, hard.prediction) == ("timeout", False, "")
    assert right.correct
    assert empty.status == "no_answer"
    assert not odd.correct


def test_limits_follow_the_rules():
    truth = type("T", (), {"seconds": (0.1, 0.5, 2.0), "sizes": (1, 1, 1)})
    part = Part(made(), "base")
    assert part.limits(truth, "0.3.1").special == {"1": 2.0, "2": 8.0}
    assert part.limits(truth, "0.3.1").total == 13.0
    assert part.limits(truth, "master").special == {"2": 8.0}
    assert part.limits(truth, "master").call == 4.0
    slow = type("T", (), {"seconds": (40.0,), "sizes": (1,)})
    assert part.limits(slow, "master").total == 82.0
    many = type("T", (), {"seconds": (0.0,) * 100, "sizes": (1,) * 100})
    assert part.limits(many, "master").total == evalplus.LIST_SECONDS + 2


def test_bad_settings_and_rows_are_refused(bwrap):
    with pytest.raises(UnknownName, match=r"0\.4"):
        get_scorer("evalplus", rules="0.4")
    problem = Problem("humaneval_plus", "HumanEval/0", "", "", {"prompt": "", "test": ""})
    with pytest.raises(DataError, match=r"HumanEval/0 of humaneval_plus lacks"):
        EvalPlus().grade([Sample(problem, 0, "x = 1")])
