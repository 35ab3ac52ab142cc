"""Loading tokenizers, configs and weights, with every failure turned into two sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from rast_eval.errors import ModelError, OutOfMemory, RastEvalError
from rast_eval.inputs import hub
from rast_eval.types import ModelRef

SMALL_FILES = ("*.json", "*.model", "*.txt", "*.jinja")
"""Of a repository on the hub: configurations and tokenizer, without weights."""


def explain(error: Exception, ref: ModelRef) -> RastEvalError:
    """The user's view of why a checkpoint could not be loaded."""
    text = f"{type(error).__name__}: {error}"
    names = {type(error).__name__, type(error.__cause__).__name__}
    if "No space left" in text:
        return ModelError(
            f"The disk is full: {ref.label} could not be written to the hub cache.",
            "Free some space, or set HF_HOME to a folder on a larger disk.",
        )
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return OutOfMemory(
            f"There is not enough memory for the weights of {ref.label}.",
            "Take a smaller model, --dtype bfloat16, or --backend vllm with --tensor-parallel-size.",
        )
    if "GatedRepo" in " ".join(names) or "gated repo" in text:
        return ModelError(
            f"{ref.path} is gated: its owner must grant you access first.",
            f"Accept its licence on the model's page, then type `hf auth login`, then repeat ({ref.label}).",
        )
    if "trust_remote_code" in text:
        return ModelError(
            f"{ref.label} brings program code of its own, which is never run here.",
            "Take a checkpoint of an architecture that transformers itself knows.",
        )
    if "RevisionNotFound" in " ".join(names):
        return ModelError(f"{ref.path} has no revision {ref.revision!r}.", "Leave --revision out, or correct it.")
    if "RepositoryNotFound" in " ".join(names) or "not a valid model identifier" in text:
        return ModelError(
            f"There is no checkpoint {ref.path}, neither a folder nor on the hub.",
            "Check the spelling, or type `hf auth login` if it is private.",
        )
    if any(sign in text for sign in ("LocalEntryNotFound", "couldn't connect", "OfflineMode", "ConnectError", "reach")):
        return ModelError(
            f"{ref.path} is not in the local hub cache and the hub cannot be reached.",
            "Check the network and leave out --offline, or type the path of a local folder.",
        )
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status >= 500 or any(sign in text for sign in ("Consistency check", "peer closed", "Timeout", "incomplete")):
        told = f"answered with error {status}" if status else "broke off"
        return ModelError(
            f"The hub {told} while {ref.path} was fetched.",
            "Type the same command again: what is here already stays, and half a file goes on where it stopped.",
        )
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"{ref.label} could not be loaded: {first_line}", "Check that the folder holds a complete checkpoint."
    )


@lru_cache(maxsize=16)
def load_tokenizer(ref: ModelRef) -> Any:
    """The checkpoint's fast tokenizer.

    Raises:
        ModelError: missing, gated, unreadable, or without any tokens.
    """
    if not hub.is_local(ref):
        hub.reachable()
    from transformers import AutoTokenizer

    return _with_tokens(ref, AutoTokenizer.from_pretrained)


def load_tokenizer_as(ref: ModelRef, other: Any) -> Any:
    """The files of a checkpoint's tokenizer read by the class of `other`, which its own model type may not choose.

    Raises:
        ModelError: as `load_tokenizer`.
    """
    return _with_tokens(ref, type(other).from_pretrained)


def _with_tokens(ref: ModelRef, read: Callable[..., Any]) -> Any:
    try:
        tokenizer = read(ref.path, revision=ref.revision, trust_remote_code=False)
        # A checkpoint without a tokenizer's files yields one without tokens, and no word about it.
        empty = not tokenizer("Tom has 3 coins.", add_special_tokens=False)["input_ids"]
    except Exception as error:  # transformers and the hub raise many unrelated types
        raise explain(error, ref) from error
    if empty:
        raise ModelError(
            f"{ref.label} has no tokenizer: its tokenizer.json is missing or empty.",
            "Copy tokenizer.json and tokenizer_config.json from the model it was trained from into its folder.",
        )
    return tokenizer


def end_token_ids(ref: ModelRef) -> frozenset[int]:
    """Ids that end an output of this checkpoint: of its generation config, else of its tokenizer."""
    from transformers import GenerationConfig

    try:
        declared = GenerationConfig.from_pretrained(
            ref.path, revision=ref.revision, trust_remote_code=False
        ).eos_token_id
    except Exception:  # no generation config: the tokenizer decides
        declared = None
    if declared is None:
        declared = load_tokenizer(ref).eos_token_id
    if declared is None:
        return frozenset()
    return frozenset(declared if isinstance(declared, list) else [declared])


def load_model(ref: ModelRef, dtype: Any, device: str, overrides: Mapping[str, Any] | None = None) -> Any:
    """The checkpoint as a `transformers` causal language model in eval mode.

    Args:
        overrides: fields of its config.json to replace.

    Raises:
        ModelError: missing, gated or unreadable, or its weights are not those of its config.json.
        OutOfMemory: the weights do not fit.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(
            ref.path, revision=ref.revision, trust_remote_code=False, **(overrides or {})
        )
        model, found = AutoModelForCausalLM.from_pretrained(
            ref.path,
            revision=ref.revision,
            config=config,
            dtype=dtype,
            output_loading_info=True,
            trust_remote_code=False,
        )
        _refuse_other_weights(ref, found)
        return model.to(device).eval()
    except RastEvalError:
        raise
    except Exception as error:
        raise explain(error, ref) from error


def _refuse_other_weights(ref: ModelRef, found: Mapping[str, Any]) -> None:
    """What transformers only warns of: it fills a missing layer with random numbers and drops an unknown one."""
    for key, what in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "hold, against its config.json,"),
        ("mismatched_keys", "have another shape than its config.json says for"),
    ):
        names = sorted(str(name[0] if isinstance(name, tuple) else name) for name in found.get(key) or ())
        if names:
            more = f" and {len(names) - 1} more" if names[1:] else ""
            raise ModelError(
                f"The weights of {ref.label} {what} {names[0]}{more}.",
                "Fetch the checkpoint again, or take the config.json that belongs to these weights.",
            )
