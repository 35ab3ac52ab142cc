"""The fused model: every member sees the same tokens, one block table, one step.

`forward` returns the members' hidden states side by side; `compute_logits` splits them, runs each head and adds
the logits up (Eq. 3 of arXiv 2506.15710). Members are built by vLLM's own model classes and loaders.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from vllm.compilation.backends import set_model_tag
from vllm.compilation.decorators import support_torch_compile
from vllm.config import ModelConfig, VllmConfig
from vllm.distributed import get_pp_group
from vllm.model_executor.layers.logits_processor import LogitsProcessor
from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding
from vllm.model_executor.model_loader import get_model_loader
from vllm.model_executor.model_loader.utils import initialize_model
from vllm.model_executor.models.interfaces import SupportsPP
from vllm.model_executor.models.utils import maybe_prefix
from vllm.sequence import IntermediateTensors

from rast_eval.decoding.fusion import fuse
from rast_eval.decoding.fusion_file import read_fusion
from rast_eval.decoding.rules import Operands, make_rule
from rast_eval.decoding.vllm.attention import refuse_misplanned
from rast_eval.decoding.vllm.config import check_unchanged
from rast_eval.decoding.vllm.speculation import mend_expansion
from rast_eval.decoding.vllm.watch import LogitsWatch
from rast_eval.types import LINEAR, FusionRule, ModelRef

try:
    from vllm.model_executor.model_loader.weight_tying import maybe_retie_word_embeddings
except ImportError:  # before vLLM 0.32 nothing is untied, so nothing is to be tied again

    def maybe_retie_word_embeddings(model: nn.Module, model_config: ModelConfig) -> None:
        """Nothing to do."""


SHARDS_CAN_FUSE = "skip_gather" in inspect.signature(LogitsProcessor.forward).parameters
"""Older releases gather inside the logits processor, so there each member's logits are gathered."""


def member_config(engine: VllmConfig, role: str, member: Mapping[str, Any]) -> VllmConfig:
    """The engine's settings as one member sees them.

    Cache, parallel and compilation settings are shared by reference, so that all members' layers land in one
    forward context; model and quantisation are the member's own. `VllmConfig.__post_init__` must not run again.
    """
    check_unchanged(member)
    facade = engine.model_config
    settings: dict[str, Any] = {
        "model": member["model"],
        "revision": member["revision"],
        "tokenizer": facade.tokenizer,
        "tokenizer_mode": facade.tokenizer_mode,
        "trust_remote_code": facade.trust_remote_code,
        "dtype": facade.dtype,
        "seed": facade.seed,
        "max_model_len": facade.max_model_len,
        "enforce_eager": facade.enforce_eager,
        # All but what is the facade's own.
        "hf_overrides": {key: value for key, value in dict(facade.hf_overrides or {}).items() if key != "text_config"},
    }
    model_config = ModelConfig(**settings)
    if model_config.quantization is None and facade.quantization is not None:
        model_config = ModelConfig(**settings, quantization=facade.quantization)
    model_config.verify_with_parallel_config(engine.parallel_config)
    if hasattr(model_config, "maybe_untie_word_embeddings"):
        model_config.maybe_untie_word_embeddings()
    view = copy.copy(engine)
    view.model_config = model_config
    view.quant_config = VllmConfig.get_quantization_config(model_config, engine.load_config)
    if view.quant_config is not None:
        _name_layers_as_in_checkpoint(view.quant_config, role)
    return view


def _name_layers_as_in_checkpoint(quant_config: Any, role: str) -> None:
    """Let a checkpoint's list of unquantised layers (`lm_head`, …) match although layer names carry the role."""
    method_of = quant_config.get_quant_method
    quant_config.get_quant_method = lambda layer, prefix: method_of(layer, prefix.removeprefix(f"{role}."))


@contextmanager
def _vocabulary_padded_to(rows: int) -> Iterator[None]:
    """Pad every embedding and head built inside to `rows`, so that all members' shards hold the same columns."""
    init = VocabParallelEmbedding.__init__
    signature = inspect.signature(init)

    def padded(self: VocabParallelEmbedding, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.arguments["padding_size"] = rows
        init(*bound.args, **bound.kwargs)

    VocabParallelEmbedding.__init__ = padded
    try:
        yield
    finally:
        VocabParallelEmbedding.__init__ = init


@contextmanager
def _window_of(view: VllmConfig) -> Iterator[None]:
    """Give the attention layers built inside the member's own sliding window, where all its layers have one.

    They read it from the cache's settings, which all members share and which were made for the facade.
    """
    model, cache = view.model_config, view.cache_config
    kinds = getattr(model.hf_text_config, "layer_types", None) or ["sliding_attention"]
    before = cache.sliding_window
    cache.sliding_window = model.get_sliding_window() if set(kinds) == {"sliding_attention"} else None
    try:
        yield
    finally:
        cache.sliding_window = before


@contextmanager
def _shards_of(processors: Sequence[LogitsProcessor]) -> Iterator[None]:
    """Let a member's `compute_logits` return this worker's columns, with all that it does but the gather."""
    for processor in processors:
        processor.forward = partial(processor.forward, skip_gather=True)
    try:
        yield
    finally:
        for processor in processors:
            del processor.forward


@support_torch_compile(dynamic_arg_dims={"input_ids": 0, "positions": -1, "intermediate_tensors": 0})
class Members(nn.Module):
    """All members, compiled as one graph.

    One compiled region around all of them, none inside: CUDA graphs of separately compiled members share a memory
    pool, and the second member's replay may overwrite the states that the first one returned.
    """

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        views = {role: member_config(vllm_config, role, member) for role, member in config.members.items()}
        self.roles = tuple(views)
        self.model_configs = [view.model_config for view in views.values()]
        refuse_misplanned(vllm_config, self.model_configs)
        self.widths = [model_config.get_hidden_size() for model_config in self.model_configs]
        shards = vllm_config.parallel_config.tensor_parallel_size
        step = math.lcm(64, shards)
        rows = math.ceil(max(model_config.get_vocab_size() for model_config in self.model_configs) / step) * step
        for role, view in views.items():
            with ExitStack() as settings:
                settings.enter_context(set_model_tag(f"rast_{role}"))
                settings.enter_context(_window_of(view))
                settings.enter_context(_vocabulary_padded_to(rows) if shards > 1 else nullcontext())
                member = initialize_model(view, prefix=maybe_prefix(prefix, role))
            for module in member.modules():
                if hasattr(module, "do_not_compile"):
                    module.do_not_compile = True
            self.add_module(role, member)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, role) for role in self.roles)

    def forward(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
    ) -> torch.Tensor | IntermediateTensors:
        """Hidden states, (tokens, Σ widths); on an earlier pipeline stage the members' tensors under `role.name`."""
        outputs = []
        for role in self.roles:
            received = None
            if intermediate_tensors is not None:
                named = intermediate_tensors.tensors.items()
                received = IntermediateTensors(
                    {name.removeprefix(f"{role}."): t for name, t in named if name.startswith(f"{role}.")}
                )
            outputs.append(getattr(self, role)(input_ids, positions, received))
        if get_pp_group().is_last_rank:
            return torch.cat(outputs, dim=-1)
        return IntermediateTensors(
            {
                f"{role}.{name}": t
                for role, output in zip(self.roles, outputs, strict=True)
                for name, t in output.tensors.items()
            }
        )


class RastForCausalLM(nn.Module, SupportsPP):  # type: ignore[misc]
    """What vLLM loads for a composite directory.

    Attributes:
        weights: the factor of each member's logits, aligned with the members; may change between steps, because
            neither the KV cache nor a captured graph depends on it.
        acted, positions: how often the rule acted, on how many rows of logits.
    """

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        self.vocab_size: int = config.get_text_config().vocab_size
        if getattr(
            vllm_config.model_config, "enable_prompt_embeds", False
        ):  # without it vLLM refuses each such request
            raise ValueError("RAST takes token ids; prompt embeddings would fit one member only.")
        lambdas, rule = read_fusion(
            vllm_config.model_config.model, vllm_config.model_config.revision, len(config.deltas)
        )
        self.weights: list[float] = config.weights(lambdas)
        self.load_config = vllm_config.load_config
        self.fuse_shards = SHARDS_CAN_FUSE and vllm_config.parallel_config.tensor_parallel_size > 1
        self.pairs: list[tuple[int, int]] = config.pairs
        self.acted: int | torch.Tensor = 0
        self.positions = 0
        self.set_rule(rule)
        self.names = [ModelRef(member["model"], member["revision"]).key for member in config.members.values()]
        self.watch = LogitsWatch()
        self.members = Members(vllm_config=vllm_config, prefix=prefix)
        self.processors = {
            member: [module for module in member.modules() if isinstance(module, LogitsProcessor)]
            for member in self.members
        }
        if vllm_config.speculative_config is not None and not torch.cuda.is_available():
            mend_expansion()

    def embed_input_ids(self, input_ids: torch.Tensor) -> torch.Tensor:
        """The base's embeddings, (tokens, width of the base)."""
        embedded: torch.Tensor = next(iter(self.members)).embed_input_ids(input_ids)
        return embedded

    def make_empty_intermediate_tensors(
        self, batch_size: int, dtype: torch.dtype, device: torch.device
    ) -> IntermediateTensors:
        """Room for what an earlier pipeline stage sends."""
        empty = {}
        for role, member in zip(self.members.roles, self.members, strict=True):
            tensors = member.make_empty_intermediate_tensors(batch_size, dtype, device).tensors
            empty.update({f"{role}.{name}": tensor for name, tensor in tensors.items()})
        return IntermediateTensors(empty)

    def forward(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> torch.Tensor | IntermediateTensors:
        """Hidden states of all members side by side, (tokens, Σ widths).

        Raises:
            ValueError: the prompt came as embeddings, which are of one member's width only.
        """
        if inputs_embeds is not None:
            raise ValueError("RAST takes token ids; prompt embeddings would fit one member only.")
        return self.members(input_ids, positions, intermediate_tensors)

    def compute_logits(self, hidden_states: torch.Tensor) -> torch.Tensor | None:
        """Fused logits, (tokens, smallest vocabulary), float32; None on ranks that do not sample.

        Under tensor parallelism the vocabulary shards are fused first and gathered once, save where a rule needs all
        columns of each member.
        """
        shards = self.fuse_shards and (self.rule is None or self.rule.scope == "elementwise")
        states = torch.split(hidden_states, self.members.widths, dim=-1)
        every = zip(self.names, self.members, states, self.weights, strict=True)
        heard = [one for one in every if one[3] != 0.0 or self.rule is not None]
        logits = {name: self._logits(member, state.contiguous(), shards) for name, member, state, _ in heard}
        if any(member is None for member in logits.values()):
            return None
        fused = self._fused(list(logits.values()), [weight for *_, weight in heard], shards)
        whole = self._gathered(fused) if shards else fused
        told: torch.Tensor | None = None if whole is None else whole[..., : self.vocab_size]
        self.watch.look(told, logits, in_shards=shards)
        return told

    def _fused(self, logits: Sequence[torch.Tensor], weights: Sequence[float], shards: bool) -> torch.Tensor:
        if self.rule is None:
            return fuse(logits, weights)
        shared = min([self.vocab_size] * (not shards) + [member.shape[-1] for member in logits])
        fused, active = self.rule(Operands([member[..., :shared] for member in logits], weights, self.pairs))
        if active is not None:
            self.acted = self.acted + active.sum()
            self.positions += active.numel()
        return fused

    def set_rule(self, text: str) -> None:
        """Combine by another rule from now on, and count anew how often it acts."""
        chosen = FusionRule.parse(text)
        self.rule = None if chosen == LINEAR else make_rule(chosen)
        self.acted, self.positions = 0, 0

    def _logits(self, member: Any, state: torch.Tensor, shards: bool) -> Any:
        with _shards_of(self.processors[member]) if shards else nullcontext():
            return member.compute_logits(state)

    def _gathered(self, shard: Any) -> Any:
        return next(iter(self.processors.values()))[0]._gather_logits(shard)

    def set_weights(self, weights: Sequence[float]) -> None:
        """Change the weights in place, aligned with `System.members`.

        Raises:
            ValueError: not one finite number a member.
        """
        if len(weights) != len(self.weights) or not all(math.isfinite(weight) for weight in weights):
            raise ValueError(f"Expected {len(self.weights)} finite weights, got {list(weights)}.")
        self.weights = [float(weight) for weight in weights]

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load each member with vLLM's own loader, its name mapping and its quantisation.

        `weights` is a lazy iterator over the composite directory, which holds none: it is never advanced.
        """
        del weights
        for member, model_config in zip(self.members, self.members.model_configs, strict=True):
            get_model_loader(self.load_config).load_weights(member, model_config)
            maybe_retie_word_embeddings(member, model_config)
        return {name for name, _ in self.named_parameters()}
