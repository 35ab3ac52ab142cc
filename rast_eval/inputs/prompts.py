"""Prompt templates as data: one file each in prompts/, rendered once and tokenised once for all members.

    ---
    description: plain question and answer
    stop: ["Question:", "Answer:"]
    stop_tokens: ["<|im_end|>"]
    end: "\\n"
    ---
    Question:
    {{ problem }}
    …

The text between the `---` lines is YAML; `stop` ends an output at a string, at which graders cut it too,
`stop_tokens` at a token where the tokenizer has it, `end` is appended to the text (editors drop trailing
newlines), `continues: true` says that an output goes on with the problem's own text, as with base models
for code. A template may call `chat(messages, prefill)` to use the base tokenizer's own chat template, and
sees the benchmark's columns as `row`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rast_eval.errors import DataError, ModelError, RastEvalError, UnknownName
from rast_eval.inputs import resources
from rast_eval.inputs.front_matter import Facts
from rast_eval.types import Problem

DEFAULT = "qwen-boxed"
"""The published tables' template: what outputs of unknown origin count as answers to."""

KEYS = ("description", "stop", "stop_tokens", "end", "continues")


@dataclass(frozen=True)
class Prompt:
    """One template.

    Attributes:
        template: jinja source.
        stop: strings that end an output and are not part of it; scorers cut there too, in this order.
        stop_tokens: special tokens that end an output.
        continues: whether an output goes on with the problem's own text.
    """

    name: str
    description: str
    template: str
    stop: tuple[str, ...] = ()
    stop_tokens: tuple[str, ...] = ()
    continues: bool = False

    @property
    def uses_chat_template(self) -> bool:
        """Whether rendering needs the base's tokenizer."""
        return "chat(" in self.template

    @property
    def sha256(self) -> str:
        """Digest of the template text and its stops."""
        return hashlib.sha256("\0".join([self.template, *self.stop, "|", *self.stop_tokens]).encode()).hexdigest()


def _folders(include_path: Path | None) -> list[Path]:
    return [resources.folder("prompts"), *([include_path] if include_path else [])]


def names(include_path: Path | None = None) -> list[str]:
    """Names of all templates."""
    return sorted({name for folder in _folders(include_path) for name in _stems(folder)})


def _stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.jinja")}


def get(name: str, include_path: Path | None = None) -> Prompt:
    """The template called `name`; one under `include_path` wins over ours.

    Raises:
        UnknownName: nobody is called so.
        DataError: its front matter is malformed.
    """
    folder = next((each for each in reversed(_folders(include_path)) if name in _stems(each)), None)
    if folder is None:
        raise UnknownName("prompt", name, names(include_path))
    return _read(folder / f"{name}.jinja")


def _read(path: Path) -> Prompt:
    import yaml

    try:
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        loaded = yaml.safe_load(front)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(
            f"The prompt file {path} cannot be read: {' '.join(str(error).split())}.",
            "It begins with YAML between two lines `---` that names at least a description.",
        ) from error
    facts = Facts(loaded, KEYS, path)
    return Prompt(
        name=path.stem,
        description=facts.text("description"),
        template=body.removesuffix("\n") + facts.text("end", ""),
        stop=facts.names("stop"),
        stop_tokens=facts.names("stop_tokens"),
        continues=facts.flag("continues"),
    )


def render(prompt: Prompt, problem: Problem, tokenizer: Any = None) -> str:
    """The prompt's text for one problem.

    Args:
        tokenizer: the base's, needed only by templates that call `chat`.

    Raises:
        ModelError: the template needs a chat template and the tokenizer has none.
        DataError: the template, or the chat template it calls, cannot be rendered.
    """
    from rast_eval.inputs import templates

    def chat(messages: Sequence[Mapping[str, str]], prefill: str = "") -> str:
        if getattr(tokenizer, "chat_template", None) is None:
            raise ModelError(
                f"Prompt {prompt.name!r} uses the base's chat template, and its tokenizer has none.",
                "Type --prompt with a plain template; `rast-eval list --prompts` shows them.",
            )
        text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return str(text) + prefill

    try:
        return templates.render(prompt.template, problem=problem.question, row=problem.metadata, chat=chat)
    except RastEvalError:
        raise
    except Exception as error:  # whatever a stranger's template raises
        called = " with the chat template of the base" if prompt.uses_chat_template else ""
        reason = " ".join("".join(filter(str.isprintable, str(error))).split())[:200].rstrip(".")
        raise DataError(
            f"The prompt {prompt.name!r} cannot be rendered{called}, problem {problem.id!r}: {reason}.",
            f"Mend {prompt.name}.jinja, or type --prompt with another template.",
        ) from error


def encode(prompt: Prompt, text: str, tokenizer: Any) -> tuple[int, ...]:
    """Token ids of a rendered prompt; special tokens are added unless the chat template did so."""
    ids = tokenizer(text, add_special_tokens=not prompt.uses_chat_template, verbose=False)["input_ids"]
    return tuple(int(token) for token in ids)


def stop_token_ids(prompt: Prompt, tokenizer: Any) -> tuple[int, ...]:
    """Ids of the template's stop tokens that the tokenizer knows, sorted."""
    vocabulary = tokenizer.get_vocab()
    return tuple(sorted(vocabulary[token] for token in prompt.stop_tokens if token in vocabulary))
