"""What tells one checkpoint from another, part by part, so that a changed one is refused by the part that changed.

>>> from rast_eval.inputs.models import resolve_models
>>> sorted(identity(resolve_models("tiny-s", ["none"]).base))
['chat template', 'config', 'generation config', 'tokenizer', 'weights']

Weight files are hashed whole. Their digests are kept in the user's cache under path, size, inode and times of change,
so that 64 GB are read once.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from rast_eval.errors import StoreError
from rast_eval.files import replace_file
from rast_eval.inputs import resources
from rast_eval.inputs.hub import is_local
from rast_eval.types import ModelRef

WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.gguf")
TOKENIZER = (
    "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
    "*.model", "*.tiktoken",
)  # fmt: skip
CHAT_TEMPLATE = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")

ANNOUNCED = 4 << 30
"""Bytes of a file from which hashing says on stderr that it takes a while."""

SETTLED = 2.0
"""Seconds after which a file's times tell it from one that is written later: they advance in steps of milliseconds."""


def identity(ref: ModelRef, sha256: Callable[[Path], str] | None = None) -> dict[str, str | None]:
    """What a checkpoint's outputs depend on: on the hub its path and commit, of a local folder a digest a part.

    Two folders of equal content are one checkpoint; a part that a folder lacks is left out.

    Args:
        sha256: of a file; None takes what the cache knows of it.
    """
    if not is_local(ref):
        return {"path": ref.path, "commit": ref.revision}
    folder = Path(ref.path)
    settings, template = _tokenizer_settings(folder / "tokenizer_config.json")

    def digests(patterns: Iterable[str]) -> list[str]:
        files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(sha256 or file_sha256, files)
        return [f"{path.relative_to(folder)} {digest}" for path, digest in zip(files, found, strict=True)]

    parts: dict[str, list[str]] = {
        "weights": digests(WEIGHTS),
        "config": digests(["config.json"]),
        "tokenizer": [*digests(TOKENIZER), *settings],
        "chat template": [*digests(CHAT_TEMPLATE), *template],
        "generation config": digests(["generation_config.json"]),
    }
    return {part: hashlib.sha256(json.dumps(facts).encode()).hexdigest() for part, facts in parts.items() if facts}


def changed_parts(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[str]:
    """Names of the parts in which two identities differ."""
    return [part for part in sorted({*old, *new}) if old.get(part) != new.get(part)]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; read again only where its size, inode or times of change are others."""
    path = path.resolve()
    facts = path.stat()
    key = json.dumps([str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino])
    kept = resources.cache_folder("digests") / hashlib.sha256(key.encode()).hexdigest()
    try:
        digest = kept.read_text(encoding="ascii")
        if len(digest) == 64:
            return digest
    except (OSError, ValueError):
        pass
    if facts.st_size > ANNOUNCED:
        print(f"hashing {path.name}, {facts.st_size / 1e9:.0f} GB, once …", file=sys.stderr)
    digest = fresh_sha256(path)
    if time.time() - max(facts.st_mtime, facts.st_ctime) > SETTLED:
        with suppress(StoreError):  # a home that cannot be written costs time, nothing else
            replace_file(kept, digest)
    return digest


def fresh_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as they are now."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _tokenizer_settings(path: Path) -> tuple[list[str], list[str]]:
    """(settings, chat template) of tokenizer_config.json, each as at most one canonical text."""
    try:
        settings: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return [], []
    except ValueError:
        return [fresh_sha256(path)], []
    template = settings.pop("chat_template", None) if isinstance(settings, dict) else None
    return [json.dumps(settings, sort_keys=True)], [] if template is None else [json.dumps(template, sort_keys=True)]
