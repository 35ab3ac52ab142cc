"""What becomes of a server whose `serve` is gone, on processes that are as stubborn as an engine."""

import subprocess
import sys
import time

import pytest

from rast_eval.decoding.vllm import keeper

STUBBORN = "trap '' TERM; (trap '' TERM; sleep 60) & sleep 60; sleep 60"


@pytest.mark.parametrize(("server", "patience"), [("sleep 60 & wait", 60.0), (STUBBORN, 0.3)])
def test_a_group_ends_asked_or_killed(server, patience):
    process = subprocess.Popen(["bash", "-c", server], start_new_session=True)
    time.sleep(0.3)
    keeper.end(process.pid, patience)
    process.wait(timeout=10)
    while keeper.is_alive(process.pid):
        time.sleep(0.05)


def test_the_end_of_the_pipe_is_the_end_of_the_server():
    server = subprocess.Popen(["sleep", "60"], start_new_session=True)
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-I', {keeper.__file__!r}, "
    parent += f"'{server.pid}'], stdin=subprocess.PIPE, start_new_session=True); time.sleep(60)"
    serve = subprocess.Popen([sys.executable, "-c", parent])
    time.sleep(1)
    assert server.poll() is None
    serve.kill()
    serve.wait()
    assert server.wait(timeout=30) < 0
