"""Several engines as one: Ray actors, each with its own GPUs, on this machine or all over a cluster.

Ray places the actors, starts them again where they die, and carries requests out and completions back as they finish.
What was not answered by an actor that died is asked again, so that a lost process, card or node costs time only.

    EngineConfig(backend="vllm", data_parallel_size=8, tensor_parallel_size=4, ray="auto")    # 32 GPUs of a cluster
    EngineConfig(backend="hf", data_parallel_size=2)                                          # this machine alone
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from rast_eval.config import LOCAL, EngineConfig
from rast_eval.decoding.checks import check_same_members
from rast_eval.decoding.speculation import Acceptance
from rast_eval.errors import BackendError, RastEvalError, UsageError
from rast_eval.types import Completion, Engine, Request, Sampling, System

ANSWER_S = 10
"""Seconds in which an engine that has nothing to do says what it has counted."""

DEATHS = 5
"""Actors that may die one after the other without a completion between them; then the fault is not the machine's."""

KNOCK_S = 10
"""Seconds in which the head of a cluster takes a connection."""

SLIVER = 0.001
"""Of a CPU, what an engine without a GPU asks for: Ray puts actors that ask for nothing on nodes drawn by chance."""

Key = tuple[str, int]
MakeEngine = Callable[[System, EngineConfig], Engine]


class EngineActor:
    """What Ray runs: one engine, in a process of its own."""

    def __init__(self, make: MakeEngine, system: System, config: EngineConfig) -> None:
        self._engine = make(system, config)

    def ready(self) -> dict[str, Any]:
        """The engine's settings, once it has started; see `types.Engine`."""
        return dict(self._engine.settings)

    def activity(self) -> tuple[int, int]:
        """What its engine counted since it started."""
        return self._engine.activity

    def generate(
        self,
        requests: Sequence[Request],
        system: System,
        sampling: Sampling,
        stop: Sequence[str],
        stop_token_ids: Sequence[int],
    ) -> Iterator[Completion]:
        """Completions as they finish, under the λ of `system`: an actor that was started anew has the first ones."""
        self._engine.reweight(system)
        # Ray sends each `yield` a value, which the iterator of a list, one frame further in, does not take.
        for completion in self._engine.generate(requests, sampling, stop, stop_token_ids):  # noqa: UP028
            yield completion


@dataclass
class _Lane:
    """An actor and what it is doing: answering a stream, of which it still owes some requests, or starting anew."""

    actor: Any
    stream: Any = None
    waking: Any = None
    owed: dict[Key, Request] = field(default_factory=dict)


class RayEngine:
    """Implements `types.Engine` with `config.data_parallel_size` engines.

    Args:
        make: loads one of them, in the process of its actor.

    Requests carry their own seeds, so which engine continues them changes nothing but rounding.

    Raises:
        BackendError: Ray cannot be reached.
        UsageError: its machines have too few GPUs.
        RastEvalError: what the first engine to fail raised.
    """

    def __init__(self, make: MakeEngine, system: System, config: EngineConfig) -> None:
        self._ray = _connect(config)
        self._system = system
        single = replace(config, data_parallel_size=1, ray=None)
        actor = self._ray.remote(EngineActor)
        options = _placement(self._ray, config)
        self._lanes = [
            _Lane(actor.options(max_restarts=-1, **option).remote(make, system, single))
            for option in options[: config.data_parallel_size]
        ]
        try:
            self._told = self._get([lane.actor.ready.remote() for lane in self._lanes])
        except BaseException:
            self.close()
            raise

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the first engine; drafts are counted over all of them, as far as they answer."""
        with suppress(self._ray.exceptions.RayError):
            self._told = self._ray.get([lane.actor.ready.remote() for lane in self._lanes], timeout=ANSWER_S)
        found = {**self._told[0], "replicas": len(self._lanes)}
        if "speculation" in found:
            total = Acceptance()
            for told in self._told:
                total.add(Acceptance(**told["speculation"]["acceptance"]))
            found["speculation"] = {**found["speculation"], "acceptance": asdict(total)}
        return found

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """Yield completions of all engines as they finish.

        Raises:
            BackendError: engines die again and again.
            RastEvalError: what an engine raised.
        """
        queue = deque(_by_problem(requests))
        settings = (self._system, sampling, tuple(stop), tuple(stop_token_ids))
        deaths = 0
        try:
            while queue or any(lane.stream for lane in self._lanes):
                for lane in self._lanes:
                    if lane.stream is None and lane.waking is None and queue:
                        self._hand_out(lane, queue, settings)
                busy = {lane.stream or lane.waking: lane for lane in self._lanes if lane.stream or lane.waking}
                ready, _ = self._ray.wait(list(busy), num_returns=1, fetch_local=False)
                lane = busy[ready[0]]
                try:
                    if lane.stream is None:
                        self._get(lane.waking)
                        lane.waking = None
                        continue
                    completion: Completion = self._get(next(lane.stream))
                except StopIteration:
                    pass
                except self._ray.exceptions.RayActorError as error:
                    deaths += 1
                    if deaths > DEATHS:
                        raise BackendError(
                            f"Engines die again and again ({type(error).__name__}).",
                            "Ray's logs say why; lower --max-num-seqs or --max-model-len if memory is short.",
                        ) from error
                    owed = f"{len(lane.owed)} samples are asked again"
                    print(f"an engine died; it is started anew, and {owed} …", file=sys.stderr, flush=True)
                    # Ray starts the actor again and repeats this call until it answers.
                    lane.waking = lane.actor.ready.options(max_task_retries=-1).remote()
                else:
                    deaths = 0
                    del lane.owed[completion.problem_id, completion.sample]
                    yield completion
                    continue
                queue.extendleft(_by_problem(list(lane.owed.values())))
                lane.stream, lane.owed = None, {}
        finally:
            for lane in self._lanes:
                if lane.stream is not None:
                    self._ray.cancel(lane.stream)
                    lane.stream, lane.owed = None, {}

    @property
    def activity(self) -> tuple[int, int]:
        """Of all engines; what one had counted before it died is lost."""
        told = self._get([lane.actor.activity.remote() for lane in self._lanes])
        return sum(acted for acted, _ in told), sum(every for _, every in told)

    def reweight(self, system: System) -> None:
        """Go on with other λ in every engine; see `VLLMEngine.reweight`."""
        check_same_members(self._system, system)
        self._system = system

    def close(self) -> None:
        """End the engines; a Ray of our own ends with the process."""
        for lane in self._lanes:
            self._ray.kill(lane.actor)
        self._lanes = []

    def _hand_out(self, lane: _Lane, queue: deque[list[Request]], settings: tuple[Any, ...]) -> None:
        """Give an idle engine half of its fair share of what is left: large parts first, single problems at the end.

        Each part ends with a few long outputs that leave an engine half empty, so there should be few parts; and the
        last ones should be small, so that all engines end together.
        """
        left = sum(map(len, queue))
        wanted = max(1, left // (2 * len(self._lanes)))
        chosen: list[Request] = []
        while queue and len(chosen) < wanted:
            chosen += queue.popleft()
        lane.owed = {(request.problem_id, request.sample): request for request in chosen}
        lane.stream = lane.actor.generate.options(num_returns="streaming").remote(chosen, *settings)

    def _get(self, refs: Any) -> Any:
        """What the references hold; errors of ours come back as they were raised."""
        try:
            return self._ray.get(refs)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, RastEvalError) else None
            if cause is None:
                raise BackendError(f"An engine failed: {error.cause!r}.", "Type `rast-eval doctor`.") from error
            raise cause from None


def _connect(config: EngineConfig) -> Any:
    """The module `ray`, connected.

    Raises:
        BackendError: no Ray answers, or it does not let us in.
    """
    local = config.ray in (None, LOCAL)
    settings = {"RAY_USAGE_STATS_ENABLED": "0"}  # else Ray asks home about itself, and warns about it
    if local:
        settings["RAY_worker_niceness"] = "0"  # engines are what this machine is for, meanwhile
    if not sys.stderr.isatty():
        settings["RAY_COLOR_PREFIX"] = "0"
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    handler = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": True}
    try:
        if not local and config.ray != "auto":
            _knock(str(config.ray))
        import ray
        from ray._private import ray_constants, worker

        if ray.is_initialized():
            return ray
        # Without this Ray replaces 127.0.0.1 by the address of a network card, and listens on all of them. It is
        # what Ray does by itself where the system is not Linux.
        ray_constants.ENABLE_RAY_CLUSTER = not local
        worker.print_to_stdstream = partial(_on_stderr, worker.print_to_stdstream)
        if local:
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray_constants.NUM_REDIS_GET_RETRIES = 2  # half a minute each, where something else than Ray listens
            ray.init(address=config.ray, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        if "InvalidAuthToken" in str(error):
            raise BackendError(
                f"The Ray at {config.ray} wants a token.",
                "Copy ~/.ray/auth_token of its head to this machine's, and type `export RAY_AUTH_MODE=token`.",
            ) from error
        said = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise BackendError(
            f"There is no Ray at {config.ray or LOCAL}: {said}.",
            "Start one with `ray start --head`, or type --ray without an address for one of your own.",
        ) from error
    signal.signal(signal.SIGTERM, handler)  # Ray's own would end this process with another code and no word
    return ray


def _on_stderr(print_lines: Callable[..., None], lines: Mapping[str, Any], ignore_prefix: bool) -> None:
    """What Ray and the engines say, all of it on stderr."""
    print_lines({**lines, "is_err": True}, ignore_prefix)


def _knock(address: str) -> None:
    """Open a connection to `host:port` once: Ray itself would try for minutes.

    Raises:
        OSError, ValueError: nobody listens there, or it is no address.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ValueError("an address is host:port")
    socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


def _placement(ray: Any, config: EngineConfig) -> list[dict[str, Any]]:
    """Where each engine goes: with its GPUs on one node, or, where no node has so many, over several.

    Raises:
        UsageError: the cluster has too few GPUs.
    """
    gpus = config.tensor_parallel_size * config.pipeline_parallel_size
    nodes = [int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]]
    if not any(nodes):  # engines on CPUs share them as they please, on every node
        return [{"num_cpus": SLIVER, "scheduling_strategy": "SPREAD"}] * config.data_parallel_size
    if sum(nodes) < gpus * config.data_parallel_size:
        raise UsageError(
            f"{config.data_parallel_size} engines of {gpus} GPUs each are more than Ray's {sum(nodes)} GPUs hold.",
            f"Type --data-parallel-size {max(1, sum(nodes) // gpus)}, or a smaller --tensor-parallel-size.",
        )
    if gpus <= max(nodes):
        return [{"num_gpus": gpus}] * config.data_parallel_size
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    # vLLM's own Ray executor places one worker a bundle of the group that its driver belongs to.
    return [
        {
            "num_gpus": 0,
            "scheduling_strategy": PlacementGroupSchedulingStrategy(
                placement_group([{"GPU": 1, "CPU": 1}] * gpus, strategy="PACK"),
                placement_group_capture_child_tasks=True,
            ),
            "runtime_env": {"env_vars": {"RAST_EVAL_EXECUTOR": "ray"}},
        }
        for _ in range(config.data_parallel_size)
    ]


def _by_problem(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests in groups of one problem: an engine that has all of its samples caches their prompt once."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.problem_id, []).append(request)
    return list(groups.values())
