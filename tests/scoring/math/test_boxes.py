import pytest

from rast_eval.scoring import get_scorer
from rast_eval.scoring.math.boxes import has_box
from rast_eval.types import Problem, Sample


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (r"so \boxed{5}", True),
        (r"so \boxed {5", True),
        (r"\fbox{5}", True),
        ("it is boxed{5}", False),
        ("the last number is 5", False),
        ("", False),
    ],
)
def test_has_box(output, expected):
    assert has_box(output) is expected


@pytest.mark.parametrize("name", ["simplerl", "strict"])
def test_every_math_grade_says_whether_there_is_a_box(name):
    problem = Problem("gsm8k", "0", "?", "5")
    samples = [Sample(problem, i, text) for i, text in enumerate((r"\boxed{5}", "The answer is 5.", "no idea"))]
    scorer = get_scorer(name)
    grades = scorer.grade(samples, workers=1)
    scorer.close()
    assert [grade.correct for grade in grades] == [True, True, False]
    assert [grade.details["boxed"] for grade in grades] == [True, False, False]
