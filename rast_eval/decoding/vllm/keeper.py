"""A process that outlives `rast-eval serve`, however that ends, to end vLLM's server with its engine after it.

    python -I keeper.py GROUP < a pipe that nobody else holds

GROUP is the process group of the server. The end of the pipe is the end of
`serve`: closed by it, or by the kernel where it was killed. Run as a file, so that it starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 7.0
"""For vLLM to finish its requests and free the devices; a batch system gives ten seconds."""


def is_alive(group: int) -> bool:
    """Whether a process of the group runs; one that nobody has waited for does not count."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            state, _, its_group = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def end(group: int, patience: float = PATIENCE_S) -> None:
    """End every process of a group: asked first, then killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while is_alive(group) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    end(int(sys.argv[1]))
