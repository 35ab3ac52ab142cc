from rast_eval.inputs.drawing import draw
from rast_eval.types import Problem

PROBLEMS = [Problem("gsm8k", str(i), "?", "5") for i in range(200)]


def ids(problems):
    return [problem.id for problem in problems]


def test_without_a_seed_the_first_ones():
    assert draw(PROBLEMS, 3, None) == PROBLEMS[:3]
    assert draw(PROBLEMS, None, None) == PROBLEMS


def test_a_larger_draw_holds_a_smaller_one():
    assert ids(draw(PROBLEMS, 50, 7))[:20] == ids(draw(PROBLEMS, 20, 7))


def test_a_draw_depends_on_the_seed_and_on_no_order():
    drawn = ids(draw(PROBLEMS, 20, 7))
    assert drawn == ids(draw(PROBLEMS[::-1], 20, 7))
    assert set(drawn) != set(ids(draw(PROBLEMS, 20, 8)))
    assert not set(drawn) <= set(map(str, range(60)))


def test_all_of_them_keep_the_benchmarks_order():
    assert draw(PROBLEMS, 200, 7) == PROBLEMS
    assert draw(PROBLEMS, None, 7) == PROBLEMS
