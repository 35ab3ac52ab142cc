"""What must hold before members may be fused: token ids that mean the same, prompts that fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rast_eval.config import EngineConfig
from rast_eval.decoding.loading import load_tokenizer, load_tokenizer_as
from rast_eval.errors import ModelError, PromptTooLong, TokenizerMismatch, UsageError
from rast_eval.inputs.models import find_pair, shape_of
from rast_eval.inputs.shapes import config_of
from rast_eval.types import ModelRef, Request, System

if TYPE_CHECKING:
    from torch import Tensor

PROBE = "Solve $x^2 - 12x + 35 = 0$ step by step:\n\tdef f(n): return 3.14 * n  # naïve, λ ≤ 1 «ок» 数学"

CONTEXT_STEP = 256
"""A context that is fitted to its sequences is a multiple of so many tokens."""


def check_tokenizers(system: System) -> None:
    """Refuse members whose token ids mean different strings; head padding and extra tokens at the end are fine.

    Raises:
        TokenizerMismatch: names the two members and what differs.
        ModelError: a tokenizer that cannot be loaded.
    """
    for ref in system.members[1:]:
        check_tokenizer(system.base, ref)


def check_tokenizer(base: ModelRef, other: ModelRef) -> None:
    """`check_tokenizers` for one pair.

    The other's files are read by the class of the base's tokenizer: which class its own model type would choose
    does not matter, since only the base's tokenizer ever splits a text.
    """
    ours = load_tokenizer(base)
    theirs = load_tokenizer_as(other, ours)
    our_tokens = {index: token for token, index in ours.get_vocab().items()}
    their_tokens = {index: token for token, index in theirs.get_vocab().items()}
    shared = min(max(our_tokens), max(their_tokens)) + 1
    differing = next((i for i in range(shared) if our_tokens.get(i) != their_tokens.get(i)), None)
    if differing is not None:
        pair = f"{our_tokens.get(differing)!r} in the one and {their_tokens.get(differing)!r} in the other"
        raise _mismatch(base, other, f"id {differing} is {pair}")
    if _split(ours) != _split(theirs):
        raise _mismatch(base, other, "they split one and the same text differently")


def vocabulary_sha256(ref: ModelRef) -> str:
    """Digest of a tokenizer's tokens in the order of their ids."""
    vocabulary: dict[str, int] = load_tokenizer(ref).get_vocab()
    ordered = sorted(vocabulary.items(), key=lambda item: item[1])
    return hashlib.sha256(json.dumps(ordered).encode()).hexdigest()


def check_vocabulary(base: ModelRef) -> None:
    """Refuse a base whose vocabulary is not the one that a table of models names.

    Raises:
        TokenizerMismatch: it is another.
    """
    pair = find_pair(base.name)
    if pair and pair.base.path == base.path and pair.tokenizer not in ("", found := vocabulary_sha256(base)):
        raise TokenizerMismatch(
            f"The vocabulary of {base.label} has another digest than the {pair.tokenizer[:12]}… of its models.toml.",
            f'Fetch the checkpoint again, or write tokenizer = "{found}".',
        )


HYBRID = ("linear_num", "linear_conv", "mamba_", "ssm_", "recurrent_")
"""How fields of a config.json begin that belong to layers which keep a state in place of keys and values."""


def layer_kinds(ref: ModelRef) -> set[str]:
    """`full`, and `sliding` or `state` where some layers are; of an unknown checkpoint `full`."""
    config = config_of(ref) or {}
    config |= config.get("text_config") or {}
    typed = {str(kind) for kind in config.get("layer_types") or ()}
    window = config.get("sliding_window") and config.get("use_sliding_window", not typed)
    states = any(key.startswith(HYBRID) for key in config) or typed - {"full_attention", "sliding_attention"}
    sliding = window or "sliding_attention" in typed
    return {"full", *(["sliding"] if sliding else []), *(["state"] if states else [])}


def check_layers(system: System, config: EngineConfig) -> None:
    """Refuse members whose layers neither fusing nor speculation was shown to be exact with.

    Raises:
        UsageError: names the member.
    """
    for ref in system.members:
        kinds = layer_kinds(ref)
        if "state" in kinds:
            raise UsageError(
                f"{ref.label} is a hybrid: some of its layers keep a state in place of keys and values.",
                "Choose members with attention alone; hybrid ones were never tested.",
            )
        if "sliding" in kinds and system.deltas and config.speculate:
            raise UsageError(
                f"{ref.label} has sliding windows, with which speculation was never shown to be exact.",
                "Type --speculate off.",
            )


def _split(tokenizer: Any) -> list[int]:
    return list(tokenizer(PROBE, add_special_tokens=False)["input_ids"])


def _mismatch(base: ModelRef, other: ModelRef, why: str) -> TokenizerMismatch:
    return TokenizerMismatch(
        f"{base.label} and {other.label} have different tokenizers: {why}.",
        "Logits can be added only within one family: choose an expert and antiexpert of the base's family.",
    )


def check_same_members(old: System, new: System) -> None:
    """Refuse anything but other λ for an engine that is running.

    Raises:
        UsageError: the members differ.
    """
    if old.members != new.members:
        raise UsageError("Only λ can change while an engine runs.", "Start another engine for other models.")


def context_length(system: System, config: EngineConfig) -> int | None:
    """Tokens that prompt and output may hold together: the smallest member's, or `--max-model-len`."""
    shapes = [shape for ref in system.members if (shape := shape_of(ref))]
    stretched = config.hf_overrides.get("max_position_embeddings")
    limits = [int(stretched) if stretched else shape.max_position_embeddings for shape in shapes]
    limits += [config.max_model_len] if config.max_model_len else []
    return min(limits, default=None)


def fit_context(system: System, config: EngineConfig, lengths: Iterable[int]) -> EngineConfig:
    """The configuration with a context that holds the longest sequence, where the user set none.

    The models' own context would ask for a KV cache of 131,072 tokens where a run needs a few thousand.

    Args:
        lengths: prompt and output tokens of every sequence.
    """
    longest = max(lengths, default=0)
    if config.max_model_len or not longest:
        return config
    # Rounded up, so that runs of like length find each other's compiled graphs.
    rounded = -(-longest // CONTEXT_STEP) * CONTEXT_STEP
    return replace(config, max_model_len=min(rounded, context_length(system, config) or rounded))


def check_prompts(requests: Sequence[Request], system: System, context: int | None) -> None:
    """Refuse a prompt that fills the context window, or that holds an id beyond a member's embeddings.

    Raises:
        PromptTooLong, ModelError: name the problem.
    """
    if not requests:
        return
    worst = max(requests, key=lambda request: max(request.prompt_token_ids, default=0))
    largest = max(worst.prompt_token_ids, default=0)
    for ref in system.members:
        shape = shape_of(ref)
        if shape and largest >= shape.vocab_size:
            raise ModelError(
                f"The prompt of problem {worst.problem_id} holds the token id {largest}, and {ref.label} knows "
                f"{shape.vocab_size} ids only.",
                "Choose a --prompt without the tokens that were added to the base's tokenizer, or another model.",
            )
    longest = max(requests, key=lambda request: request.prompt_length)
    if context is not None and longest.prompt_length >= context:
        raise PromptTooLong(
            f"The prompt of problem {longest.problem_id} has {longest.prompt_length} tokens, "
            f"and the context window holds {context}.",
            "Raise --max-model-len if the models allow it, or choose a shorter --prompt or another benchmark.",
        )


def check_finite(fused: Tensor, logits: Sequence[Tensor], system: System) -> None:
    """Refuse fused logits from which nothing can be drawn: a row whose largest one is NaN or infinite.

    Args:
        fused: [..., V].
        logits: one tensor a member, from which they were made.

    Raises:
        ModelError: names the member.
    """
    if not bool(fused.amax(dim=-1).isfinite().all()):
        members = zip(system.members, logits, strict=True)
        broken = [ref.label for ref, own in members if not bool(own.isfinite().all())]
        raise not_finite(broken or [ref.label for ref in system.members])


def not_finite(labels: Sequence[str]) -> ModelError:
    """The error for members whose logits are NaN or infinite."""
    return ModelError(
        f"The logits of {' and '.join(labels)} are not finite: NaN or infinite.",
        "Fetch the checkpoint again; if it is whole, type --dtype bfloat16 or float32: float16 overflows.",
    )
