"""What the engine can ask of each of vLLM's workers by name, without shipping code to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rast_eval.decoding.vllm import shared_drafter
from rast_eval.decoding.vllm.watch import watch_one

# vLLM imports this module in each worker before it makes the model runner, and with it the drafter.
shared_drafter.install()


class RastWorker:
    """Mixed into vLLM's worker class (`worker_extension_cls`)."""

    model_runner: Any

    def set_rast_weights(self, weights: Sequence[float]) -> None:
        """Change the members' weights in place."""
        self.model_runner.get_model().set_weights(weights)

    def set_rast_rule(self, text: str) -> None:
        """Change the rule in place; its counts begin anew."""
        self.model_runner.get_model().set_rule(text)

    def watch_logits(self, name: str) -> None:
        """Look at the logits of a model that is no composite, too."""
        watch_one(self.model_runner.get_model(), name)

    def settle_logits(self) -> None:
        """Fail where the last step's logits were not finite."""
        self.model_runner.get_model().watch.settle()

    def rast_activity(self) -> tuple[int, int]:
        """On how many rows of logits the rule acted, and how many there were."""
        model = self.model_runner.get_model()
        return int(model.acted), model.positions

    def rast_attention(self) -> list[str]:
        """Names of the attention backends of all members' layers."""
        layers = self.model_runner.vllm_config.compilation_config.static_forward_context.values()
        return sorted({layer.get_attn_backend().get_name() for layer in layers if hasattr(layer, "get_attn_backend")})
