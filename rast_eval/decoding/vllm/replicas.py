"""Data parallelism: one engine a replica, each in a process of its own with its own GPUs."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_same_members
from rast_eval.errors import BackendError, RastEvalError
from rast_eval.types import Completion, Request, Sampling, System


class ReplicatedEngine:
    """Implements `types.Engine` with `config.data_parallel_size` independent engines.

    All samples of one problem go to one replica, so that its prefix cache holds their prompt. Requests carry their
    own seeds, so which replica continues them changes nothing but rounding.

    Raises:
        BackendError, OutOfMemory, ModelError: what the first replica to fail raised.
    """

    def __init__(self, system: System, config: EngineConfig) -> None:
        self._system = system
        context = multiprocessing.get_context("spawn")
        count = config.data_parallel_size
        gpus = config.tensor_parallel_size * config.pipeline_parallel_size
        single = replace(config, data_parallel_size=1)
        self._outbox: multiprocessing.Queue[Any] = context.Queue()
        self._inboxes: list[multiprocessing.Queue[Any]] = [context.Queue() for _ in range(count)]
        self._processes = [
            context.Process(
                target=_serve,
                args=(index, system, single, visible_devices(index, gpus), inbox, self._outbox),
                daemon=False,  # an engine starts processes of its own
            )
            for index, inbox in enumerate(self._inboxes)
        ]
        self._job = 0
        for process in self._processes:
            process.start()
        try:
            told = [self._receive() for _ in self._processes]
            self.settings: Mapping[str, Any] = {**told[0], "replicas": count}
        except BaseException:
            self.close()
            raise

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield completions of all replicas as they finish.

        Raises:
            BackendError, OutOfMemory, PromptTooLong: what a replica raised, or that one died.
        """
        self._job += 1
        problems = {problem_id: index for index, problem_id in enumerate(dict.fromkeys(r.problem_id for r in requests))}
        for index, inbox in enumerate(self._inboxes):
            own = [r for r in requests if problems[r.problem_id] % len(self._inboxes) == index]
            inbox.put(("generate", self._job, own, sampling, tuple(stop), tuple(stop_token_ids)))
        missing = len(requests)
        while missing:
            job, completion = self._receive()
            if job == self._job:  # an abandoned batch may still be running
                missing -= 1
                yield completion

    def reweight(self, system: System) -> None:
        """Change λ in every replica; see `VLLMEngine.reweight`."""
        check_same_members(self._system, system)
        for inbox in self._inboxes:
            inbox.put(("reweight", system))

    def close(self) -> None:
        """Stop all replicas."""
        for process, inbox in zip(self._processes, self._inboxes, strict=True):
            if process.is_alive():
                inbox.put(None)
        for process in self._processes:
            process.join(timeout=30)
            if process.is_alive():
                process.terminate()
        self._processes, self._inboxes = [], []

    def _receive(self) -> Any:
        while True:
            try:
                kind, payload = self._outbox.get(timeout=1)
            except queue.Empty:
                if wait([process.sentinel for process in self._processes], timeout=0):
                    raise BackendError(
                        "A replica ended without a word; the system may have run out of memory.",
                        "Lower --data-parallel-size or --max-num-seqs.",
                    ) from None
                continue
            if kind == "error":
                error, message, hint = payload
                raise error(message, hint)
            return payload


def visible_devices(index: int, gpus: int) -> str | None:
    """GPUs of replica `index` as `CUDA_VISIBLE_DEVICES`; None on a machine without any.

    Raises:
        BackendError: there are too few.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named else [str(device) for device in range(torch.cuda.device_count())]
    own = devices[index * gpus : (index + 1) * gpus]
    if len(own) < gpus:
        raise BackendError(
            f"Replica {index + 1} needs {gpus} GPUs of its own, and only {len(devices)} are visible.",
            "Lower --data-parallel-size or --tensor-parallel-size.",
        )
    return ",".join(own)


def _serve(index: int, system: System, config: EngineConfig, devices: str | None, inbox: Any, outbox: Any) -> None:
    """One replica: an engine that answers what comes in until None does."""
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    from rast_eval.decoding.vllm.engine import VLLMEngine

    try:
        engine = VLLMEngine(system, config)
    except RastEvalError as error:
        outbox.put(("error", (type(error), error.message, error.hint)))
        return
    outbox.put(("ready", dict(engine.settings)))
    try:
        while (message := inbox.get()) is not None:
            kind, *arguments = message
            if kind == "reweight":
                engine.reweight(*arguments)
                continue
            job, *work = arguments
            for completion in engine.generate(*work):
                outbox.put(("completion", (job, completion)))
    except RastEvalError as error:
        outbox.put(("error", (type(error), error.message, error.hint)))
    except KeyboardInterrupt:
        pass
    finally:
        engine.close()
