"""Golds from the columns of the files and of their copies on the hub."""

from __future__ import annotations

import json

import pytest

from rast_eval.errors import DataError
from rast_eval.scoring.math.golds import gold_from_raw, gold_of
from rast_eval.scoring.math.normalize import strip

COUNTS = {"math500": 500, "minerva_math": 272, "gsm8k": 1319, "olympiadbench": 675, "aime24": 30, "amc23": 40}


@pytest.mark.parametrize(
    ("benchmark", "row", "gold"),
    [
        ("math500", {"solution": r"so \boxed{\frac12}. Check: 3", "answer": "wrong"}, r"\frac{1}{2}"),
        ("math500", {"answer": r"x \in [-2,7]"}, "[-2,7]"),
        ("minerva_math", {"question": "How fast?", "answer": r"5 m/s \leq"}, r"5m/s\le"),
        ("minerva_math", {"solution": r"we get \boxed{10 \mathrm{~cm}}"}, r"10\mathrm{~cm}"),
        ("gsm8k", {"answer": "2 + 2 = 4\n#### 1,234"}, "1,234"),
        ("gsm8k", {"answer": "18"}, "18"),
        ("olympiadbench", {"final_answer": ["$2$,$3$"]}, "2,3"),
        ("olympiadbench", {"final_answer": r"$\frac{1}{2 n+2}$"}, r"\frac{1}{2n+2}"),
        ("amc23", {"answer": 27.0}, "27"),
        ("amc23", {"answer": "27"}, "27"),
        ("aime24", {"answer": "025"}, "025"),
        ("tiny-arith", {"answer": "42"}, "42"),
    ],
)
def test_gold_of_each_benchmark(benchmark, row, gold):
    assert gold_of(benchmark, row) == gold


def test_a_row_without_an_answer_names_the_column():
    with pytest.raises(DataError, match="'final_answer' or 'answer'"):
        gold_of("olympiadbench", {"question": "?"})


def test_gsm8k_refuses_two_marks():
    with pytest.raises(DataError, match="more than once"):
        gold_from_raw("gsm8k", "#### 1 #### 2")


@pytest.mark.parametrize("benchmark", COUNTS)
def test_every_published_gold(data_dir, benchmark):
    with (data_dir / f"{benchmark}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    golds = [gold_of(benchmark, row) for row in rows]
    assert len(golds) == COUNTS[benchmark]
    if benchmark != "minerva_math":  # its golds are normalised once only
        assert [gold if gold.isdigit() else strip(gold) for gold in golds] == golds
    if benchmark == "math500":
        assert [gold_of(benchmark, {"answer": row["answer"]}) for row in rows] == golds
        assert {
            97: "",
            96: r"1\\sqrt{19}",
            284: r"3\2\sqrt{2}",
            102: "(+5)(b+2)",
            257: "864^2",
            467: "15^2",
        }.items() <= (dict(enumerate(golds)).items())
