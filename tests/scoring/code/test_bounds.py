"""What a program sends or is made of costs the judging process little time and memory, however it is chosen."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import tracemalloc

import pytest

from rast_eval.scoring.code.lcb_tests import Cases, same_output
from rast_eval.scoring.code.livecodebench import judge
from rast_eval.scoring.code.oracles import Oracle, comparable
from rast_eval.scoring.code.sandbox import Execution, Limits, Sandbox
from rast_eval.scoring.code.sandbox.inside import codec
from rast_eval.scoring.code.sanitize import sanitize

pytestmark = pytest.mark.slow

ORACLE = Oracle("humaneval_plus", "f", 0, 0)
EQUAL_HASHES = [number * (2**61 - 1) for number in range(100_000)]


@pytest.fixture
def memory():
    """Fails a test in which Python allocates more than 100 MB."""
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 << 20


@pytest.fixture
def quick():
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("tag", ["s", "f", "d"])
def test_a_set_of_equal_hashes_is_refused(quick, tag):
    items = [[item, 1] for item in EQUAL_HASHES] if tag == "d" else EQUAL_HASHES
    with pytest.raises(ValueError, match="hashes"):
        codec.decode(json.dumps({tag: items}))


def test_sets_with_a_few_equal_hashes_are_read():
    pairs = {(left, right) for left in range(-40, 40) for right in range(-40, 40)}
    assert codec.decode(codec.encode(pairs)) == pairs
    assert codec.decode(codec.encode(dict.fromkeys(pairs, -1))) == dict.fromkeys(pairs, -1)


def test_lists_that_numpy_would_stretch_or_widen_are_not_close(memory):
    numbers = [number + 0.5 for number in range(3000)]
    expected = codec.encode(numbers).encode()
    for value in ([[number] for number in numbers], ["", *[""] * 2998, "x" * 200_000], numbers[1:], [[]] * 3000, 1.0):
        assert not ORACLE.accepts(0, (), codec.encode(value).encode(), expected)
    assert ORACLE.accepts(0, (), codec.encode([number + 1e-8 for number in numbers]).encode(), expected)


def test_only_what_can_equal_the_expected_output_is_read():
    numbers = list(range(100_000))
    whole, floats = codec.encode(numbers).encode(), codec.encode(list(map(float, numbers))).encode()
    assert comparable(floats, whole)
    assert comparable(whole, floats)
    assert comparable(codec.encode([True] * 100_000).encode(), codec.encode([1] * 100_000).encode())
    assert not comparable(b"[" + b"[]," * 100_000 + b"[]]", b"1" * 100_000)
    assert not comparable(b'"' + b"x" * 1_000_000 + b'"', b"1" * 100_000)


def test_printed_text_is_cut_up_no_further_than_the_expected(memory):
    for printed in ("11 " * 5_000_000, "1" + "\n" * 10_000_000 + "1"):
        assert not same_output(printed, "1 2\n3")
        assert not same_output(printed, "1 2")
    assert same_output("1.0  2 \n\n", "1 2.0")


@pytest.mark.parametrize("function", [None, "f"])
def test_a_flood_of_small_objects_is_not_read(sandbox, memory, function):
    flood = "b'=[' + b'[],' * 5_000_000 + b'[]]\\n'"
    writes = f"for fd in range(3, 64):\n    try:\n        os.write(fd, {flood})\n    except OSError:\n        pass"
    tests = Cases(function, ("1",), ("1" * 1_000_000,))
    assert judge(sandbox, f"import os\n{writes}\ndef f(x): return 1", tests, "official").status != "pass"


@pytest.mark.parametrize(
    "text", ["@a\n" * 3000, "a + \\\n" * 2000, ("[1\n" + ", 1\n" * 20) * 300, "import os\n" * 200_000]
)
def test_no_text_takes_long_to_search(quick, monkeypatch, text):
    monkeypatch.setattr("rast_eval.scoring.code.sanitize.MAX_WORK", 1_000_000)
    assert len(sanitize(text, "f")) <= 500_000


def test_threads_of_its_own_do_not_slow_a_program_s_clock(bwrap):
    code = """
import hashlib, os, threading
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
def spin():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 20_000_000)
for _ in range(10):
    threading.Thread(target=spin, daemon=True).start()
def f(x):
    spin()
"""
    head = {"mode": "calls", "code": code, "entry": "f"}
    with Sandbox() as sandbox:
        execution = Execution(json.dumps(head).encode() + b"\n[[1]]", Limits(load=30, call=1, total=60))
        started = time.monotonic()
        outcome = sandbox.run(execution, lambda _: True)
        wall = time.monotonic() - started
    assert outcome.why == "time"
    assert wall < outcome.seconds + 5


OWNED = """
import fcntl, os
def f(x):
    read, write = os.pipe()
    fcntl.fcntl(read, 8, {pid})
    fcntl.fcntl(read, 10, 9)
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(write, b"x")
"""
DATAGRAM = """
import socket
def f(x):
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.send(b"x")
    assert other.recv(1) == b"x"
    one.sendto(b"x", {address!r})
"""


def test_without_bubblewrap_nobody_outside_is_signalled_or_spoken_to(tmp_path):
    address = str(tmp_path / "socket")
    with (
        subprocess.Popen(["sleep", "60"]) as other,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
        Sandbox(unsafe=True) as sandbox,
    ):
        listener.bind(address)
        listener.setblocking(False)
        for code in (OWNED.format(pid=other.pid), DATAGRAM.format(address=address)):
            head = {"mode": "calls", "code": code, "entry": "f"}
            pieces: list[bytes] = []
            sandbox.run(
                Execution(json.dumps(head).encode() + b"\n[[1]]", Limits()), lambda p, to=pieces: not to.append(p)
            )
            if os.uname().machine in ("x86_64", "aarch64"):
                assert b"".join(pieces) == b"!PermissionError\n"
        assert other.poll() is None
        with pytest.raises(BlockingIOError):
            listener.recv(1)
        other.kill()
