"""The rules that take a gold from a benchmark's columns."""

from __future__ import annotations

import pytest

from rast_eval.errors import DataError
from rast_eval.inputs import benchmarks
from rast_eval.inputs.golds import RULES, gold_from, gold_of_any


@pytest.mark.parametrize(
    ("benchmark", "row", "gold"),
    [
        ("math500", {"solution": r"so \boxed{\frac12}. Check: 3", "answer": "wrong"}, r"\frac12"),
        ("math500", {"solution": "no mark", "answer": r"x \in [-2,7]"}, r"x \in [-2,7]"),
        ("math500", {"answer": r"x \in [-2,7]"}, r"x \in [-2,7]"),
        ("minerva", {"solution": "we get \\boxed{10\n  \\mathrm{~cm}.}"}, r"10\mathrm{~cm}"),
        ("minerva", {"solution": r"$\boxed{a+$ $b}$"}, "a+ b"),
        ("minerva", {"solution": r"\boxed{$2$ $3$}"}, "$2$ $3$"),
        ("gsm8k", {"answer": "2 + 2 = 4\n#### 1,234"}, "1,234"),
        ("gsm8k", {"answer": "18"}, "18"),
        ("olympiadbench", {"final_answer": ["$2$,$3$", "$4$"]}, "$2$,$3$"),
        ("olympiadbench", {"final_answer": r"$\frac{1}{2 n+2}$"}, r"$\frac{1}{2 n+2}$"),
        ("olympiadbench", {"answer": "7"}, "7"),
        ("amc23", {"answer": 27.0}, "27"),
        ("amc23", {"answer": "27"}, "27"),
        ("aime24", {"answer": "025", "solution": r"\boxed{25}"}, "025"),
        ("tiny-arith", {"answer": 42}, "42"),
    ],
)
def test_gold_of_each_benchmark(benchmark, row, gold):
    problem = benchmarks.to_problem(benchmarks.get(benchmark), {"question": "?", **row}, 0)
    assert (problem.gold, problem.keep_units) == (gold, benchmark == "minerva")


def test_a_row_without_an_answer_names_the_columns():
    with pytest.raises(DataError, match="Row 3 of olympiadbench has no answer: no column 'final_answer' or 'answer'"):
        benchmarks.to_problem(benchmarks.get("olympiadbench"), {"question": "?"}, 3)


def test_two_marks_are_refused():
    with pytest.raises(DataError, match="more than once"):
        gold_from(["#### 1 #### 2"], "after-hashes")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "first"])
def test_a_list_is_refused_by_all_rules_but_one(rule):
    assert gold_from([["7", "8"]], "first") == "7"
    with pytest.raises(DataError, match=r"is a list.*\n.*first"):
        gold_from([["7", "8"]], rule)


@pytest.mark.parametrize(
    ("value", "gold"),
    [
        ("9 * 2\n#### 18", "18"),
        (r"#### a #### \boxed{7}", "7"),
        (r"so \boxed{7}", "7"),
        (r"5 \text{ m}", r"5 \text{ m}"),
        (["$2$"], "$2$"),
        (0.5, "0.5"),
        ([], ""),
    ],
)
def test_gold_of_unknown_origin(value, gold):
    assert gold_of_any(value) == gold


def test_an_object_is_no_gold():
    with pytest.raises(DataError, match="an object"):
        gold_of_any({"answer": 7})
