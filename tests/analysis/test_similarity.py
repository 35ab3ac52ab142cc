import math

import pytest
import torch

from rast_eval.analysis.forcing import TeacherForcer
from rast_eval.analysis.similarity import KeptLogits, _shared_columns, cosine, measure, similarity_table
from rast_eval.inputs.models import shape_of


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
    forcer = TeacherForcer(chunk=11)
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


class Watched(TeacherForcer):
    """Notes how many models are loaded together."""

    most = 0

    def _model(self, ref):
        found = super()._model(ref)
        self.most = max(self.most, len(self._models))
        return found


@pytest.mark.slow
def test_one_pair_is_loaded_at_a_time_and_the_order_of_chunks_does_not_matter(models, path, tmp_path):
    large, small = (models.ceiling, models.base), (models.deltas[0].expert, models.deltas[0].antiexpert)
    deltas = {"m": large, "s": small, "m again": large}
    watched = Watched(chunk=7)
    found = measure(watched, deltas, [path, path], tmp_path)
    assert watched.most == 2
    assert [(s.larger, s.smaller) for s in found] == [("m", "s"), ("m", "m again"), ("s", "m again")]
    assert found[1].raw.value == pytest.approx(1)
    whole = measure(TeacherForcer(chunk=1000), deltas, [path, path])
    assert [s.raw.value for s in found] == pytest.approx([s.raw.value for s in whole], abs=1e-6)
    assert not list(tmp_path.iterdir())


def test_every_row_is_over_the_columns_that_all_models_share(models, path, tmp_path):
    """A third, narrower delta changes what the first two are compared over."""
    large, small = (models.ceiling, models.base), (models.deltas[0].expert, models.deltas[0].antiexpert)
    alone = measure(TeacherForcer(), {"l": large, "l again": large}, [path])[0]
    beside = measure(TeacherForcer(), {"l": large, "l again": large, "m": small}, [path])
    widths = [shape_of(ref).vocab_size for ref in (large[1], small[1])]
    assert widths[0] != widths[1]
    assert _shared_columns({"l": large, "m": small}) == min(widths)
    assert alone.raw.value == pytest.approx(beside[0].raw.value) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kept_logits_come_back_as_they_were(dtype, tmp_path):
    kept = KeptLogits(tmp_path / "0-0")
    expert, antiexpert = torch.randn(5, 9).to(dtype), torch.randn(5, 7).to(dtype)
    for part in (slice(0, 2), slice(2, 5)):
        kept.append(expert[part], antiexpert[part])
    for start, count in ((0, 5), (1, 3), (4, 1)):
        read = kept.read(start, count)
        assert torch.equal(read[0], expert[start : start + count, :7])
        assert torch.equal(read[1], antiexpert[start : start + count])
    assert (tmp_path / "0-0").stat().st_size == 5 * 7 * 2 * dtype.itemsize


def test_a_delta_resembles_itself(models, path):
    pair = (models.deltas[0].expert, models.deltas[0].antiexpert)
    (found,) = measure(TeacherForcer(), {"a": pair, "b": pair}, [path, path])
    assert found.raw.value == pytest.approx(1)
    assert found.weighted.value == pytest.approx(1)
