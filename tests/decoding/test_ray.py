"""Engines on a real Ray: the outputs of one, whatever dies."""

import ipaddress
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("torch")

from commands import COMMAND, figures, rast_eval  # noqa: E402

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.loading import load_tokenizer  # noqa: E402
from rast_eval.decoding.ray import RayEngine, _by_problem  # noqa: E402
from rast_eval.errors import BackendError, UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.types import Request, Sampling  # noqa: E402
from tools.torture import an_engine, descendants  # noqa: E402

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


@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1:1", "Connection refused"), ("127.0.0.1", "an address is host:port")]
)
def test_no_ray_at_an_address_is_one_sentence(address, why):
    with pytest.raises(BackendError, match=rf"^There is no Ray at {address}: {why}.\n"):
        make_engine(RAST, EngineConfig(ray=address))


def test_engines_that_always_die_are_an_error(monkeypatch, two):
    original = RayEngine._hand_out

    def hand_out_and_kill(self, lane, *arguments):
        original(self, lane, *arguments)
        ray.kill(lane.actor, no_restart=False)

    monkeypatch.setattr("rast_eval.decoding.ray.DEATHS", 2)
    monkeypatch.setattr(RayEngine, "_hand_out", hand_out_and_kill)
    with pytest.raises(BackendError, match="again and again"):
        outputs(two, requests())


@pytest.fixture
def cluster(monkeypatch):
    """Address of a head and a second node, on two addresses of the loopback interface, and a token for both."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.2:{port}"
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", "--block"]
    head = ["--head", f"--port={port}", "--node-ip-address=127.0.0.2", "--include-dashboard=false"]
    nodes = []
    # Sockets lie below it, and their paths may have 107 letters.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder, (Path(folder) / "log").open("wb") as log:
        try:
            for flags in (head, [f"--address={address}", "--node-ip-address=127.0.0.3"]):
                told = {"stdout": log, "stderr": log, "env": {**os.environ, "RAY_TMPDIR": folder}}
                nodes.append(subprocess.Popen([*start, *flags], start_new_session=True, **told))
                while not listens(port):
                    assert nodes[0].poll() is None, Path(log.name).read_text()
                    time.sleep(0.1)
            yield address, nodes
        finally:
            for pid in [pid for node in nodes for pid in (node.pid, *descendants(node.pid))]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for node in nodes:
                node.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.2", port)) == 0


NODES = """
import sys, time, ray
ray.init(address=sys.argv[1], logging_level="ERROR")
while sum(node["Alive"] for node in ray.nodes()) < 2: time.sleep(0.1)
"""
SMALL = ["-L", "24", "--n", "1", "--max-num-seqs", "2", "--temperature", "0"]
SPREAD = ["--data-parallel-size", "2", "--ray"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of one process."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    rast_eval("run", "--arms", "rast", *SMALL, "-o", folder, cwd=folder.parent)
    return folder


def begun(command, folder):
    """The command, once it has put a sample more on disk, and how many there are."""
    held = len(texts(folder))
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*COMMAND, *command, "-o", folder], **piped)
    while (now := len(texts(folder))) == held:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process, now


def texts(folder):
    """Problem and output of every whole line."""
    lines = [line for path in folder.rglob("samples/*/*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]]
    return sorted((row["problem_id"], row["output"]) for row in map(json.loads, lines))


def ended(process):
    """What was said on stderr; nothing of it on stdout."""
    result, told = process.communicate()
    assert process.returncode == 0, told
    assert "ray" not in result
    return told


def test_a_run_over_two_nodes_outlives_its_driver_and_one_of_them(tmp_path, cluster, whole):
    address, nodes = cluster
    subprocess.run([sys.executable, "-c", NODES, address], check=True, timeout=120)
    command = ["run", "--arms", "rast", *SMALL, *SPREAD, address]
    run, _ = begun(command, tmp_path / "run")
    run.kill()
    run.communicate()
    run, held = begun(command, tmp_path / "run")
    for pid in [*descendants(nodes[1].pid), nodes[1].pid]:
        os.kill(pid, signal.SIGKILL)
    assert "an engine died; it is started anew" in ended(run)
    assert held < len(texts(tmp_path / "run"))
    assert texts(tmp_path / "run") == texts(whole)
    assert figures(tmp_path / "run") == figures(whole)


def test_a_sweep_on_a_ray_of_its_own_outlives_an_engine_and_listens_to_this_machine_only(tmp_path, whole):
    sweep, held = begun(["sweep", "--lambda", "0.5,1", *SMALL, *SPREAD, "local"], tmp_path / "sweep")
    listening = [place for pid in descendants(sweep.pid) for place in listeners(pid)]
    engine = an_engine(sweep.pid)
    os.kill(engine, signal.SIGKILL)
    assert "an engine died; it is started anew" in ended(sweep)
    assert listening
    assert set(listening) <= {"127.0.0.1", "::ffff:7f00:1"}
    assert held < len(texts(tmp_path / "sweep")) == 48
    assert texts(tmp_path / "sweep" / "lambda=1,temperature=0") == texts(whole)


def listeners(pid):
    """Addresses on which a process listens."""
    links = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    for file, length in (("tcp", 4), ("tcp6", 16)):
        for line in Path(f"/proc/{pid}/net/{file}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in links:
                words = [bytes.fromhex(local[i : i + 8])[::-1] for i in range(0, 2 * length, 8)]
                yield str(ipaddress.ip_address(b"".join(words)))
