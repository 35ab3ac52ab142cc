import math

import pytest
import torch

from rast_eval.analysis.divergence import divergence_table, kl_divergence, measure, top_tokens
from rast_eval.analysis.forcing import TeacherForcer, members_of
from rast_eval.decoding.loading import load_tokenizer


def test_kl_in_closed_form():
    base, fused = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, math.log(3)]])
    assert kl_divergence(base, fused).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert kl_divergence(base, base + 5).item() == pytest.approx(0, abs=1e-12)


def test_kl_uses_the_shared_columns():
    base, padded = torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[2.0, 1.0]])
    assert kl_divergence(base, padded).item() == pytest.approx(kl_divergence(base[:, :2], padded).item())


def test_divergence_along_a_path(models, path, direct):
    rast = models.system("rast")
    (found,) = measure(TeacherForcer(members_of([rast]), chunk=6), rast, [path])
    logits = [direct(ref) for ref in rast.members]
    width = min(x.shape[-1] for x in logits)
    base, expert, anti = (x[:, :width] for x in logits)
    p, q = base.log_softmax(-1), (base + expert - anti).log_softmax(-1)
    expected = (p.exp() * (p - q)).sum(-1).tolist()
    assert list(found.kl) == pytest.approx(expected, abs=1e-3)
    assert found.base_choices == tuple(base.argmax(-1).tolist())
    assert min(found.kl) > -1e-9
    tokenizer = load_tokenizer(models.base)
    ranked = top_tokens([found, found], tokenizer, count=3)
    assert [mean for _, mean, _ in ranked] == sorted((mean for _, mean, _ in ranked), reverse=True)
    assert divergence_table("t", [found], tokenizer).rows[3][1] == f"{max(found.kl):.4f}"
