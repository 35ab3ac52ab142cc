"""Teacher-forced passes: what would these models have said at every step of a given path?

The logits of a 16k-token path over 152k columns take 10 GB a model, so they are never held together:
all members advance through the path in step, `chunk` tokens at a time, each with its own KV cache.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rast_eval.analysis.placing import place, room_of_cards
from rast_eval.config import EngineConfig
from rast_eval.decoding.loading import load_model
from rast_eval.decoding.rules import combine
from rast_eval.types import ModelRef, Sampling, System

CHUNK = 128
"""Tokens a pass: 128 × 152k columns are 78 MB a model in float32."""


@dataclass(frozen=True)
class Trajectory:
    """One generated answer as token ids, the end token excluded."""

    problem_id: str
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]


class TeacherForcer:
    """Models that read given paths; each is loaded when it is first asked, onto the cards that have room.

    Args:
        dtype: torch dtype of weights and caches; None for float32 on a CPU, the checkpoint's own on a GPU.
        chunk: tokens a pass.
    """

    def __init__(self, dtype: torch.dtype | None = None, chunk: int = CHUNK) -> None:
        self.chunk = chunk
        self._dtype: Any = dtype or ("auto" if torch.cuda.device_count() else torch.float32)
        self._models: dict[str, Any] = {}

    def keep(self, models: Sequence[ModelRef]) -> None:
        """Free every model but these, so that others find room."""
        wanted = {ref.key for ref in models}
        for key in self._models.keys() - wanted:
            del self._models[key]
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _model(self, ref: ModelRef) -> Any:
        if ref.key not in self._models:
            self._models[ref.key] = place(load_model(ref, self._dtype, "cpu"), room_of_cards())
        return self._models[ref.key]

    @torch.inference_mode()
    def stream(self, path: Trajectory, models: Sequence[ModelRef]) -> Iterator[tuple[int, list[Tensor]]]:
        """Logits of every model at every step of a path.

        Args:
            models: in the order wanted; one that several systems share is loaded once.

        Yields:
            (start, logits): one tensor [c, V_m] a model, c ≤ chunk; row r holds the logits after
            the prompt and path.tokens[:start + r], those that predict path.tokens[start + r].

        Raises:
            ModelError, OutOfMemory, BackendError: a checkpoint that cannot be loaded.
        """
        from transformers import DynamicCache

        if not path.tokens or not path.prompt:
            return
        chosen = [self._model(ref) for ref in models]
        caches = [DynamicCache(config=model.config) for model in chosen]
        for part in _parts(path.prompt[:-1], self.chunk):
            for model, cache in zip(chosen, caches, strict=True):
                self._advance(model, cache, part, keep=1)
        # The last prompt token predicts the first token of the path, the last path token predicts nothing.
        start = 0
        for part in _parts((path.prompt[-1], *path.tokens[:-1]), self.chunk):
            rows = [self._advance(model, cache, part, keep=0) for model, cache in zip(chosen, caches, strict=True)]
            yield start, [logits.to(rows[0].device) for logits in rows]
            start += len(part)

    def stream_systems(
        self, path: Trajectory, systems: Mapping[str, System]
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """As `stream`, with the members of each system fused by Eq. 3: float32 [c, V] a system."""
        models = list({ref.key: ref for system in systems.values() for ref in system.members}.values())
        index = {ref.key: i for i, ref in enumerate(models)}
        for start, logits in self.stream(path, models):
            fused = {}
            for name, system in systems.items():
                fused[name] = combine(system, [logits[index[ref.key]] for ref in system.members]).logits
            yield start, fused

    def _advance(self, model: Any, cache: Any, ids: Sequence[int], keep: int) -> Tensor:
        past = cache.get_seq_length()
        positions = torch.arange(past, past + len(ids), device=model.device).unsqueeze(0)
        output = model(
            input_ids=torch.tensor([list(ids)], device=model.device),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return output.logits[0]  # type: ignore[no-any-return]


def greedy_paths(
    system: System,
    prompts: Mapping[str, Sequence[int]],
    engine: EngineConfig,
    max_tokens: int,
    stop: Sequence[str] = (),
    stop_token_ids: Sequence[int] = (),
) -> list[Trajectory]:
    """The greedy answer of a system to each prompt, in the order of `prompts`; empty answers are left out.

    Args:
        prompts: token ids by problem id.
    """
    from rast_eval.decoding.engine import make_engine
    from rast_eval.types import Request

    requests = [Request(problem, 0, tuple(ids), 0) for problem, ids in prompts.items()]
    running = make_engine(system, engine)
    try:
        sampling = Sampling(0.0, 1.0, max_tokens)
        found = {c.problem_id: c.token_ids for c in running.generate(requests, sampling, stop, stop_token_ids)}
    finally:
        running.close()
    return [Trajectory(problem, tuple(ids), found[problem]) for problem, ids in prompts.items() if found[problem]]


def _parts(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
