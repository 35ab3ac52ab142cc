"""FlashAttention 3 is not asked to run one member by another's plan."""

from __future__ import annotations

import pytest

from rast_eval.decoding.speculation import RUNNER
from rast_eval.decoding.vllm import attention
from rast_eval.machine import Card
from rast_eval.types import Delta, ModelRef, System

LLAMA = [(64, 8, 128), (32, 8, 128)]
QWEN = [(40, 8, 128), (28, 4, 128)]
EQUAL = [(28, 4, 128)] * 2


@pytest.mark.parametrize(
    ("heads", "release", "v2", "expected"),
    [
        (LLAMA, (0, 32), False, True),
        (LLAMA, (0, 32), True, False),
        (QWEN, (0, 32), False, False),
        (QWEN, (0, 28), True, True),
        (EQUAL, (0, 28), False, False),
        (EQUAL, (0, 32), False, False),
    ],
)
def test_which_members_would_share_a_plan(heads, release, v2, expected):
    assert attention.misplanned(heads, release=release, v2=v2) is expected


@pytest.mark.parametrize(
    ("major", "asked", "forced"), [(9, "0", True), (9, "1", False), (8, "0", False), (10, "0", False)]
)
def test_flash_attention_2_is_forced_on_hopper(major, asked, forced, monkeypatch):
    card = Card(0, "GPU-0", "card", 80 << 30, 80 << 30, (major, 0), "570")
    monkeypatch.setattr(attention.machine, "cards", lambda: (card,))
    monkeypatch.setattr(attention, "release", lambda: (0, 32))
    monkeypatch.setenv(RUNNER, asked)
    small = ModelRef("meta-llama/Llama-3.1-8B")
    system = System(ModelRef("meta-llama/Llama-3.1-70B"), (Delta(small, small),))
    assert attention.settings(system) == ({"attention_config": {"flash_attn_version": 2}} if forced else {})
    assert attention.runner().startswith("V2" if asked == "1" else "V1")
