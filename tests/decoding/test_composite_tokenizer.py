"""A composite splits and joins texts as its base does, whatever class the base's model type chooses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import transformers

import rast_eval.tiny
from rast_eval.decoding import composite_tokenizer
from rast_eval.decoding.checks import check_tokenizers
from rast_eval.decoding.compose import compose
from rast_eval.decoding.composite_tokenizer import TEXTS
from rast_eval.decoding.loading import load_tokenizer
from rast_eval.errors import ModelError
from rast_eval.types import Delta, ModelRef, System

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of an embedded checkpoint that names another model type or tokenizer class."""

    def make(name, model_type="qwen2", tokenizer_class="PreTrainedTokenizerFast"):
        folder = tmp_path / f"{name}-{model_type}-{tokenizer_class}"
        shutil.copytree(TINY / name, folder)
        for file, change in (
            ("config.json", {"model_type": model_type}),
            ("tokenizer_config.json", {"tokenizer_class": tokenizer_class}),
        ):
            path = folder / file
            path.write_text(json.dumps(json.loads(path.read_text()) | change))
        return ModelRef(str(folder), name=name)

    return make


def trio(checkpoint, *kind):
    base, expert, antiexpert = (checkpoint(name, *kind) for name in ("m-base", "s-rl", "s-base"))
    return System(base, (Delta(expert, antiexpert),))


@pytest.mark.parametrize(
    "kind",
    [
        ("qwen2", "LlamaTokenizerFast"),  # as some published checkpoints have it
        ("qwen2", "Qwen2Tokenizer"),
        ("qwen2", "GPT2Tokenizer"),
        ("qwen3", "Qwen2TokenizerFast"),
        ("llama", "LlamaTokenizerFast"),
        ("llama", "PreTrainedTokenizerFast"),
        ("mistral", "LlamaTokenizerFast"),
    ],
)
def test_a_composite_has_its_bases_tokenizer(checkpoint, tmp_path, kind):
    system = trio(checkpoint, *kind)
    ours = load_tokenizer(system.base)
    written = transformers.AutoTokenizer.from_pretrained(compose(system, tmp_path / "out"))
    for text in TEXTS:
        ids = ours(text)["input_ids"]
        assert written(text)["input_ids"] == ids
        assert written.decode(ids) == ours.decode(ids)
    chat = [{"role": "user", "content": "1 + 1?"}]
    assert written.apply_chat_template(chat, tokenize=False) == ours.apply_chat_template(chat, tokenize=False)


def test_members_of_two_model_types_share_one_tokenizer(checkpoint):
    qwen, llama = checkpoint("m-base", "qwen2", "LlamaTokenizerFast"), checkpoint("s-rl", "llama", "LlamaTokenizerFast")
    # What each one's own class makes of the files differs:
    assert load_tokenizer(qwen)(TEXTS[0])["input_ids"] != load_tokenizer(llama)(TEXTS[0])["input_ids"]
    check_tokenizers(System(qwen, (Delta(llama, llama),)))
    check_tokenizers(System(llama, (Delta(qwen, qwen),)))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda t: t["model"]["vocab"].update({"zzz": len(t["model"]["vocab"])}), "it holds other tokens"),
        (lambda t: t["model"]["merges"].clear(), "gets other ids"),
        (lambda t: t.update(decoder=None), "become another text"),
    ],
)
def test_a_tokenizer_that_was_written_wrongly_is_refused(checkpoint, tmp_path, monkeypatch, edit, says):
    system = trio(checkpoint)
    kept = type(load_tokenizer(system.base)).save_pretrained

    def save(self, folder):
        kept(self, folder)
        path = Path(folder) / "tokenizer.json"
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    monkeypatch.setattr(type(load_tokenizer(system.base)), "save_pretrained", save)
    with pytest.raises(ModelError, match=says):
        compose(system, tmp_path / "out")


def test_a_slow_tokenizer_is_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(composite_tokenizer, "load_tokenizer", lambda ref: object())
    with pytest.raises(ModelError, match="no fast tokenizer"):
        compose(trio(checkpoint), tmp_path / "out")


@pytest.mark.parametrize("left", [["tokenizer_config.json"], []])
def test_a_missing_tokenizer_is_one_sentence(checkpoint, left):
    base = checkpoint("m-base")
    for path in Path(base.path).glob("tokenizer*"):
        if path.name not in left:
            path.unlink()
    with pytest.raises(ModelError, match=r"m-base has no tokenizer: its tokenizer\.json is missing") as caught:
        load_tokenizer(base)
    assert "\n" not in caught.value.message + caught.value.hint
