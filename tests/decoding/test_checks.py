import json
import shutil

import pytest

pytest.importorskip("transformers")

from rast_eval.config import EngineConfig
from rast_eval.decoding import checks, loading
from rast_eval.errors import ModelError, OutOfMemory, PromptTooLong, TokenizerMismatch
from rast_eval.inputs.models import resolve_models, shape_of
from rast_eval.types import Delta, ModelRef, Request, System

BASE = resolve_models().base


@pytest.fixture
def altered(tmp_path):
    """A copy of the base whose tokenizer was changed by `edit`."""

    def make(edit):
        folder = tmp_path / "altered"
        shutil.copytree(BASE.path, folder)
        path = folder / "tokenizer.json"
        tokenizer = json.loads(path.read_text())
        edit(tokenizer)
        path.write_text(json.dumps(tokenizer))
        return ModelRef(str(folder), name="altered")

    return make


def swap(tokenizer):
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["0"], vocabulary["1"] = vocabulary["1"], vocabulary["0"]


def test_swapped_ids_are_refused_by_name(altered):
    other = altered(swap)
    with pytest.raises(TokenizerMismatch, match="id 17 is '0' in the one and '1' in the other"):
        checks.check_tokenizers(System(BASE, (Delta(other, other),)))


def test_other_merges_are_refused(altered):
    other = altered(lambda tokenizer: tokenizer["model"]["merges"].clear())
    with pytest.raises(TokenizerMismatch, match="split one and the same text differently"):
        checks.check_tokenizers(System(BASE, (Delta(other, other),)))


def test_an_added_token_at_the_end_is_padding(altered):
    def add(tokenizer):
        last = len(tokenizer["model"]["vocab"])
        token = {"id": last, "content": "<extra>", "special": True}
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        tokenizer["added_tokens"].append({**token, **flags})

    checks.check_tokenizers(System(BASE, (Delta(altered(add), BASE),)))


def test_a_prompt_must_leave_room():
    context = checks.context_length(System(BASE), EngineConfig(max_model_len=8))
    assert context == 8
    checks.check_prompts([Request("0", 0, (1,) * 7, 0)], System(BASE), context)
    with pytest.raises(PromptTooLong, match="problem 3 has 8 tokens"):
        checks.check_prompts([Request("2", 0, (1,), 0), Request("3", 0, (1,) * 8, 0)], System(BASE), context)


def test_an_id_beyond_a_members_embeddings_is_refused_by_name():
    known = shape_of(BASE).vocab_size
    checks.check_prompts([Request("0", 0, (1, known - 1), 0)], System(BASE), None)
    with pytest.raises(ModelError, match=f"problem 1 holds the token id {known}, and tiny-l knows {known} ids only"):
        checks.check_prompts([Request("0", 0, (1,), 0), Request("1", 0, (known, 1), 0)], System(BASE), None)


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="could not be loaded"):
        loading.load_model(ModelRef(str(tmp_path), name="empty"), "auto", "cpu")


@pytest.mark.parametrize(
    ("error", "kind", "says", "hint"),
    [
        (OSError("You are trying to access a gated repo."), ModelError, "is gated", "hf auth login"),
        (
            OSError("x is not a local folder and is not a valid model identifier"),
            ModelError,
            "no checkpoint",
            "spelling",
        ),
        (OSError("We couldn't connect to the hub"), ModelError, "cannot be reached", "--offline"),
        (OSError(28, "No space left on device"), ModelError, "disk is full", "HF_HOME"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), OutOfMemory, "not enough memory", "--dtype"),
        (ValueError("odd\nsecond line"), ModelError, "could not be loaded: odd", "complete"),
    ],
)
def test_every_failure_to_load_is_two_sentences(error, kind, says, hint):
    explained = loading.explain(error, ModelRef("org/model"))
    assert type(explained) is kind
    assert says in explained.message
    assert hint in explained.hint
    assert "\n" not in explained.message
