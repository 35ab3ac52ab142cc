"""The hub: whether it answers, which commit a checkpoint is at, where a data file lies, what a download takes."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from rast_eval import machine
from rast_eval.errors import ModelError
from rast_eval.inputs.models import shape_of
from rast_eval.types import ModelRef


def set_offline() -> None:
    """Make every later import of the hub's libraries use the local cache only."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_OFFLINE"] = "1"


@lru_cache(maxsize=1)
def reachable() -> bool:
    """Whether the hub answers; where it does not, the rest of this process is offline, with a `UserWarning`.

    Asked once and first, since the hub's clients repeat each request to a silent hub for a minute or more.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return False
    for patience in (1, 0):
        try:
            get_session().head(constants.ENDPOINT, timeout=10)
            return True
        except Exception as error:  # of whichever HTTP library this version of the client is built on
            reason = type(error).__name__
            time.sleep(patience)
    warnings.warn(f"{constants.ENDPOINT} cannot be reached ({reason}): only the local hub cache is used.", stacklevel=1)
    set_offline()
    constants.HF_HUB_OFFLINE = True
    return False


def is_local(ref: ModelRef) -> bool:
    """Whether the checkpoint is a folder on this machine."""
    return Path(ref.path).is_dir()


def pin(ref: ModelRef) -> ModelRef:
    """The same checkpoint with the commit its revision stands for now, so that a later run finds it changed.

    A local folder, and a hub checkpoint that can be asked about nowhere, are returned as they are.
    """
    if is_local(ref):
        return ref
    from huggingface_hub import HfApi, constants, hf_hub_download

    if reachable():
        try:
            commit = HfApi().model_info(ref.path, revision=ref.revision, timeout=20).sha
            # By the revision as typed: the cache then remembers its commit, which --offline has to look up.
            hf_hub_download(ref.path, "config.json", revision=ref.revision)
            return replace(ref, revision=commit)
        except Exception:
            pass  # loading will say precisely what is wrong; a cached copy may still do
    folder = Path(constants.HF_HUB_CACHE) / f"models--{ref.path.replace('/', '--')}"
    pointer = folder / "refs" / (ref.revision or "main")
    return replace(ref, revision=pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else ref


def data_file(dataset: str, revision: str, name: str) -> Path:
    """A data file in the local cache, fetched where it is not there yet.

    Args:
        name: a path inside the hub's repository `dataset`, or a URL whose content never changes.

    Raises:
        Exception: of a dozen unrelated types where it can be had nowhere.
    """
    if "://" in name:
        from datasets import DownloadConfig, DownloadManager

        # Without the etag no server is asked about a file that lies here, so that it can be read offline.
        return Path(DownloadManager(download_config=DownloadConfig(use_etag=False)).download(name))
    from huggingface_hub import hf_hub_download

    reachable()
    return Path(hf_hub_download(dataset, name, repo_type="dataset", revision=revision))


def is_cached(ref: ModelRef) -> bool:
    """Whether the checkpoint's weights need no download."""
    if is_local(ref):
        return True
    from huggingface_hub import try_to_load_from_cache

    names = ("model.safetensors", "model.safetensors.index.json")
    return any(isinstance(try_to_load_from_cache(ref.path, name, revision=ref.revision), str) for name in names)


def download_bytes(ref: ModelRef) -> int:
    """Bytes of 16-bit weights to fetch; 0 for what lies here or has no known shape."""
    shape = shape_of(ref)
    return 0 if shape is None or is_cached(ref) else 2 * shape.parameters


def check_disk(refs: list[ModelRef]) -> None:
    """Refuse a download for which the hub cache's disk has no room.

    Raises:
        ModelError: names how much is missing.
    """
    needed = sum(download_bytes(ref) for ref in refs)
    if not needed:
        return
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    folder, free = machine.existing_parent(cache), machine.free_disk(cache)
    if needed > free:
        raise ModelError(
            f"The checkpoints to download take {needed / 1e9:.0f} GB, and {folder} has {free / 1e9:.0f} GB free.",
            "Set HF_HOME to a folder on a larger disk, or run fewer --arms.",
        )
