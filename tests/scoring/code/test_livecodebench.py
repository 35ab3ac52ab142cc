from __future__ import annotations

import json
from pathlib import Path

import pytest

from rast_eval.errors import UnknownName
from rast_eval.scoring import get_scorer
from rast_eval.scoring.code.lcb_tests import Cases, read_tests
from rast_eval.scoring.code.livecodebench import judge
from rast_eval.types import Problem, Sample

CASES = Path(__file__).parents[2] / "cases"
CRITERIA = ("official", "process")


def _cases(name):
    rows = [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text().splitlines()]
    return [
        pytest.param(row, criterion, row[criterion], id=f"{row['name']}, {criterion}")
        for row in rows
        for criterion in CRITERIA
        if row[criterion] is not None
    ]


@pytest.mark.parametrize(("row", "criterion", "wanted"), _cases("code_lcb_stdin"))
def test_stdin_program(sandbox, row, criterion, wanted):
    result = judge(sandbox, row["code"], Cases(None, (row["stdin"],), (row["expected"],)), criterion)
    assert (result.status == "pass") == (wanted == "pass"), result


@pytest.mark.parametrize(("row", "criterion", "wanted"), _cases("code_lcb_functional"))
def test_functional_program(sandbox, row, criterion, wanted):
    result = judge(sandbox, row["code"], Cases("f", tuple(row["inputs"]), tuple(row["outputs"])), criterion)
    assert (result.status == "pass") == (wanted == "pass"), result


@pytest.fixture(scope="module")
def problems(data_dir):
    path = data_dir / "code" / "livecodebench_v5v6_public.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["question_id"]: Problem("livecodebench", row["question_id"], "", "", row) for row in rows}


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_own_solutions_of_real_problems(bwrap, problems, kind):
    rows = [json.loads(line) for line in (CASES / "code_lcb_solutions.jsonl").read_text().splitlines()]
    assert len(rows) >= 20
    samples = [Sample(problems[row["id"]], 0, f"Plan first.\n```python\n{row[kind]}\n```\nDone.") for row in rows]
    grades = get_scorer("livecodebench").grade(samples, workers=2)
    assert [grade.problem_id for grade in grades] == [row["id"] for row in rows]
    for grade in grades:
        assert (grade.details["official"] == "pass") == (kind == "right"), (grade.problem_id, grade.details)
        assert (grade.details["process"] == "pass") == (kind == "right"), (grade.problem_id, grade.details)
        assert grade.correct == (kind == "right")


def test_every_public_problem_loads_and_runs(bwrap, problems):
    """A program that answers nothing is judged wrong on each: tests decode, arguments parse, programs start."""
    stdin, functional = (
        "import sys\nsys.stdin.read()",
        "class Solution:\n    def {}(self, *arguments):\n        return None",
    )
    samples = []
    for problem in problems.values():
        cases = read_tests(problem.id, problem.metadata)
        samples.append(
            Sample(problem, 0, f"```\n{functional.format(cases.function) if cases.function else stdin}\n```")
        )
    grades = get_scorer("livecodebench").grade(samples, workers=2)
    assert len(grades) == 342
    assert {(grade.details["official"], grade.details["process"]) for grade in grades} == {("fail", "fail")}


def test_the_criterion_that_counts_is_chosen(bwrap):
    program = "```\nimport sys\nprint(sum(map(int, sys.stdin)))\n```"
    row = {"public_test_cases": json.dumps([{"input": "1\n2", "output": "3"}]), "metadata": "{}"}
    sample = Sample(Problem("livecodebench", "p", "", "", row), 0, program)
    official, process = (get_scorer("livecodebench", lcb_io=criterion).grade([sample])[0] for criterion in CRITERIA)
    assert (official.correct, process.correct) == (False, True)
    assert official.details["process"] == process.details["process"] == "pass"
    with pytest.raises(UnknownName, match="offical"):
        get_scorer("livecodebench", lcb_io="offical")


def test_no_program_is_no_answer(bwrap):
    row = {"public_test_cases": json.dumps([{"input": "", "output": ""}]), "metadata": "{}"}
    problem = Problem("livecodebench", "p", "", "", row)
    for output in ("", "print(1)", "```python\nprint(1)", "```\n\n```"):
        assert get_scorer("livecodebench").grade([Sample(problem, 0, output)])[0].status == "no_answer"
    whole = Sample(problem, 0, "pass", continues=True)
    assert get_scorer("livecodebench").grade([whole])[0].correct


def test_a_program_reads_a_pipe_larger_than_its_buffer(sandbox):
    program = "import os, stat, sys\nassert stat.S_ISFIFO(os.fstat(0).st_mode)\nprint(len(sys.stdin.read()))"
    cases = Cases(None, ("x" * 3_000_000,), ("3000000",))
    assert judge(sandbox, program, cases, "process").status == "pass"
    assert judge(sandbox, "print('x' * 3000000)", Cases(None, ("",), ("x" * 3_000_000,)), "process").status == "pass"
    unread = Cases(None, ("x" * 3_000_000,), ("1",))
    assert judge(sandbox, "print(1)", unread, "process").status == "pass"
