from rast_eval.analysis.drawing import draw_prompts


def test_a_draw_is_seeded_and_without_replacement(models):
    first = draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=3)
    assert first == draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=3)
    assert set(first.ids) != set(draw_prompts(models.base, "tiny-arith", models.prompt, count=20, seed=4).ids)
    assert len(first.ids) == 20
    assert first.max_tokens > 0
