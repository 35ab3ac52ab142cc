"""The family's tokenizer: byte-level BPE of 384 tokens, digits one by one, the first of a number with its space."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

EOS, PAD, VOCAB = 0, 1, 384
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}Q: {{ message['content'] }}\n"
    "{% elif message['role'] == 'assistant' %}A: {{ message['content'] }}<|endoftext|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}A:{% endif %}"
)


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn the merges from `texts`; ids 0 and 1 are the end and the padding token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" ?[0-9]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _portable(tokenizer)


def _portable(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with ` 1` … ` 9` as added tokens instead of merges.

    transformers gives every Qwen2 checkpoint Qwen2's own pre-tokenizer, whatever tokenizer.json says, and that one
    parts a digit from its space before any merge; added tokens are found before it.
    """
    described = json.loads(tokenizer.to_str())
    vocabulary, merges = described["model"]["vocab"], described["model"]["merges"]
    for digit in "0123456789":
        if (token := vocabulary.pop(f"Ġ{digit}", None)) is not None:
            vocabulary[f" {digit}"] = token
            merges.remove(["Ġ", digit])
            token_row = {"id": token, "content": f" {digit}", "special": False, "normalized": False}
            described["added_tokens"].append(token_row | dict.fromkeys(("single_word", "lstrip", "rstrip"), False))
    described["added_tokens"].sort(key=lambda token_row: token_row["id"])
    return Tokenizer.from_str(json.dumps(described))


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json`, `tokenizer_config.json` and the chat template as transformers reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|pad|>",
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
    }
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
