"""The config.json of a composite directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PretrainedConfig

ARCHITECTURE = "RastForCausalLM"


class RastConfig(PretrainedConfig):  # type: ignore[misc]
    """Members, how they pair, and the one model that vLLM's scheduler takes them for.

    Attributes:
        text_config: the base's, with the smallest vocabulary and context and the largest widths of all members.
        members: role → {"model": hub id or absolute path, "revision": git revision or None, "config": its config.json},
            `base` first. A role holds no digit: vLLM reads the one integer of a layer name as the layer's index.
        deltas: [[role of the expert, role of the antiexpert], …].
    """

    model_type = "rast"
    has_no_defaults_at_init = True

    def __init__(
        self,
        text_config: dict[str, Any] | PretrainedConfig | None = None,
        members: dict[str, dict[str, Any]] | None = None,
        deltas: list[list[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.text_config = AutoConfig.for_model(**text_config) if isinstance(text_config, dict) else text_config
        self.members = members or {}
        self.deltas = deltas or []
        super().__init__(**kwargs)

    def get_text_config(self, *args: Any, **kwargs: Any) -> PretrainedConfig:
        """What vLLM reads layers, heads, vocabulary and context from."""
        return self.text_config if self.text_config is not None else self

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        output: dict[str, Any] = super().to_dict()
        if self.text_config is not None:
            output["text_config"] = self.text_config.to_dict()
        return output

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Each delta's expert and antiexpert as places in `members`."""
        places = list(self.members)
        return [(places.index(expert), places.index(antiexpert)) for expert, antiexpert in self.deltas]

    def weights(self, lambdas: Sequence[float]) -> list[float]:
        """What each member's logits are multiplied by (Eq. 3), given λ of each delta."""
        total = dict.fromkeys(self.members, 0.0)
        total["base"] += 1.0
        for weight, (expert, antiexpert) in zip(lambdas, self.deltas, strict=True):
            total[expert] += weight
            total[antiexpert] -= weight
        return list(total.values())


def check_unchanged(member: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose config.json is not the one that the composite was written for.

    Raises:
        ValueError: names the checkpoint.
    """
    path = Path(member["model"]) / "config.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != member["config"]:
        raise ValueError(f"{path} has changed since the composite was written: write the composite again.")
