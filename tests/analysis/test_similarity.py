import math

import pytest
import torch

from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.analysis.similarity import cosine, measure, similarity_table


def test_cosine_of_known_vectors():
    a, b = torch.tensor([[1.0, 0.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [-3.0, -4.0]])
    assert cosine(a, b).tolist() == pytest.approx([math.sqrt(0.5), -1])


def test_weighted_cosine_ignores_what_nobody_says():
    a, b = torch.tensor([[2.0, -2.0, 50.0]]), torch.tensor([[1.0, -1.0, -70.0]])
    weights = torch.tensor([[0.5, 0.5, 0.0]])
    assert cosine(a, b).item() < -0.9
    assert cosine(a, b, weights).item() == pytest.approx(1)
    shifted = cosine(a + 7, b - 3, weights)  # a softmax does not see a shift
    assert shifted.item() == pytest.approx(1)


def test_deltas_of_two_sizes_along_a_path(models, path, direct):
    large, small = (models.ceiling, models.base), (models.deltas[0].expert, models.deltas[0].antiexpert)
    forcer = TeacherForcer([*large, *small], chunk=11)
    (found,) = measure(forcer, {"m": large, "s": small}, [path, path])
    logits = [direct(ref) for ref in (*large, *small)]
    width = min(x.shape[-1] for x in logits)
    rl, base, expert, anti = (x[:, :width] for x in logits)
    a, b = rl - base, expert - anti
    raw = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))
    w = (rl.softmax(-1) + base.softmax(-1)) / 2
    a, b = a - (w * a).sum(-1, keepdim=True), b - (w * b).sum(-1, keepdim=True)
    weighted = (w * a * b).sum(-1) / ((w * a * a).sum(-1) * (w * b * b).sum(-1)).sqrt()
    assert found.raw.value == pytest.approx(raw.mean().item(), abs=1e-4)
    assert found.weighted.value == pytest.approx(weighted.mean().item(), abs=1e-3)
    assert found.first_raw == pytest.approx(raw[0].item(), abs=1e-4)
    assert found.first_weighted == pytest.approx(weighted[0].item(), abs=1e-3)
    assert similarity_table("t", [found]).rows[0][0] == "Δm, Δs"


def test_a_delta_resembles_itself(models, path):
    pair = (models.deltas[0].expert, models.deltas[0].antiexpert)
    (found,) = measure(TeacherForcer(list(pair)), {"a": pair, "b": pair}, [path, path])
    assert found.raw.value == pytest.approx(1)
    assert found.weighted.value == pytest.approx(1)
