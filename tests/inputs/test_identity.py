import json
import os
import shutil

import pytest

from rast_eval.inputs import identity as identities
from rast_eval.inputs import resources
from rast_eval.inputs.identity import changed_parts, file_sha256, identity
from rast_eval.types import ModelRef

TINY = resources.embedded_checkpoints() / "s-base"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A checkpoint with a file of every kind, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "copy"
    shutil.copytree(TINY, folder)
    (folder / "pytorch_model.bin").write_bytes(bytes(500_000))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": "{{ messages }}"}))
    (folder / "generation_config.json").write_text('{"eos_token_id": 1}')
    return ModelRef(str(folder))


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda folder: flip(folder / "model.safetensors", 150_000), "weights"),
        (lambda folder: flip(folder / "pytorch_model.bin", 250_000), "weights"),
        (lambda folder: edit(folder / "tokenizer_config.json", model_max_length=7), "tokenizer"),
        (lambda folder: flip(folder / "tokenizer.json", 40), "tokenizer"),
        (lambda folder: edit(folder / "tokenizer_config.json", chat_template="{{ messages[0] }}"), "chat template"),
        (lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"), "chat template"),
        (lambda folder: edit(folder / "generation_config.json", eos_token_id=2), "generation config"),
        (lambda folder: (folder / "generation_config.json").unlink(), "generation config"),
        (lambda folder: edit(folder / "config.json", rope_theta=1.0), "config"),
    ],
)
def test_a_changed_checkpoint_is_known_by_the_part_that_changed(copy, tmp_path, change, part):
    before = identity(copy)
    assert identity(copy) == before
    change(tmp_path / "copy")
    assert changed_parts(before, identity(copy)) == [part]


def test_the_same_content_elsewhere_is_the_same_checkpoint(copy, tmp_path):
    shutil.copytree(copy.path, tmp_path / "other")
    (tmp_path / "other" / "README.md").write_text("another name")
    assert identity(ModelRef(str(tmp_path / "other"))) == identity(copy)


def test_on_the_hub_it_is_path_and_commit():
    assert identity(ModelRef("org/name", "c0ffee")) == {"path": "org/name", "commit": "c0ffee"}


def test_a_large_file_is_read_once_and_again_when_it_was_touched(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(identities, "SETTLED", -1.0)
    read = []
    fresh = identities.fresh_sha256
    monkeypatch.setattr(identities, "fresh_sha256", lambda path: read.append(path) or fresh(path))
    path = tmp_path / "weights.bin"
    path.write_bytes(b"one")
    first = file_sha256(path)
    assert file_sha256(path) == first
    assert len(read) == 1
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=times)  # as a copy that keeps times does
    assert file_sha256(path) != first
    assert len(read) == 2


def test_a_file_that_was_just_written_is_not_trusted_yet(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(identities, "SETTLED", 1e9)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"one")
    file_sha256(path)
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_or_is_damaged_costs_time_only(tmp_path, monkeypatch):
    monkeypatch.setattr(identities, "SETTLED", -1.0)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"one")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    digest = file_sha256(path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file_sha256(path)
    (kept,) = (tmp_path / "cache" / "rast-eval" / "digests").iterdir()
    kept.write_text("")
    assert file_sha256(path) == digest
