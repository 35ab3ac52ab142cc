"""A head in float32 over layers in bfloat16: the logits that rounding would have made equal stay apart."""

from __future__ import annotations

from pathlib import Path

import torch

import rast_eval.tiny
from rast_eval.decoding.heads import widen_head
from rast_eval.decoding.loading import load_model
from rast_eval.types import ModelRef

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


@torch.inference_mode()
def test_a_wide_head_keeps_what_rounding_loses():
    model = load_model(ModelRef(str(TINY / "m-base")), torch.bfloat16, "cpu")
    ids = torch.arange(2, 66).reshape(2, 32)
    rounded = model(ids).logits
    widen_head(model, torch.float32)
    fine = model(ids).logits
    assert (rounded.dtype, fine.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(fine.bfloat16(), rounded, rtol=2**-7, atol=2**-7)
    assert fine.unique().numel() > 10 * rounded.unique().numel()
    assert model.get_input_embeddings().weight.dtype == torch.bfloat16  # tied to the head, and left alone


def test_replaced_fields_reach_the_model():
    shorter = load_model(ModelRef(str(TINY / "s-base")), torch.float32, "cpu", {"rope_theta": 1e6, "rms_norm_eps": 0.5})
    assert shorter.config.rms_norm_eps == 0.5
    assert shorter.model.norm.variance_epsilon == 0.5
