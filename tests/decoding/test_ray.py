"""Engines on a real Ray: the outputs of one, whatever dies."""

import json
import os
import signal
import subprocess
import sys

import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("torch")

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.loading import load_tokenizer  # noqa: E402
from rast_eval.decoding.ray import RayEngine, _by_problem  # noqa: E402
from rast_eval.errors import BackendError, UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.types import Request, Sampling  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.ray]

RAST = resolve_models().system("rast")
GREEDY = Sampling(0.0, 1.0, 60)
TWO = EngineConfig(data_parallel_size=2, max_num_seqs=4)


def requests(problems=8, samples=2):
    tokenizer = load_tokenizer(RAST.base)
    rows = [f"Q: Tom has {20 + i} coins. Mon buys {2 + i % 5} bags of 7. How many?\nA:" for i in range(problems)]
    ids = [tuple(tokenizer(row)["input_ids"]) for row in rows]
    return [Request(str(i), j, row, 10 * i + j) for i, row in enumerate(ids) for j in range(samples)]


def pids(engine):
    """Process of each actor, once it answers."""
    for lane in engine._lanes:
        ray.get(lane.actor.ready.options(max_task_retries=-1).remote())
    return ray.get([lane.actor.__ray_call__.remote(lambda actor: os.getpid()) for lane in engine._lanes])


def outputs(engine, wanted, sampling=GREEDY, kill=None):
    """Outputs by key; process `kill` is killed after the first completion."""
    found = {}
    for completion in engine.generate(wanted, sampling, (), ()):
        assert (completion.problem_id, completion.sample) not in found
        found[completion.problem_id, completion.sample] = completion.output
        if kill:
            os.kill(kill, signal.SIGKILL)
            kill = None
    return found


@pytest.fixture(scope="module")
def alone():
    engine = make_engine(RAST, EngineConfig(max_num_seqs=4))
    found = {sampling: outputs(engine, requests(), sampling) for sampling in (GREEDY, Sampling(1.0, 0.95, 60))}
    engine.close()
    return found


@pytest.fixture(scope="module")
def two():
    engine = make_engine(RAST, TWO)
    assert isinstance(engine, RayEngine)
    yield engine
    engine.close()
    ray.shutdown()


def test_two_engines_give_the_outputs_of_one(two, alone):
    for sampling, expected in alone.items():
        assert outputs(two, requests(), sampling) == expected


def test_an_engine_killed_in_the_middle_costs_time_only(two, alone):
    before = pids(two)
    assert outputs(two, requests(), kill=before[0]) == alone[GREEDY]
    assert pids(two)[0] != before[0]
    assert outputs(two, requests()) == alone[GREEDY]


def test_weights_reach_an_engine_that_was_started_anew(two, alone):
    zero = resolve_models(weight=0.0).system("rast")
    two.reweight(zero)
    one = make_engine(zero, EngineConfig(max_num_seqs=4))
    assert outputs(two, requests(), kill=pids(two)[1]) == outputs(one, requests())
    one.close()
    two.reweight(RAST)
    assert outputs(two, requests()) == alone[GREEDY]


def test_an_abandoned_generation_leaves_nothing_behind(two, alone):
    stream = two.generate(requests(), GREEDY, (), ())
    next(stream)
    stream.close()
    assert outputs(two, requests()) == alone[GREEDY]


def test_a_mistake_comes_back_as_it_was_raised(two):
    other = resolve_models("tiny-m", ["tiny-s"]).system("rast")
    with pytest.raises(UsageError, match="Only λ"):
        two.reweight(other)
    with pytest.raises(UsageError, match="splits no model"):
        make_engine(RAST, EngineConfig(data_parallel_size=2, tensor_parallel_size=2))


def test_requests_of_one_problem_stay_together():
    assert [[r.sample for r in group] for group in _by_problem(requests(2, 3))] == [[0, 1, 2]] * 2


def test_no_ray_at_an_address_is_one_sentence():
    code = (
        "from rast_eval.config import EngineConfig; from rast_eval.decoding.ray import _connect\n"
        "try: _connect(EngineConfig(ray='127.0.0.1:1'))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "BackendError There is no Ray at 127.0.0.1:1" in done.stdout, done.stderr


def test_engines_that_always_die_are_an_error(monkeypatch, two):
    original = RayEngine._hand_out

    def hand_out_and_kill(self, lane, *arguments):
        original(self, lane, *arguments)
        ray.kill(lane.actor, no_restart=False)

    monkeypatch.setattr("rast_eval.decoding.ray.DEATHS", 2)
    monkeypatch.setattr(RayEngine, "_hand_out", hand_out_and_kill)
    with pytest.raises(BackendError, match="again and again"):
        outputs(two, requests())


def test_two_nodes_of_a_cluster(tmp_path, alone):
    """A head and a second node, both on the loopback interface; each engine on a node of its own."""
    environment = {**os.environ, "RAY_TMPDIR": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--disable-usage-stats"]
    local = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 120}
    head = ["--head", "--port=6399", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    try:
        subprocess.run([*start, *head], check=True, **local)
        subprocess.run([*start, "--address=127.0.0.1:6399", "--node-ip-address=127.0.0.2"], check=True, **local)
        code = (
            "import json, sys; sys.path.insert(0, sys.argv[1]); import test_ray as t; import ray\n"
            "from dataclasses import replace\n"
            "engine = t.make_engine(t.RAST, replace(t.TWO, ray='127.0.0.1:6399'))\n"
            "found = t.outputs(engine, t.requests())\n"
            "alive = sum(node['Alive'] for node in ray.nodes())\n"
            "print(json.dumps([alive, [[*key, text] for key, text in found.items()]]))"
        )
        done = subprocess.run([sys.executable, "-c", code, os.path.dirname(__file__)], **local)
        assert done.returncode == 0, done.stderr
        alive, rows = json.loads(done.stdout.splitlines()[-1])
        assert alive == 2
        assert {(problem, sample): text for problem, sample, text in rows} == alone[GREEDY]
    finally:
        subprocess.run([sys.executable, "-m", "ray.scripts.scripts", "stop", "--force"], **local)
