"""The first process inside the sandbox: forks one child a program, watches its clock, then kills whatever is left.

Started as `python -I -S forkserver.py SOCKET_FD KIND SITE_DIR…` with KIND `namespace` (process 1 of its own process
namespace: what is left is killed with kill(-1), and nothing inside can signal process 1) or `bare` (limits only).

A program arrives as one datagram, a JSON header of limits, with two or three descriptors: the payload, the pipe for
results and, for programs, the pipe for stdin. The payload is read by the child only, and results go straight to the
other side: nothing that one candidate sees or says ever lies in this process, from which the next one is forked.
"""

from __future__ import annotations

import contextlib
import gc
import json
import mmap
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = 100
"""How often a running program is looked at within the limit of one call: each look takes the CPU from it."""
SHORTEST_TICK, LONGEST_TICK = 0.01, 0.05
SEND_SECONDS = 30
"""Between two calls outputs are encoded and sent, which the other side may hold up."""
MAX_FILES = 2000
"""Inodes a program may use in the temporary file system."""


def main() -> None:
    """Serve programs until the other side closes the socket."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    namespace = sys.argv[2] == "namespace"
    sys.path[:0] = [HERE]
    sys.path += sys.argv[3:]
    import harness
    import seccomp

    sys.path.remove(HERE)
    exec(harness.prelude, {})  # the modules most programs use are loaded before the first fork
    sys.setrecursionlimit(1000)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the default action is what process 1 is immune to
    gc.collect()
    gc.freeze()  # collections in the children leave the pages of what is loaded here alone
    seccomp.hide()
    if not namespace:
        seccomp.adopt_orphans()
    server = Server(channel, namespace)
    channel.send(b'{"ready": true}')
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not message:
            return
        if descriptors:  # a bare datagram is an abort that came too late
            channel.send(json.dumps(server.run(json.loads(message), descriptors)).encode())


class Server:
    """Runs one program at a time."""

    def __init__(self, channel: socket.socket, namespace: bool) -> None:
        self.channel = channel
        self.namespace = namespace
        self.untouched = _marks("/tmp")

    def run(self, header: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Fork, watch, kill, reap. The report's `clean` is False when the sandbox must be thrown away."""
        shared = mmap.mmap(-1, 8)
        progress = memoryview(shared).cast("Q")
        folder = "/tmp" if self.namespace else tempfile.mkdtemp(prefix="rast-eval-")
        pid = os.fork()
        if pid == 0:
            self._child(header, descriptors, progress, folder)
        for descriptor in descriptors:
            os.close(descriptor)
        why, own = self._watch(pid, header, progress)
        _kill(pid)
        _, status = os.waitpid(pid, 0)
        self._reap()
        started = (progress[0] + 1) // 2
        progress.release()
        shared.close()
        clean = self._clean(folder)
        return {"code": os.waitstatus_to_exitcode(status), "why": why, "own": own, "started": started, "clean": clean}

    def _watch(self, pid: int, header: dict[str, Any], progress: Any) -> tuple[str, float]:
        """Wait for the child to end or to overstep. Its seconds do not count time spent waiting for a CPU."""
        limits = header["limits"]
        special: dict[str, float] = limits.get("special", {})
        clock = _Clock(pid)
        seen, since = 0, 0.0
        tick_ms = 1000 * min(max(limits["call"] / TICKS, SHORTEST_TICK), LONGEST_TICK)
        poller = select.poll()
        child = os.pidfd_open(pid)
        poller.register(child, select.POLLIN)
        poller.register(self.channel, select.POLLIN)
        try:
            while True:
                ready = {fd for fd, _ in poller.poll(tick_ms)}
                if child in ready:
                    return "exited", clock.own()
                own = clock.own()
                if self.channel.fileno() in ready:
                    self.channel.recv(4096)
                    return "aborted", own
                if progress[0] != seen:
                    seen, since = progress[0], own
                calling = seen % 2 == 1
                waiting = SEND_SECONDS if seen else limits["load"]
                allowed = special.get(str(seen // 2), limits["call"]) if calling else waiting
                if own - since > allowed or own > limits["total"] or clock.wall() > 5 * limits["total"] + 30:
                    return "time", own
                if self.namespace:
                    usage = os.statvfs("/tmp")
                    if usage.f_files - usage.f_ffree > MAX_FILES:
                        return "files", own
        finally:
            os.close(child)

    def _child(self, header: dict[str, Any], descriptors: list[int], progress: Any, folder: str) -> None:
        code = 4
        try:
            import harness
            import seccomp

            self.channel.close()
            os.setsid()
            os.chdir(folder)
            payload_fd, result_fd = descriptors[:2]
            stdin_fd = descriptors[2] if len(descriptors) > 2 else None
            payload = _read_all(payload_fd)
            _limit(header, self.namespace)
            seccomp.forbid()
            code = harness.run(payload, result_fd, progress, stdin_fd)
        except BaseException:
            pass
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Kill and collect every process that is left, until there is none."""
        while True:
            if self.namespace:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
            else:
                for orphan in _children(os.getpid()):
                    _kill(orphan)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def _clean(self, folder: str) -> bool:
        if not self.namespace:
            shutil.rmtree(folder, ignore_errors=True)
            return True
        try:
            return not os.listdir("/tmp") and _marks("/tmp") == self.untouched
        except OSError:
            return False


class _Clock:
    """Wall time of a process, and its own time: wall time less the time its main thread waited for a CPU.

    What its threads used counts even so, up to the wall time: a main thread that waits for them is not held up by
    others.
    """

    def __init__(self, pid: int) -> None:
        self._started = time.monotonic()
        self._cpu = (~pid << 3) | 2  # the kernel's name for the clock of all threads of a process
        try:
            self._stat = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
        except OSError:
            self._stat = -1

    def wall(self) -> float:
        return time.monotonic() - self._started

    def own(self) -> float:
        waited = 0.0
        if self._stat >= 0:
            with contextlib.suppress(OSError, IndexError, ValueError):
                waited = int(os.pread(self._stat, 100, 0).split()[1]) / 1e9
        used = 0.0
        with contextlib.suppress(OSError):  # it has ended
            used = time.clock_gettime(self._cpu)
        wall = self.wall()
        return max(wall - waited, min(used, wall), 0.0)

    def __del__(self) -> None:
        if self._stat >= 0:
            os.close(self._stat)


def _marks(folder: str) -> tuple[int, ...]:
    """What a program can change of a folder and the next could read; any change moves the last, which none can set."""
    found = os.stat(folder)
    return found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_ctime_ns


def _limit(header: dict[str, Any], namespace: bool) -> None:
    memory = header["memory"]
    cpu = int(header["limits"]["total"]) * 4 + 30
    bounds = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_STACK: 1 << 27,
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: header["file_size"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if namespace:  # outside a namespace the limit would count the user's other processes
        bounds[resource.RLIMIT_NPROC] = 64
    for what, most in bounds.items():
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _read_all(descriptor: int) -> bytes:
    pieces, offset = [], 0
    while piece := os.pread(descriptor, 1 << 20, offset):
        pieces.append(piece)
        offset += len(piece)
    os.close(descriptor)
    return b"".join(pieces)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    with open(f"/proc/self/task/{parent}/children") as listing:
        return [int(pid) for pid in listing.read().split()]


if __name__ == "__main__":
    main()
