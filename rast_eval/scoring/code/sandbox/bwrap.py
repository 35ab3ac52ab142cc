"""The bubblewrap command line: what a candidate can see of this machine, which is very little."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from rast_eval.errors import SandboxError

INSIDE = Path(__file__).resolve().parent / "inside"
TMP_BYTES = 64 << 20
"""Size of the only writable folder, a memory file system."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

INSTALL_HINT = (
    "Install it with `apt-get install bubblewrap` (or your system's package manager), "
    "or accept the risk with --unsafe-code-execution."
)


UNSAFE_WARNING = (
    "warning: programs run WITHOUT a sandbox. Memory, time, new processes, sockets and signals are limited; your files "
    "are not: whatever you can read, write or delete, a program can too."
)


def interpreter() -> str:
    """The base interpreter of this environment: a virtual environment's own may be a link out of sight."""
    return os.path.realpath(sys.executable)


def site_folders() -> list[str]:
    """Folders of installed packages, so that candidates may import numpy and the like."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path)]


def command(channel_fd: int) -> list[str]:
    """`bwrap …` that starts the fork server as process 1 of fresh namespaces, talking on `channel_fd`.

    Read-only: the interpreter, its libraries and packages, `inside/`. Writable: a capped /tmp. Absent: /etc, /home,
    the network, capabilities, nested namespaces, the environment.
    """
    words = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    words += ["--as-pid-1", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--hostname", "sandbox"]
    words += ["--clearenv", *(word for item in ENVIRONMENT.items() for word in ("--setenv", *item))]
    words += ["--ro-bind", "/usr", "/usr"]
    for folder in ("/bin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(folder):
            words += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            words += ["--ro-bind", folder, folder]
    words += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    prefix = os.path.realpath(sys.base_prefix)
    if not prefix.startswith("/usr/"):
        words += ["--ro-bind", prefix, prefix]
    packages = {folder: f"/packages/{index}" for index, folder in enumerate(site_folders())}
    for (
        folder,
        inside,
    ) in packages.items():  # under other names: an environment in /tmp would be hidden by the one below
        words += ["--ro-bind", folder, inside]
    words += ["--ro-bind", str(INSIDE), "/sandbox"]
    # The proc mount must be read-only: for root, files under /proc/sys stay writable even without capabilities.
    words += ["--proc", "/proc", "--remount-ro", "/proc"]
    words += ["--dev", "/dev", "--remount-ro", "/dev/pts", "--remount-ro", "/dev"]
    words += ["--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/", "--"]
    return [
        *words,
        interpreter(),
        "-I",
        "-S",
        "/sandbox/forkserver.py",
        str(channel_fd),
        "namespace",
        *packages.values(),
    ]


def bare_command(channel_fd: int) -> list[str]:
    """The fork server without namespaces: limits and the system-call filter only."""
    script = str(INSIDE / "forkserver.py")
    return [interpreter(), "-I", "-S", script, str(channel_fd), "bare", *site_folders()]


def check_usable(unsafe: bool) -> None:
    """Check that programs can be run as asked; say what running them unsafely means.

    Raises:
        SandboxError: see `require_bwrap`; for `unsafe`, this is not Linux.
    """
    if not unsafe:
        require_bwrap()
    elif not sys.platform.startswith("linux"):
        raise SandboxError("Programs can only be run on Linux.", "Grade the samples on a Linux machine.")
    else:
        print(UNSAFE_WARNING, file=sys.stderr)


@lru_cache(maxsize=1)
def require_bwrap() -> None:
    """Check that bubblewrap works here.

    Raises:
        SandboxError: it is not installed, or this machine does not let it make namespaces.
    """
    if shutil.which("bwrap") is None:
        raise SandboxError("Programs are run inside bubblewrap, which is not installed.", INSTALL_HINT)
    trial = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "--proc", "/proc"]
    done = subprocess.run([*trial, "--", "true"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SandboxError(
            f"bubblewrap cannot make a sandbox on this machine ({reason}).",
            "Allow unprivileged user namespaces (bubblewrap 0.8 or newer), or accept the risk with "
            "--unsafe-code-execution.",
        )
