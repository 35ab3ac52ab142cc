"""Which problems an analysis looks at, and as what prompts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rast_eval.decoding.loading import load_tokenizer
from rast_eval.inputs import benchmarks, prompts
from rast_eval.types import ModelRef

PROBLEMS = 50
"""As many as the paper draws from MATH500."""


@dataclass(frozen=True)
class DrawnPrompts:
    """Prompts of a seeded draw of problems.

    Attributes:
        ids: token ids by problem id, in the benchmark's order.
        max_tokens: the benchmark's limit for an answer.
    """

    benchmark: str
    prompt: str
    ids: Mapping[str, tuple[int, ...]]
    stop: tuple[str, ...]
    stop_token_ids: tuple[int, ...]
    max_tokens: int


def draw_prompts(
    base: ModelRef,
    benchmark: str,
    prompt: str,
    count: int = PROBLEMS,
    seed: int = 0,
    data_dir: Path | None = None,
    include_path: Path | None = None,
) -> DrawnPrompts:
    """Draw `count` problems without replacement and render them.

    Args:
        base: whose tokenizer renders and encodes.
        prompt: the template, unless the benchmark has its own.
        include_path: folder of further benchmarks and templates.

    Raises:
        UnknownName, DataError: no such benchmark or prompt, or its rows cannot be read.
    """
    chosen_from = benchmarks.get(benchmark, include_path)
    problems = benchmarks.load(chosen_from, data_dir)
    chosen = sorted(random.Random(seed).sample(range(len(problems)), min(count, len(problems))))
    template = prompts.get(chosen_from.prompt or prompt, include_path)
    tokenizer = load_tokenizer(base)
    ids = {
        problems[i].id: prompts.encode(template, prompts.render(template, problems[i], tokenizer), tokenizer)
        for i in chosen
    }
    stop_ids = prompts.stop_token_ids(template, tokenizer)
    return DrawnPrompts(chosen_from.name, template.name, ids, template.stop, stop_ids, chosen_from.sampling.max_tokens)
