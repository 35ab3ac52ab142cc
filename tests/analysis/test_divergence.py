import math

import pytest
import torch

from rast_eval.analysis.divergence import divergence_table, in_released_unit, kl_divergence, measure, top_tokens
from rast_eval.analysis.forcing import TeacherForcer
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
    (found,) = measure(TeacherForcer(chunk=6), rast, [path])
    logits = [direct(ref) for ref in rast.members]
    width = min(x.shape[-1] for x in logits)
    base, expert, anti = (x[:, :width] for x in logits)
    p, q = base.log_softmax(-1), (base + expert - anti).log_softmax(-1)
    expected = (p.exp() * (p - q)).sum(-1).tolist()
    assert list(found.kl) == pytest.approx(expected, abs=1e-3)
    assert found.base_choices == tuple(base.argmax(-1).tolist())
    assert min(found.kl) > -1e-9
    assert list(found.reverse) == pytest.approx((q.exp() * (q - p)).sum(-1).tolist(), abs=1e-3)
    assert found.columns == width
    ranked = top_tokens([found, found], count=3)
    means = [sum(kl for kl, _, _ in seen) / len(seen) for _, seen in ranked]
    assert means == sorted(means, reverse=True)
    table = divergence_table("t", [found], load_tokenizer(models.base).decode)
    assert table.rows[3][1:4] == (
        f"{max(found.kl):.4f}",
        f"{max(found.reverse):.4f}",
        f"{max(found.reverse) / width * 1e9:,.1f}",
    )


def test_the_released_unit_is_the_mean_over_the_vocabulary_times_1e9():
    base, rast = torch.randn(1, 64, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 64)
    p, q = rast.double().softmax(-1), base.double().softmax(-1)
    direct = (p * (p.log() - q.log())).mean(-1).item() * 1e9
    assert in_released_unit(kl_divergence(rast, base).item(), 64) == pytest.approx(direct)
    assert in_released_unit(0.12741, 152064) == pytest.approx(837.9, abs=0.05)
