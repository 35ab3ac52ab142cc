import pytest

from rast_eval.inputs import resources
from rast_eval.paper import published


def test_complete_tables():
    assert len(published.table1()) == 12 * 6
    assert sum(s.recovery is not None for s in published.table1()) == 6 * 6
    assert len(published.table4()) == len(published.figure4()) == 3
    assert len(published.figure3()) == 6 * 4
    assert len(published.figure6()) == 26


@pytest.mark.parametrize(
    ("text", "scale", "low", "high"),
    [("68.6", 1, 68.55, 68.65), ("80.04", 1, 80.035, 80.045), ("0.944", 100, 94.35, 94.45)],
)
def test_rounding_follows_the_printed_digits(text, scale, low, high):
    number = published.printed(text, scale)
    assert (number.low, number.high) == pytest.approx((low, high))


def test_lookup():
    assert published.score("rast", "32b", "math500", "14b").average.value == 80.7
    assert published.score("rast", "7b", "math500", "14b") is None


def test_our_copy_is_the_published_one(paper_dir):
    for name in ("table1", "table4_memory", "figure3_pass_at_k", "figure4_similarity", "figure6_robustness"):
        ours = resources.folder("results/paper") / f"{name}.csv"
        assert ours.read_text().split() == (paper_dir / f"{name}.csv").read_text().split()
