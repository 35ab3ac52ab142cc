"""A card whose driver torch cannot use is no CPU machine."""

from __future__ import annotations

import pytest
import torch

from rast_eval import machine
from rast_eval.decoding.devices import runs_on_cpu
from rast_eval.errors import BackendError

CARD = machine.Card(0, "GPU-a", "NVIDIA H100", 80 << 30, 80 << 30, (9, 0), "470.1")


@pytest.mark.parametrize(
    ("usable", "cards", "built", "answer"),
    [(True, (CARD,), "13.0", False), (False, (), "13.0", True), (False, (), None, True), (False, (CARD,), None, True)],
)
def test_what_torch_can_use(monkeypatch, usable, cards, built, answer):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.setattr(machine, "cards", lambda: cards)
    monkeypatch.setattr(torch.version, "cuda", built)
    assert runs_on_cpu() is answer


def test_a_driver_too_old_for_torch_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "cards", lambda: (CARD,))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(BackendError, match=r"CUDA 13\.0, which the NVIDIA driver 470\.1 of this machine cannot run"):
        runs_on_cpu()
