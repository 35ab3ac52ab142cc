"""Speculation inside vLLM: its settings, its counters, and a fault of its CPU build mended while it lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rast_eval.config import AUTO, EngineConfig
from rast_eval.decoding.speculation import Acceptance, drafter, most_drafted
from rast_eval.errors import UsageError
from rast_eval.types import System

CHECK = "_validate_spec_decode"
"""vLLM's own check of a request that will be speculated on."""

PROBE = (0.7310585, 2.7182817)
"""Temperatures that uninitialised memory does not hold by chance."""

ANY_BATCH = 1 << 16

UNPROVEN = {
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
    "min_p": 0.0,
    "logit_bias": {},
}
"""Sampling settings that change logits in ways which `certify` does not try, and their values that change nothing."""


def settings(system: System, config: EngineConfig) -> dict[str, Any]:
    """Keyword arguments of `vllm.LLM` under which the first delta's expert drafts; empty for plain decoding.

    Raises:
        UsageError: speculation is asked for where it is not shown to be exact.
    """
    given = config.extra.get("speculative_config")
    if given is not None:
        raise UsageError(f"RAST drafts with its own expert, not by {given}.", "Type --speculate N instead.")
    draft = drafter(system, config)
    if draft is None:
        return {}
    chosen: dict[str, Any] = {
        "method": "draft_model",
        "model": str(Path(draft.path).resolve()) if Path(draft.path).is_dir() else draft.path,  # as in the composite
        "revision": draft.revision,
        "num_speculative_tokens": most_drafted(config),
        "draft_tensor_parallel_size": config.tensor_parallel_size,
        # Rejection sampling needs the distribution that a token was drawn from; `greedy` drafts would be lossless
        # as well, but are accepted less often.
        "draft_sample_method": "probabilistic",
    }
    found: dict[str, Any] = {"speculative_config": chosen, "disable_log_stats": False}
    if config.speculate == AUTO:
        # Any table makes vLLM expect a number that changes; the scheduler puts a `Pacer` in its place.
        chosen["num_speculative_tokens_per_batch_size"] = [[1, ANY_BATCH, most_drafted(config)]]
        found["scheduler_cls"] = "rast_eval.decoding.vllm.pacing.PacedScheduler"
    return found


def refuse_unproven_sampling() -> None:
    """Let vLLM refuse requests to a composite that speculates by settings which no certificate covers; idempotent."""
    from vllm import SamplingParams, exceptions

    # What the server answers with status 400.
    refusal: type[Exception] = getattr(exceptions, "VLLMValidationError", ValueError)
    check = getattr(SamplingParams, CHECK, None)
    if check is None or hasattr(check, "of_rast"):
        return

    def checked(self: Any, speculative_config: Any) -> None:
        target = getattr(speculative_config, "target_model_config", None)
        for name, neutral in UNPROVEN.items() if target and target.hf_config.model_type == "rast" else ():
            if getattr(self, name) not in (neutral, None):
                raise refusal(
                    f"Speculation was never shown to be exact with {name}. Leave it out, or serve with --speculate off."
                )
        check(self, speculative_config)

    checked.of_rast = True  # type: ignore[attr-defined]
    setattr(SamplingParams, CHECK, checked)


def count(llm: Any, found: Acceptance) -> None:
    """Let a `vllm.LLM` that keeps statistics add every pass from now on to `found`.

    vLLM's own counters are one set a process, whatever engines it has, and leave out the passes that verified nothing.
    """
    manager = llm.llm_engine.logger_manager
    tell = manager.record

    def counted(scheduler_stats: Any, iteration_stats: Any, **rest: Any) -> None:
        if iteration_stats is not None:
            by_request = iteration_stats.time_to_first_tokens_iter, iteration_stats.inter_token_latencies_iter
            found.passes += sum(map(len, by_request))
        drafts = getattr(scheduler_stats, "spec_decoding_stats", None)
        if drafts is not None:
            found.add(Acceptance(0, drafts.num_draft_tokens_per_pos, drafts.num_accepted_tokens_per_pos))
        tell(scheduler_stats=scheduler_stats, iteration_stats=iteration_stats, **rest)

    manager.record = counted


def mend_expansion() -> bool:
    """Replace vLLM's spreading of a request's temperature over its drafted tokens where it leaves memory unwritten.

    Without Triton, vLLM up to at least 0.32 writes the spread values into a converted copy that it drops, so that
    temperature and top-p of sampled requests are whatever the memory held (vLLM issue 55005). Where a probe comes out
    right, nothing is replaced.

    Returns:
        Whether it was replaced.
    """
    from vllm.v1.sample import rejection_sampler

    values = torch.tensor(PROBE)
    spread = rejection_sampler.expand_batch_to_tokens(values, torch.tensor([1, 3], dtype=torch.int32), 3)
    if torch.equal(spread, values[[0, 1, 1]]):
        return False
    rejection_sampler.expand_batch_to_tokens = _expand
    return True


def _expand(x: Tensor, cu_num_tokens: Tensor, num_tokens: int, replace_from: int = 0, replace_to: int = 0) -> Tensor:
    """`x` [requests] repeated to [num_tokens]; `cu_num_tokens` is the running number of tokens."""
    counts = torch.diff(cu_num_tokens.long(), prepend=cu_num_tokens.new_zeros(1, dtype=torch.long))
    values = torch.where(x == replace_from, torch.full_like(x, replace_to), x)
    return torch.repeat_interleave(values, counts, output_size=num_tokens)
