"""Write a composite directory: a config.json that names all members of a system, and the base's tokenizer.

It holds no weights, so it costs kilobytes; every vLLM entry point loads it where this package is installed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import string
from pathlib import Path
from typing import Any

from rast_eval.decoding.composite_tokenizer import write_tokenizer
from rast_eval.decoding.fusion_file import FUSION_FILE, fusion_json
from rast_eval.decoding.loading import SMALL_FILES, explain
from rast_eval.errors import ModelError, UsageError
from rast_eval.files import new_folder, settle
from rast_eval.inputs import resources
from rast_eval.inputs.shapes import from_config
from rast_eval.types import Delta, ModelRef, System

GENERATION_KEYS = ("bos_token_id", "eos_token_id", "pad_token_id")


def cached_composite(system: System) -> Path:
    """The composite of `system`, whatever its λ and rule, in the user's cache: `composites/<digest of its files>`.

    Several processes may ask for one at once. Whoever loads it gives λ and rule in the environment, see `fusion_file`.

    Raises:
        UsageError, ModelError: as `compose`.
        StoreError: the cache cannot be written.
    """
    cache = resources.cache_folder("composites")
    with new_folder(cache) as made:
        compose(system, made)
        (made / FUSION_FILE).unlink()
        target = cache / _digest(made)
        if target.is_dir() and _digest(target) != target.name:  # a power cut, or somebody's hand
            shutil.rmtree(target)
        settle(made, target)
    return target


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


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
    (out / FUSION_FILE).write_text(fusion_json(system) + "\n", encoding="utf-8")
    _write_json(out / "config.json", _config(system, folders, texts))
    try:
        write_tokenizer(system.base, out)
    except ModelError:
        (out / "config.json").unlink()  # nobody loads what splits texts in another way
        raise
    return out.resolve()


def composed_system(folder: Path) -> System:
    """The members of a composite that `compose` wrote, with λ = 1.

    Raises:
        UsageError: the folder holds none.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        refs = {role: ModelRef(member["model"], member["revision"]) for role, member in config["members"].items()}
        return System(refs["base"], tuple(Delta(refs[expert], refs[anti]) for expert, anti in config["deltas"]))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{folder} holds no composite.", "Write one with `rast-eval compose`.") from error


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


def _config(system: System, folders: dict[ModelRef, Path], texts: dict[ModelRef, dict[str, Any]]) -> dict[str, Any]:
    names = {system.base: "base"}
    deltas = [
        [names.setdefault(delta.expert, f"expert{letter}"), names.setdefault(delta.antiexpert, f"antiexpert{letter}")]
        for delta, letter in zip(system.deltas, string.ascii_lowercase, strict=False)
    ]
    members = {
        name: {
            "model": str(Path(ref.path).resolve()) if Path(ref.path).is_dir() else ref.path,
            "revision": ref.revision,
            # Whole, with its quantisation: what was compiled for a checkpoint must not serve another of its name.
            "config": json.loads((folders[ref] / "config.json").read_text(encoding="utf-8")),
        }
        for ref, name in names.items()
    }

    base = texts[system.members[0]]
    facade = {key: value for key, value in base.items() if key not in ("architectures", "quantization_config")}
    facade["vocab_size"] = min(text["vocab_size"] for text in texts.values())
    facade["max_position_embeddings"] = min(text["max_position_embeddings"] for text in texts.values())
    # Work space is allotted by the facade's widths; a Llama's width must divide by its number of heads.
    heads = int(base.get("num_attention_heads") or 1)
    shapes = [shape for text in texts.values() if (shape := from_config(text))]
    if shapes:
        facade["hidden_size"] = -(-max(shape.hidden_size for shape in shapes) // heads) * heads
        facade["head_dim"] = max(shape.head_dim for shape in shapes)
    # The facade has no layers of its own: a scaled RoPE would only stretch the context that vLLM derives from it, and
    # a window would bind members that have none. Each member's window is set while it is built.
    facade["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0}
    if "sliding_window" in facade:
        facade["sliding_window"] = None
    if facade.get("layer_types"):
        facade["layer_types"] = ["full_attention"] * len(facade["layer_types"])
    for key in ("rope_scaling", "dual_chunk_attention_config", "_name_or_path"):
        facade.pop(key, None)
    return {
        "model_type": "rast",
        "architectures": ["RastForCausalLM"],
        "dtype": base.get("dtype") or base.get("torch_dtype"),
        "members": members,
        "deltas": deltas,
        "text_config": facade,
        "bos_token_id": base.get("bos_token_id"),
        "eos_token_id": base.get("eos_token_id"),
    }


def _end_tokens(base: Path, text: dict[str, Any]) -> dict[str, Any]:
    """The base's special ids alone: its sampling defaults and length limit would bind every served request."""
    path = base / "generation_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else text
    return {key: config[key] for key in GENERATION_KEYS if config.get(key) is not None}


def _refuse_foreign(out: Path) -> None:
    config = out / "config.json"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", "Type a new folder after -o.")
    if config.is_file() and '"model_type": "rast"' not in config.read_text(encoding="utf-8"):
        raise UsageError(f"{out} holds a model that is no composite.", "Type a new folder after -o.")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")
