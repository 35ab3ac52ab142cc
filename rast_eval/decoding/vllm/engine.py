"""Generation with vLLM: one model directly, a base with deltas as a composite in the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_prompts, check_same_members
from rast_eval.decoding.compose import cached_composite
from rast_eval.decoding.devices import runs_on_cpu
from rast_eval.decoding.fusion_file import FUSION_VARIABLE, fusion_json
from rast_eval.decoding.loading import end_token_ids
from rast_eval.decoding.speculation import RUNNER, Acceptance, described, drafter
from rast_eval.decoding.vllm import attention, certificate, speculation
from rast_eval.decoding.vllm.startup import LogTail, explain, set_environment, variable
from rast_eval.errors import BackendError, RastEvalError, install
from rast_eval.types import LINEAR, Completion, FinishReason, Request, Sampling, System

CPU_KV_BYTES = 4 << 30
"""KV cache on a CPU where the user sets none: vLLM would take its share of all memory."""


@dataclass(frozen=True)
class TokenScore:
    """A token of a given sequence under the model.

    Attributes:
        logprob: its natural log-probability before temperature.
        best: the most probable token in its place.
    """

    token: int
    logprob: float
    best: int


class VLLMEngine:
    """Implements `types.Engine` with `vllm.LLM`.

    Args:
        system: its tokenizers are taken to agree; see `decoding.checks`.
        config: `extra` goes to `vllm.LLM` as it is and wins over every other field.

    Raises:
        ModelError: a member that is missing or unreadable.
        OutOfMemory: weights or KV cache do not fit.
        BackendError: vLLM cannot start.
    """

    def __init__(self, system: System, config: EngineConfig) -> None:
        self.system = system
        self.config, self.drafter = config, drafter(system, config)
        self.acceptance, self.certificate = Acceptance(), ""
        self.end_ids = end_token_ids(system.base)
        self._log = LogTail()
        if config.offline:
            os.environ["HF_HUB_OFFLINE"] = "1"
        model = str(cached_composite(system)) if system.deltas else system.base.path
        try:
            with self._log.capture(), variable(FUSION_VARIABLE, fusion_json(system)):
                self._llm = _start(model, system, config)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception) and not isinstance(error, RastEvalError):
                raise self._told(error) from error
            raise
        if self.drafter is not None:
            speculation.count(self._llm, self.acceptance)
        self._set_rule(system)  # what vLLM tried out while it started does not count
        if not system.deltas:
            self._llm.collective_rpc("watch_logits", args=(system.base.key,))

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield completions as they finish; those still running are dropped when the caller stops iterating.

        Raises:
            PromptTooLong: a prompt leaves no room in the context window.
            OutOfMemory: the device ran out of memory on the way.
            BackendError: vLLM failed on the way, or samples with speculation that was not certified here.
        """
        if self.drafter is not None and not sampling.greedy and not self.certificate:
            self.certificate = certificate.require()
        engine = self._llm.llm_engine
        check_prompts(requests, self.system, self._llm.model_config.max_model_len)
        running = {str(index): request for index, request in enumerate(requests)}
        found: list[Completion] = []
        try:
            for request_id, request in running.items():
                prompt = {"type": "token", "prompt_token_ids": list(request.prompt_token_ids)}
                engine.add_request(request_id, prompt, self._sampling_params(request, sampling, stop, stop_token_ids))
            while running:
                outputs = engine.step()
                # Held for a step, because a GPU tells only then whether a step's logits were finite.
                yield from found
                done = [output for output in outputs if output.finished]
                found = [self._completion(running.pop(o.request_id), o.outputs[0], stop_token_ids) for o in done]
            self._llm.collective_rpc("settle_logits")
            yield from found
        except GeneratorExit:
            engine.abort_request(list(running))
            raise
        except Exception as error:
            raise self._told(error) from error

    def score(self, sequences: Sequence[Sequence[int]]) -> list[list[TokenScore]]:
        """Log-probabilities of given tokens, for analyses of a fixed path.

        Args:
            sequences: token ids; the first of each is not scored, nothing comes before it.

        Returns:
            For each sequence one score a token from the second on.

        Raises:
            BackendError: vLLM failed on the way.
        """
        from vllm import SamplingParams

        params = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=1)
        prompts = [{"prompt_token_ids": list(ids)} for ids in sequences]
        try:
            outputs = self._llm.generate(prompts, params, use_tqdm=False)
        except Exception as error:
            raise self._told(error) from error
        found = []
        for ids, output in zip(sequences, outputs, strict=True):
            steps = zip(ids[1:], output.prompt_logprobs[1:], strict=True)
            found.append([_token_score(token, choices) for token, choices in steps])
        return found

    def _told(self, error: Exception) -> RastEvalError:
        told = explain(error, self._log.text, self.system.members)
        if type(told) is BackendError:  # nobody knows it, so whoever does needs all of it
            self._log.release()
        return told

    @property
    def settings(self) -> Mapping[str, Any]:
        """See `types.Engine`; what became of drafts up to now is among them."""
        resolved = self._llm.llm_engine.vllm_config
        found = _settings(resolved)
        if self.drafter is None:
            return found
        facts = {"runner": runner(resolved), "certificate": self.certificate}
        return {**found, "speculation": described(self.drafter, self.config, self.acceptance, **facts)}

    def reweight(self, system: System) -> None:
        """Go on with other λ or rule: same members, same weights in memory, same KV cache.

        Raises:
            UsageError: `system` has other members than the engine was started with.
        """
        check_same_members(self.system, system)
        if system != self.system:
            self.acceptance.clear()
        if system.deltas:
            self._llm.collective_rpc("set_rast_weights", args=(list(system.weights),))
        if system.rule != self.system.rule:
            self._set_rule(system)
        self.system = system

    def _set_rule(self, system: System) -> None:
        if system.rule != LINEAR or self.system.rule != LINEAR:
            self._llm.collective_rpc("set_rast_rule", args=(str(system.rule),))

    @property
    def activity(self) -> tuple[int, int]:
        """Rows of logits, with drafted tokens that did not stand among them."""
        if self.system.rule == LINEAR:
            return 0, 0
        told: tuple[int, int] = tuple(self._llm.collective_rpc("rast_activity")[0])
        return told

    def close(self) -> None:
        """Stop vLLM's processes and free the models' memory."""
        llm = self.__dict__.pop("_llm", None)
        if llm is not None:
            llm.llm_engine.engine_core.shutdown()
            del llm

    def _sampling_params(
        self, request: Request, sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=sampling.temperature,
            top_p=1.0 if sampling.greedy else sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=None if sampling.greedy else request.seed,
            stop=list(stop),
            stop_token_ids=sorted({*self.end_ids, *stop_token_ids}),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _completion(self, request: Request, output: Any, stop_token_ids: Sequence[int]) -> Completion:
        token_ids = tuple(output.token_ids)
        reason = output.stop_reason
        if output.finish_reason == "stop" and not isinstance(reason, str):
            token_ids = token_ids[:-1]  # the end token
        return Completion(
            problem_id=request.problem_id,
            sample=request.sample,
            output=output.text,
            num_tokens=len(token_ids),
            finish_reason=cast(FinishReason, output.finish_reason),
            stop_reason=None if reason in self.end_ids and reason not in stop_token_ids else reason,
            token_ids=token_ids,
        )


def _token_score(token: int, choices: Any) -> TokenScore:
    best = min(choices, key=lambda candidate: choices[candidate].rank)
    return TokenScore(token, float(choices[token].logprob), int(best))


def runner(resolved: Any) -> str:
    """Which of vLLM's model runners a `VllmConfig` gives, `V1` or `V2`."""
    return "V2" if getattr(resolved, "use_v2_model_runner", False) else "V1"


def _settings(resolved: Any) -> dict[str, Any]:
    """What vLLM made of its configuration."""
    from vllm.platforms import current_platform

    return {
        "device": str(current_platform.get_device_name()),
        "dtype": str(resolved.model_config.dtype).removeprefix("torch."),
        "max_model_len": resolved.model_config.max_model_len,
        "max_num_seqs": resolved.scheduler_config.max_num_seqs,
    }


def _start(model: str, system: System, config: EngineConfig) -> Any:
    """A running `vllm.LLM`."""
    on_cpu = runs_on_cpu()
    set_environment(on_cpu=on_cpu, processes=config.tensor_parallel_size * config.pipeline_parallel_size)
    if config.speculate:
        os.environ.setdefault(RUNNER, "0")
    from vllm import LLM

    settings: dict[str, Any] = {
        "dtype": config.dtype,
        "seed": config.seed,
        "tensor_parallel_size": config.tensor_parallel_size,
        "pipeline_parallel_size": config.pipeline_parallel_size,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_model_len": config.max_model_len,
        "enforce_eager": config.enforce_eager,
        # A checkpoint's own sampling defaults and length limit must not bind an evaluation.
        "generation_config": "vllm",
        "worker_extension_cls": "rast_eval.decoding.vllm.worker.RastWorker",
    }
    if config.max_num_seqs is not None:
        settings["max_num_seqs"] = config.max_num_seqs
    if "RAST_EVAL_EXECUTOR" in os.environ:  # set by decoding.ray for an engine that spans nodes
        settings["distributed_executor_backend"] = os.environ["RAST_EVAL_EXECUTOR"]
        os.environ.setdefault("VLLM_RAY_EXTRA_ENV_VARS_TO_COPY", FUSION_VARIABLE)
    if overrides := _overrides(system, config):
        settings["hf_overrides"] = overrides
    if not system.deltas and system.base.revision:
        settings["revision"] = system.base.revision
    if on_cpu:
        if "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
            settings["kv_cache_memory_bytes"] = CPU_KV_BYTES
        # Compiling takes minutes on a CPU; `extra` can still ask for it.
        settings["enforce_eager"] = True
        # vLLM's CPU build cannot rewind a seeded generator, which it does for a partly prefilled prompt.
        settings["enable_chunked_prefill"] = False
    settings.update(attention.settings(system), **speculation.settings(system, config))
    return LLM(model, **{**settings, **config.extra})


def _overrides(system: System, config: EngineConfig) -> dict[str, Any]:
    """`hf_overrides` of vLLM; in a composite they reach every member.

    Raises:
        BackendError: this vLLM has no heads of another dtype.
    """
    found = dict(config.hf_overrides)
    if config.head_dtype != "auto":
        from vllm.model_executor.layers.logits_processor import LogitsProcessor

        if not hasattr(LogitsProcessor, "_apply_head"):
            raise BackendError("This vLLM has no --head-dtype.", f"Leave it out, or type `{install('vllm')}`.")
        found["head_dtype"] = config.head_dtype
    if system.deltas and "max_position_embeddings" in found:  # of the facade, which the context is checked against
        found["text_config"] = {"max_position_embeddings": found["max_position_embeddings"]}
    return found
