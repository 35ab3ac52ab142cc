import pytest

from rast_eval.analysis.drawing import draw_prompts
from rast_eval.errors import DataError


def test_a_draw_is_seeded_and_without_replacement(models):
    first = draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=3)
    assert first == draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=3)
    assert set(first.ids) != set(draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=4).ids)
    assert len(first.ids) == 20
    assert first.max_tokens > 0


def test_some_problems_stand_in_every_draw(models):
    wanted = draw_prompts(models.base, "tiny-arith", models.prompt, count=2, seed=5).ids
    for seed in (0, 1):
        drawn = draw_prompts(models.base, "tiny-arith", models.prompt, count=4, seed=seed, always=tuple(wanted))
        assert set(wanted) < set(drawn.ids)
        assert len(drawn.ids) == 4
    with pytest.raises(DataError, match="no problem nobody"):
        draw_prompts(models.base, "tiny-arith", models.prompt, always=("nobody",))
