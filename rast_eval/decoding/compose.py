"""Write a composite directory: a config.json that names all members of a system, and the base's tokenizer.

It holds no weights, so it costs kilobytes; every vLLM entry point loads it where this package is installed.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

from rast_eval.decoding.composite_tokenizer import write_tokenizer
from rast_eval.decoding.loading import SMALL_FILES, explain
from rast_eval.errors import ModelError, UsageError
from rast_eval.types import LINEAR, ModelRef, System

GENERATION_KEYS = ("bos_token_id", "eos_token_id", "pad_token_id")


def compose(system: System, out: Path) -> Path:
    """Write the composite of `system` into `out` (created if missing) and return it, absolute.

    Raises:
        UsageError: the system has no delta, more than 26 of them, or `out` holds another model.
        ModelError: a member is missing, gated or unreadable, or the base's tokenizer cannot be written.
    """
    if not system.deltas:
        raise UsageError("A composite needs a delta.", "Add --delta NAME, or --expert PATH --antiexpert PATH.")
    if len(system.deltas) > len(string.ascii_lowercase):
        raise UsageError(f"A composite holds at most 26 deltas, not {len(system.deltas)}.", "Leave some out.")
    _refuse_foreign(out)
    folders = {ref: checkpoint_folder(ref) for ref in system.members}
    texts = {ref: _text_config(ref, folder) for ref, folder in folders.items()}
    base = folders[system.members[0]]

    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / "generation_config.json", _end_tokens(base, texts[system.members[0]]))
    _write_json(out / "config.json", _config(system, texts))
    try:
        write_tokenizer(system.base, out)
    except ModelError:
        (out / "config.json").unlink()  # nobody loads what splits texts in another way
        raise
    return out.resolve()


def checkpoint_folder(ref: ModelRef) -> Path:
    """The folder that holds a checkpoint's config.json and tokenizer, downloaded from the hub where needed.

    Raises:
        ModelError: no such folder, or no such repository, or no access to it.
    """
    if Path(ref.path).is_dir():
        return Path(ref.path).resolve()
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(ref.path, revision=ref.revision, allow_patterns=list(SMALL_FILES)))
    except Exception as error:  # the hub raises many unrelated types
        raise explain(error, ref) from error


def _text_config(ref: ModelRef, folder: Path) -> dict[str, Any]:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config().to_dict()
    except Exception as error:  # transformers raises many unrelated types
        raise explain(error, ref) from error
    missing = [key for key in ("vocab_size", "max_position_embeddings") if not config.get(key)]
    if missing:
        raise ModelError(f"The config.json of {ref.path} lacks {' and '.join(missing)}.", "Give a decoder-only model.")
    return dict(config)


def _config(system: System, texts: dict[ModelRef, dict[str, Any]]) -> dict[str, Any]:
    roles = {(system.base.path, system.base.revision): "base"}
    weights = []
    for delta, letter in zip(system.deltas, string.ascii_lowercase, strict=False):
        for kind, ref, weight in (
            ("expert", delta.expert, delta.weight),
            ("antiexpert", delta.antiexpert, -delta.weight),
        ):
            weights.append([weight, roles.setdefault((ref.path, ref.revision), f"{kind}{letter}")])
    members = {
        role: {"model": str(Path(path).resolve()) if Path(path).is_dir() else path, "revision": revision}
        for (path, revision), role in roles.items()
    }

    base = texts[system.members[0]]
    facade = {key: value for key, value in base.items() if key not in ("architectures", "quantization_config")}
    facade["vocab_size"] = min(text["vocab_size"] for text in texts.values())
    facade["max_position_embeddings"] = min(text["max_position_embeddings"] for text in texts.values())
    # The facade has no layers of its own: a scaled RoPE would only stretch the context that vLLM derives from it.
    facade["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0}
    for key in ("rope_scaling", "dual_chunk_attention_config", "_name_or_path"):
        facade.pop(key, None)
    return {
        "model_type": "rast",
        "architectures": ["RastForCausalLM"],
        "dtype": base.get("dtype") or base.get("torch_dtype"),
        "members": members,
        "weights": weights,
        **({"rule": str(system.rule)} if system.rule != LINEAR else {}),
        "text_config": facade,
        "bos_token_id": base.get("bos_token_id"),
        "eos_token_id": base.get("eos_token_id"),
    }


def _end_tokens(base: Path, text: dict[str, Any]) -> dict[str, Any]:
    """The base's special ids alone: its sampling defaults and length limit would bind every served request."""
    path = base / "generation_config.json"
    config = json.loads(path.read_text()) if path.is_file() else text
    return {key: config[key] for key in GENERATION_KEYS if config.get(key) is not None}


def _refuse_foreign(out: Path) -> None:
    config = out / "config.json"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", "Type a new folder after -o.")
    if config.is_file() and '"model_type": "rast"' not in config.read_text():
        raise UsageError(f"{out} holds a model that is no composite.", "Type a new folder after -o.")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, default=str) + "\n")
