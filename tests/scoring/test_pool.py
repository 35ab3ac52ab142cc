"""Workers that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from rast_eval.errors import BackendError
from rast_eval.scoring.pool import WorkerPool

HERE = "tests_pool_handlers"
HANDLERS = """
import os, signal, time
started = os.getpid()
def handle(task):
    kind, value = task
    if kind == "spin":
        while True: pass
    if kind == "big": return len(str(7 ** (10 ** 9)))
    if kind == "memory": return len(bytearray(value << 20))
    if kind == "raise": raise KeyError("x")
    if kind == "die": os.kill(os.getpid(), signal.SIGKILL)
    if kind == "die once":
        try:
            os.close(os.open(value, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return "lives"
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "kill the forker": os.kill(os.getppid(), signal.SIGKILL)
    if kind == "exit": os._exit(3)
    if kind == "sleep": time.sleep(value)
    if kind == "pid": return os.getpid()
    return value
def warm_up(): globals().update(warm=True)
def warmed(task): return warm
def broken(): raise RuntimeError("no")
"""


@pytest.fixture(scope="module", autouse=True)
def handlers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handlers")
    (folder / f"{HERE}.py").write_text(HANDLERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield


def pool(workers=2, **options):
    return WorkerPool(f"{HERE}:handle", workers, **{"cpu_seconds": 0.2, **options})


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_keep_their_order(workers):
    with pool(workers) as some:
        tasks = [("echo", {"n": n, "text": "\ud800\0é" * (n % 7)}) for n in range(300)]
        assert [outcome.value for outcome in some.map(tasks)] == [value for _, value in tasks]
        assert some.map([]) == []


def test_what_goes_wrong_stays_with_its_task():
    kinds = ["echo", "spin", "echo", "raise", "echo", "die", "echo", "exit", "echo", "big", "echo", "memory", "echo"]
    with pool(memory_bytes=1 << 30) as some:
        outcomes = some.map([(kind, 4096) for kind in kinds])
    assert [outcome.status for outcome in outcomes[::2]] == ["ok"] * 7
    assert [(outcome.status, outcome.error) for outcome in outcomes[1::2]] == [
        ("timeout", ""),
        ("error", "KeyError"),
        ("error", "SIGKILL"),
        ("error", "exit 3"),
        ("timeout", ""),
        ("error", "MemoryError"),
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_what_a_kill_from_outside_interrupted_is_tried_once_more(tmp_path, workers):
    tasks = [("die once", str(tmp_path / str(n))) if n % 3 == 1 else ("echo", n) for n in range(20)]
    with pool(workers) as some:
        outcomes = some.map(tasks)
        assert [(outcome.status, outcome.value) for outcome in outcomes] == [
            ("ok", "lives" if kind == "die once" else value) for kind, value in tasks
        ]
        idle = some.map([("pid", 0)])[0].value
        os.kill(idle, signal.SIGTERM)
        assert [outcome.value for outcome in some.map([("echo", 1), ("echo", 2)])] == [1, 2]


def test_a_parent_of_workers_that_is_gone_is_one_sentence():
    with pool(1) as some, pytest.raises(BackendError, match="ended from outside"):
        some.map([("kill the forker", 0), ("die", 0)])


def test_sleep_uses_no_cpu_time_but_ends_at_the_ceiling():
    with pool(wall_seconds=0.5) as some:
        outcomes = some.map([("sleep", 3600), ("echo", 1), ("sleep", 3600), ("echo", 2)])
    assert [outcome.status for outcome in outcomes] == ["timeout", "ok", "timeout", "ok"]
    assert outcomes[0].error == "wall"


def test_a_budget_is_cpu_time():
    with pool(cpu_seconds=0.2) as some:
        assert some.map([("sleep", 0.5)])[0].status == "ok"


def test_workers_are_reused_and_end_with_the_pool():
    with pool(1) as some:
        (first,) = some.map([("pid", 0)])
        (second,) = some.map([("pid", 0)])
        assert first.value == second.value
    for _ in range(100):
        if not os.path.exists(f"/proc/{first.value}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{first.value}")


def test_warm_up_runs_before_the_workers():
    with WorkerPool(f"{HERE}:warmed", 1, warm_up=f"{HERE}:warm_up") as some:
        assert some.map([0])[0].value is True


def test_a_handler_that_cannot_be_loaded_is_named(capfd):
    with pytest.raises(BackendError, match="did not start"):
        WorkerPool("no_such_module:f", 1).map([1])
    assert "no_such_module" in capfd.readouterr().err


def test_an_unguarded_script_may_use_a_pool(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from rast_eval.scoring.pool import WorkerPool\n"
        f"print(WorkerPool('{HERE}:handle', 2).map([('echo', 1)])[0].value)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"


def test_no_process_outlives_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfrom rast_eval.scoring.pool import WorkerPool\n"
        f"pool = WorkerPool('{HERE}:handle', 1)\nprint(pool.map([('pid', 0)])[0].value, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    for _ in range(200):
        if not os.path.exists(f"/proc/{worker}"):
            return
        time.sleep(0.05)
    pytest.fail("the worker lives on")
