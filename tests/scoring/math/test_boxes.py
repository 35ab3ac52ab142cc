import pytest

from rast_eval.scoring.math.boxes import has_box, with_boxes
from rast_eval.types import Grade, Problem, Sample


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


def test_grades_keep_what_their_scorer_said():
    problem = Problem("gsm8k", "0", "?", "5")
    samples = [Sample(problem, i, text) for i, text in enumerate((r"\boxed{5}", "it is 5"))]
    grades = [Grade("0", 0, "5", True, "ok", 0), Grade("0", 1, "5", False, "error", details={"error": "died"})]
    assert [grade.details for grade in with_boxes(samples, grades)] == [
        {"boxed": True}, {"error": "died", "boxed": False},
    ]  # fmt: skip
