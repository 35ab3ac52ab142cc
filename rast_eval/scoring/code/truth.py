"""What the reference solutions return: computed once inside a sandbox of their own, kept on disk by content hash.

The reference programs come from a public data set, so they are run like any other program, but never in a sandbox that
later runs candidates. A file holds one line of JSON (times, sizes) and then the outputs as tagged JSON, end to end;
readers stream it, because some problems have 100 MB of outputs.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rast_eval.scoring.code.frames import Frames
from rast_eval.scoring.code.oracles import is_floats
from rast_eval.scoring.code.sandbox import Job, Limits, Outcome, Sandbox
from rast_eval.scoring.code.sandbox.inside import codec

FORMAT = 1
LIMITS = Limits(load=60, call=60, total=300, output=512 << 20)
"""Far above what any judgeable reference needs (the slowest takes about half a minute)."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/rast-eval/truth`, by default under ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "rast-eval" / "truth"


@dataclass(frozen=True)
class Truth:
    """Expected outputs of one list of inputs.

    Attributes:
        seconds: CPU time of the reference on each input.
        first_float: index of the first output that is a float or a list of floats.
        reason: why there are no outputs; empty where there are.
    """

    path: Path
    offset: int
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    first_float: int | None
    reason: str = ""

    def outputs(self) -> Iterator[bytes]:
        """Tagged JSON of each expected output, in order."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for size in self.sizes:
                yield file.read(size)


def payload(code: str, entry_point: str, inputs: str, **options: Any) -> bytes:
    """A job for the harness: call `entry_point` of `code` on each argument list of `inputs` (tagged JSON)."""
    job = {"mode": "calls", "code": code, "entry": entry_point, **options}
    return json.dumps(job).encode() + b"\n" + inputs.encode()


class Reference:
    """One reference program on one list of inputs."""

    def __init__(self, code: str, entry_point: str, inputs: str, count: int, as_set: bool) -> None:
        self._payload = payload(code, entry_point, inputs, as_set=as_set, timed=True)
        self._count = count
        version = f"{FORMAT} {platform.python_implementation()} {platform.python_version()}\n".encode()
        digest = hashlib.sha256(version + self._payload).hexdigest()
        self.path = cache_folder() / digest[:2] / digest

    def load(self) -> Truth | None:
        """What the cache holds; None where it holds nothing whole."""
        try:
            with open(self.path, "rb") as file:
                head = file.readline()
                fields = json.loads(head)
            truth = Truth(
                self.path,
                len(head),
                tuple(fields["sizes"]),
                tuple(fields["seconds"]),
                fields["first_float"],
                fields["reason"],
            )
            whole = self.path.stat().st_size == len(head) + sum(truth.sizes)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return truth if whole and (truth.reason or len(truth.sizes) == self._count) else None

    def compute(self, sandbox: Sandbox) -> Truth:
        """Run the reference and keep what it returned. A reference that fails gives a `Truth` with a reason."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.path.parent) as body:
            frames = Frames()
            sizes: list[int] = []
            seconds: list[float] = []
            floats: list[int] = []
            errors: list[str] = []

            def consume(piece: bytes) -> bool:
                for kind, frame in frames.push(piece):
                    if kind == "!":
                        errors.append(frame.decode())
                    elif len(sizes) == len(seconds):
                        sizes.append(len(frame))
                        body.write(frame)
                        if not floats and is_floats(codec.decode(frame)):
                            floats.append(len(sizes) - 1)
                    else:
                        seconds.append(float(frame))
                return not frames.broken

            outcome = sandbox.run(Job(self._payload, LIMITS), consume)
            complete = outcome.why == "exited" and outcome.code == 0 and len(seconds) == self._count
            reason = "" if complete else _reason(outcome, errors, len(seconds))
            if reason:
                sizes, seconds = [], []
            first_float = floats[0] if floats else None
            fields = {"sizes": sizes, "seconds": seconds, "first_float": first_float, "reason": reason}
            head = json.dumps(fields).encode() + b"\n"
            self._keep(head, body, sum(sizes))
        return Truth(self.path, len(head), tuple(sizes), tuple(seconds), first_float, reason)

    def _keep(self, head: bytes, body: Any, size: int) -> None:
        with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            file.write(head)
            body.seek(0)
            while size > 0:
                piece = body.read(min(size, 1 << 20))
                file.write(piece)
                size -= len(piece)
        os.replace(file.name, self.path)


def _reason(outcome: Outcome, errors: Sequence[str], done: int) -> str:
    if errors:
        return f"the reference solution fails with {errors[0]} on input {done}"
    what = {"time": "exceeds its time", "output": "returns too much", "lost": "breaks the sandbox"}
    return f"the reference solution {what.get(outcome.why, 'dies')} on input {done}"
