"""Drafting with the composite's own expert: no second copy of its weights, no second KV cache (V1 model runner).

vLLM's draft model is a model of its own. Here it is the member that the fused pass runs anyway, so that its cache is
in step with the verified tokens whether or not anything was drafted, and a step that drafts nothing costs nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from vllm.config import get_layers_from_vllm_config
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.v1.outputs import SamplerOutput
from vllm.v1.sample.metadata import SamplingMetadata
from vllm.v1.sample.rejection_sampler import RejectionSampler
from vllm.v1.spec_decode.draft_model import DraftModelProposer
from vllm.v1.spec_decode.metadata import SpecDecodeMetadata


class SharedDrafter(DraftModelProposer):  # type: ignore[misc]
    """vLLM's proposer with a member of the target in place of a model of its own; any other target is left alone."""

    shares = False

    def load_model(self, target_model: nn.Module) -> None:
        """Take the member that lies where the draft model does."""
        members = getattr(self.vllm_config.model_config.hf_config, "members", {})
        places = {member["model"]: name for name, member in members.items()}
        name = places.get(self.draft_model_config.model)
        if name is None:
            super().load_model(target_model)
            return
        self.shares = True
        self.model = getattr(target_model.members, name)
        layers = get_layers_from_vllm_config(self.vllm_config, AttentionLayerBase)
        self._draft_attn_layer_names = {layer for layer in layers if layer.startswith(f"{name}.")}

    def propose(self, num_speculative_tokens: int, *args: Any, **kwargs: Any) -> Tensor:
        """Drafted tokens [batch, num_speculative_tokens]; none at all without a pass where none are wanted."""
        if self.shares and num_speculative_tokens == 0:
            batch = kwargs["common_attn_metadata"].batch_size()
            self._last_draft_probs = None
            return torch.empty((batch, 0), dtype=torch.int32, device=kwargs["next_token_ids"].device)
        drafted: Tensor = super().propose(num_speculative_tokens, *args, **kwargs)
        return drafted


class DraftSampler(RejectionSampler):  # type: ignore[misc]
    """vLLM's, which draws noise of [batch, vocabulary] for rejections even where nothing was drafted to be rejected."""

    def forward(
        self,
        metadata: SpecDecodeMetadata,
        draft_probs: Tensor | None,
        logits: Tensor,
        sampling_metadata: SamplingMetadata,
    ) -> SamplerOutput:
        """Token ids [batch, 1 + most drafted]; a step without drafts is one of plain decoding."""
        if metadata.max_spec_len:
            return super().forward(metadata, draft_probs, logits, sampling_metadata)
        return self.sampler(logits=logits[metadata.bonus_logits_indices], sampling_metadata=sampling_metadata)


def install() -> None:
    """Let vLLM's V1 model runner of this process make its draft models and their samplers so; idempotent."""
    from vllm.v1.worker import gpu_model_runner

    gpu_model_runner.DraftModelProposer = SharedDrafter
    gpu_model_runner.RejectionSampler = DraftSampler
