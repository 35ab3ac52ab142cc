"""The config.json of a composite directory."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PretrainedConfig

ARCHITECTURE = "RastForCausalLM"


class RastConfig(PretrainedConfig):  # type: ignore[misc]
    """Members, their weights, and the one model that vLLM's scheduler takes them for.

    Attributes:
        text_config: the base's, with the smallest vocabulary and the smallest context of all members.
        members: role → {"model": hub id or absolute path, "revision": git revision or None}, `base` first.
            A role holds no digit: vLLM reads the one integer of a layer name as the layer's index.
        weights: [[weight, role], …]; fused = base + Σ weight · logits of the role (Eq. 3). Older ones say `terms`.
        rule: `types.FusionRule` in a word.
    """

    model_type = "rast"
    has_no_defaults_at_init = True

    def __init__(
        self,
        text_config: dict[str, Any] | PretrainedConfig | None = None,
        members: dict[str, dict[str, str | None]] | None = None,
        weights: list[list[Any]] | None = None,
        rule: str = "linear",
        **kwargs: Any,
    ) -> None:
        self.text_config = AutoConfig.for_model(**text_config) if isinstance(text_config, dict) else text_config
        self.members = members or {}
        self.weights = weights or kwargs.pop("terms", None) or []
        self.rule = rule
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
        places = [list(self.members).index(role) for _, role in self.weights]
        return list(zip(places[::2], places[1::2], strict=True))

    @property
    def member_weights(self) -> dict[str, float]:
        """Weight of each role's logits in the fused logits."""
        total = dict.fromkeys(self.members, 0.0)
        total["base"] += 1.0
        for weight, role in self.weights:
            total[role] += float(weight)
        return total
