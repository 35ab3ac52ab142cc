import pytest
import torch

from rast_eval.decoding.fusion import fuse


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("deltas", [0, 1, 3])
def test_equation_3_against_float64(dtype, deltas):
    generator = torch.Generator().manual_seed(deltas)
    widths = [448, 416, 416, 500, 430, 420, 417][: 1 + 2 * deltas]
    members = [(torch.randn(2, 3, width, generator=generator) * 8).to(dtype) for width in widths]
    weights = [1.0] + [sign * scale for scale in (1.0, 0.3, -0.7)[:deltas] for sign in (1, -1)]
    fused = fuse(members, weights)
    shared = min(widths)
    exact = members[0][..., :shared].double()
    for k in range(deltas):
        expert, antiexpert = (members[i][..., :shared].double() for i in (1 + 2 * k, 2 + 2 * k))
        exact = exact + weights[1 + 2 * k] * (expert - antiexpert)
    assert fused.dtype == torch.float32
    torch.testing.assert_close(fused.double(), exact, rtol=1e-5, atol=1e-5)


def test_columns_beyond_the_shared_ones_are_impossible():
    fused = fuse([torch.zeros(1, 5), torch.zeros(1, 3)], [1.0, 1.0], width=5)
    assert fused.tolist() == [[0.0, 0.0, 0.0, -torch.inf, -torch.inf]]


def test_inputs_are_left_alone():
    base = torch.ones(4)
    fuse([base, base], [1.0, 2.0])
    assert base.tolist() == [1.0] * 4


def test_every_member_needs_a_weight():
    with pytest.raises(ValueError, match="weights"):
        fuse([torch.zeros(2)], [])
