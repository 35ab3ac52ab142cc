from __future__ import annotations

import json
import os
import threading
import time

import pytest

from rast_eval.errors import SandboxError
from rast_eval.scoring import get_scorer
from rast_eval.scoring.code.frames import Frames
from rast_eval.scoring.code.sandbox import Execution, Limits, Pool, Sandbox, bwrap, run_pool
from rast_eval.scoring.code.sandbox.inside import codec, seccomp

pytestmark = pytest.mark.slow


def execution(code, inputs=((1,),), limits=Limits(call=1.0), **options):  # noqa: B008
    head = {"mode": "calls", "code": code, "entry": "f", **options}
    return Execution(json.dumps(head).encode() + b"\n" + codec.encode([list(call) for call in inputs]).encode(), limits)


def returned(sandbox, *arguments, **options):
    frames, found = Frames(), []

    def consume(piece):
        found.extend(frames.push(piece))
        return True

    outcome = sandbox.run(execution(*arguments, **options), consume)
    return outcome, [codec.decode(body) if kind == "=" else body.decode() for kind, body in found]


@pytest.fixture(params=["bubblewrap", "unsafe"])
def any_sandbox(request):
    if request.param == "bubblewrap":
        request.getfixturevalue("bwrap")
    with Sandbox(unsafe=request.param == "unsafe") as opened:
        yield opened


def test_returned_data_come_back(any_sandbox):
    outcome, values = returned(any_sandbox, "def f(x):\n    return (x, [x + 0.5], {x}, {x: None})", [[1], [2]])
    assert outcome.why == "exited"
    assert outcome.code == 0
    assert values == [(1, [1.5], {1}, {1: None}), (2, [2.5], {2}, {2: None})]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def f(x):\n    while True:\n        pass", "time"),
        ("while True:\n    pass", "time"),
        ("def f(x):\n    import time\n    time.sleep(600)", "time"),
        ("def f(x):\n    import os\n    os.kill(os.getpid(), 9)", "exited"),
        ("def f(x):\n    return 'x' * (1 << 27)", "output"),
        ("def f(x):\n    import os\n    return os.fork()", "exited"),
        ("def f(x):\n    import socket\n    return socket.socket().fileno()", "exited"),
        ("def f(x):\n    return bytearray(1 << 36)", "exited"),
    ],
)
def test_limits_hold_and_the_next_program_runs(any_sandbox, code, why):
    limits = Limits(load=1.0, call=1.0, total=3.0, output=1 << 20)
    outcome, values = returned(any_sandbox, code, limits=limits)
    assert outcome.why == why
    assert not values or isinstance(values[0], str)
    assert returned(any_sandbox, "def f(x):\n    return x")[1] == [1]


def test_consuming_can_stop_a_program_early(any_sandbox):
    started = time.monotonic()
    many = [[number] for number in range(1000)]
    code = "import time\ndef f(x):\n    time.sleep(0.02)\n    return 'x' * 100000"
    outcome = any_sandbox.run(execution(code, many, Limits()), lambda _: False)
    assert outcome.why == "aborted"
    assert time.monotonic() - started < 10
    assert returned(any_sandbox, "def f(x):\n    return x")[1] == [1]


def test_a_sandbox_in_which_anything_was_left_is_replaced(sandbox):
    code = (
        "import os\ndef f(x):\n    before = os.listdir('/tmp')\n    open('/tmp/left', 'w').close()\n    return before"
    )
    for _ in range(3):
        assert returned(sandbox, code)[1] == [[]]


@pytest.mark.parametrize("mark", ["os.mkdir('/tmp/a'); os.rmdir('/tmp/a')", "os.remove(tempfile.mkstemp()[1])"])
def test_no_mark_on_the_temporary_folder_reaches_the_next_program(sandbox, mark):
    """A folder's times say that something was there; a sandbox in which they moved is thrown away."""
    assert returned(sandbox, f"import os, tempfile\ndef f(x):\n    {mark}\n    return x")[1] == [1]
    assert sandbox._process is None
    assert returned(sandbox, "import os\ndef f(x):\n    return os.listdir('/tmp')")[1] == [[]]
    assert sandbox._process is not None


def test_nothing_can_be_marked_but_a_programs_own_files(any_sandbox):
    """Under root the devices of the machine would be the program's."""
    code = """
import os, tempfile
def f(x):
    open('/dev/null', 'w').write('x')
    own = os.getcwd()
    marked = []
    for path in {own, '/tmp', *(line.split()[1] for line in open('/proc/self/mounts'))}:
        for change in (
            lambda: os.utime(path, ns=(5, 7)),
            lambda: os.chmod(path, os.stat(path).st_mode),
            lambda: os.chown(path, os.getuid(), -1),
            lambda: os.setxattr(path, 'user.note', b'7'),
        ):
            try:
                change()
                marked.append(path)
            except OSError:
                pass
    return [marked, len(os.urandom(8))]
"""
    assert returned(any_sandbox, code)[1] == [[[], 8]]


def test_a_dead_fork_server_is_replaced(any_sandbox):
    assert returned(any_sandbox, "def f(x):\n    return x")[1] == [1]
    any_sandbox._process.kill()
    any_sandbox._process.wait()
    assert returned(any_sandbox, "def f(x):\n    return x")[0].why == "lost"
    assert returned(any_sandbox, "def f(x):\n    return x")[1] == [1]


def test_what_a_candidate_sees_of_this_machine(sandbox):
    code = """
import os
def f(x):
    return [sorted(os.environ), os.getuid(), os.getpid() < 100, os.path.exists('/etc/passwd'), os.listdir('/tmp'),
            os.uname().nodename, [line.split()[0].rstrip(':') for line in open('/proc/net/dev').readlines()[2:]]]
"""
    ((names, uid, low, passwd, temporary, host, interfaces),) = returned(sandbox, code)[1]
    allowed = {*bwrap.ENVIRONMENT, "PWD", "LC_CTYPE"}
    assert set(names) <= allowed
    assert (uid, low, passwd, temporary, host) == (65534, True, False, [], "sandbox")
    assert set(interfaces) <= {"lo", "sit0", "ip6tnl0", "tunl0"}


def test_numpy_is_loaded_only_when_asked_for(sandbox):
    look = "import sys\n{}\ndef f(x):\n    return 'numpy' in sys.modules"
    assert returned(sandbox, look.format(""))[1] == [False]
    assert returned(sandbox, look.format("import numpy"))[1] == [True]


@pytest.mark.usefixtures("bwrap")
def test_packages_of_an_environment_in_tmp_can_be_imported(tmp_path, monkeypatch):
    (tmp_path / "installed.py").write_text("value = 7\n")
    monkeypatch.setattr(bwrap, "site_folders", lambda: [str(tmp_path)])
    with Sandbox() as sandbox:
        outcome, values = returned(
            sandbox, "import installed, os\ndef f(x):\n    return installed.value, os.listdir('/tmp')"
        )
    assert (outcome.why, values) == ("exited", [(7, [])])


def test_a_timeout_counts_only_if_it_happens_again_alone(bwrap):
    running, most, calls = set(), [], {"slow once": 0, "slow twice": 0, "fine": 0}
    lock = threading.Lock()

    def task(name):
        def run(sandbox):
            with lock:
                running.add(name)
                calls[name] += 1
            time.sleep(0.05)
            with lock:
                most.append((name, len(running)))
                running.discard(name)
            return name == "slow twice" or (name == "slow once" and calls[name] == 1)

        return run

    assert run_pool([task(name) for name in calls], bool, workers=3) == [False, True, False]
    assert calls == {"slow once": 2, "slow twice": 2, "fine": 1}
    assert [count for name, count in most[3:]] == [1, 1]


def test_a_pool_gets_ready_before_its_tasks_come(bwrap):
    with Pool(2, workers=5) as pool:
        started = [sandbox._process.pid for sandbox in pool._sandboxes]
        assert len(started) == 2
        task = lambda sandbox: (sandbox._process.pid, returned(sandbox, "def f(x):\n    return x")[1])  # noqa: E731
        ((used, values),) = pool.run([task], lambda _: False)
    assert used in started
    assert values == [1]
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_failing_task_ends_the_pool(bwrap):
    def broken(sandbox):
        raise RuntimeError("ours, not the candidate's")

    with pytest.raises(RuntimeError):
        run_pool([broken, lambda sandbox: None], bool, workers=2)
    assert run_pool([], bool) == []


def test_without_bubblewrap_the_error_says_what_to_type(monkeypatch):
    bwrap.require_bwrap.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere-at-all")
    with pytest.raises(SandboxError, match="not installed") as caught:
        get_scorer("evalplus")
    assert "apt-get install bubblewrap" in caught.value.hint
    assert "--unsafe-code-execution" in caught.value.hint
    bwrap.require_bwrap.cache_clear()


def test_unsafe_execution_warns_of_what_it_does_not_cover(capsys):
    get_scorer("livecodebench", unsafe=True)
    warning = capsys.readouterr().err
    assert "WITHOUT a sandbox" in warning
    assert "your files are not" in warning


def test_frames_in_any_pieces():
    stream = b"=1\n=" + b"x" * 5000 + b"\n!E\n"
    for size in (1, 2, 3, 7, 4096, len(stream)):
        frames = Frames()
        found = [item for at in range(0, len(stream), size) for item in frames.push(stream[at : at + size])]
        assert found == [("=", b"1"), ("=", b"x" * 5000), ("!", b"E")]
        assert not frames.broken


def test_frames_that_no_harness_sends():
    for stream, before in (
        (b"\n=1\n", 0),
        (b"=1\n\n=2\n", 1),
        (b"=" + b"x" * 10 + b"\n=1\n", 0),
        (b"=" + b"x" * 10, 0),
    ):
        frames = Frames(most=10)
        assert list(frames.push(stream)) == [("=", b"1")] * before
        assert frames.broken


@pytest.mark.parametrize("size", [100, 70_000])
def test_what_a_program_returned_before_it_failed_arrives(any_sandbox, size):
    code = "def f(x):\n    if x == 3:\n        raise type('Two\\nLines', (Exception,), {})\n    return 'x' * x"
    outcome, values = returned(any_sandbox, code, [[1], [size], [2], [3]])
    assert (outcome.why, outcome.code) == ("exited", 3)
    assert values == ["x", "x" * size, "xx", "Two Lines"]


def test_filters_are_whole_programs_for_known_machines():
    for machine in ("x86_64", "aarch64"):
        code = seccomp.program(os.getpid(), machine)
        assert len(code) % 8 == 0
        assert len(code) // 8 < 4096
    assert seccomp.program(1, "riscv64") == b""
