"""What the reference solutions return: computed once inside a sandbox of their own, kept on disk by content hash.

The reference programs come from a public data set, so they are run like any other program, but never in a sandbox that
later runs candidates. A file holds one line of JSON (a SHA-256 over the rest; times, sizes), the inputs as tagged JSON,
and then the outputs as frames of the result pipe, end to end; readers stream them, because some problems have 100 MB of
outputs. A file whose digest is wrong counts as none and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from rast_eval.inputs import resources
from rast_eval.scoring.code.frames import MAX_FRAME, Frames
from rast_eval.scoring.code.oracles import is_floats
from rast_eval.scoring.code.sandbox import Execution, Limits, Sandbox
from rast_eval.scoring.code.sandbox.inside import codec

FORMAT = 3
"""Of the files: to be raised with every change of the frames, of tagged JSON or of the arguments' conversion."""
LIMITS = Limits(load=60, call=60, total=300, output=512 << 20)
"""Far above what any judgeable reference needs (the slowest takes about half a minute)."""


def cache_folder() -> Path:
    """Where they lie between runs."""
    return resources.cache_folder("truth")


@dataclass(frozen=True)
class Truth:
    """Expected outputs of one list of inputs.

    Attributes:
        offset: where the first frame of `path` begins, in bytes.
        inputs_size: bytes of the inputs, which end there.
        sizes: bytes of each output as tagged JSON.
        seconds: CPU time of the reference on each input.
        first_float: index of the first output that is a float or a list of floats.
        nan: an output may hold a NaN, which equals nothing.
        reason: why there are no outputs; empty where there are.
    """

    path: Path
    offset: int
    inputs_size: int
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    first_float: int | None
    nan: bool
    reason: str = ""

    @property
    def frame_sizes(self) -> list[int]:
        """Bytes of each output's frame: its kind, tagged JSON, a line break."""
        return [size + 2 for size in self.sizes]

    def inputs(self) -> bytes:
        """The inputs as tagged JSON."""
        with open(self.path, "rb") as file:
            file.seek(self.offset - self.inputs_size)
            return file.read(self.inputs_size)


def payload(code: str, entry_point: str, inputs: bytes, **options: Any) -> bytes:
    """An order for the harness: call `entry_point` of `code` on each argument list of `inputs` (tagged JSON)."""
    order = {"mode": "calls", "code": code, "entry": entry_point, **options}
    return json.dumps(order).encode() + b"\n" + inputs


class Reference:
    """One reference program on one list of inputs.

    Args:
        source: what the inputs are made from, as JSON data; it stands for them in the cache's key.
        arguments: makes the argument lists. Called only where the cache has nothing: it may be slow.
    """

    def __init__(
        self, code: str, entry_point: str, as_set: bool, source: Any, arguments: Callable[[], Sequence[Sequence[Any]]]
    ) -> None:
        self._code, self._entry_point, self._as_set = code, entry_point, as_set
        self._arguments = arguments
        version = f"{FORMAT} {platform.python_implementation()} {platform.python_version()}"
        key = json.dumps([version, code, entry_point, as_set, source]).encode()
        digest = hashlib.sha256(key).hexdigest()
        self.path = cache_folder() / digest[:2] / digest

    def load(self) -> Truth | None:
        """What the cache holds; None where it holds nothing whole."""
        try:
            with open(self.path, "rb") as file:
                head = file.readline()
                found = json.loads(head)
                whole = _digest(found["facts"], file) == found["sha256"]
            return self._truth(head) if whole else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _truth(self, head: bytes) -> Truth:
        fields = json.loads(head)["facts"]
        return Truth(
            path=self.path,
            offset=len(head) + fields["inputs_size"],
            inputs_size=fields["inputs_size"],
            sizes=tuple(fields["sizes"]),
            seconds=tuple(fields["seconds"]),
            first_float=fields["first_float"],
            nan=fields["nan"],
            reason=fields["reason"],
        )

    def compute(self, sandbox: Sandbox) -> Truth:
        """Run the reference and keep what it returned. A reference that fails gives a `Truth` with a reason."""
        calls = [list(call) for call in self._arguments()]
        inputs = codec.encode(calls).encode()
        execution = Execution(payload(self._code, self._entry_point, inputs, as_set=self._as_set, timed=True), LIMITS)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.path.parent) as body:
            frames = Frames(MAX_FRAME)
            sizes: list[int] = []
            seconds: list[float] = []
            floats: list[int] = []
            errors: list[str] = []
            nan = False

            def consume(piece: bytes) -> bool:
                nonlocal nan
                for kind, frame in frames.push(piece):
                    if kind == "!":
                        errors.append(frame.decode())
                    elif len(sizes) == len(seconds):
                        sizes.append(len(frame))
                        body.writelines((b"=", frame, b"\n"))
                        nan = nan or codec.may_hold_nan(frame)
                        if not floats and is_floats(codec.decode(frame)):
                            floats.append(len(sizes) - 1)
                    else:
                        seconds.append(float(frame))
                return not frames.broken

            outcome = sandbox.run(execution, consume)
            complete = outcome.why == "exited" and outcome.code == 0 and len(seconds) == len(calls)
            why = "output" if frames.broken else outcome.why
            reason = "" if complete else _reason(why, errors, len(seconds))
            if reason:
                sizes, seconds, inputs = [], [], b""
                body.truncate(0)
            first_float = floats[0] if floats else None
            fields = {"inputs_size": len(inputs), "sizes": sizes, "seconds": seconds}
            fields |= {"first_float": first_float, "nan": nan, "reason": reason}
            found = self.load()  # another process that was first has readers: its file stays as it is
            if found is None:
                found = self._truth(self._keep(fields, inputs, body))
        return found

    def _keep(self, fields: dict[str, Any], inputs: bytes, body: BinaryIO) -> bytes:
        """Write the file in one step; returns its first line."""
        body.seek(0)
        head = json.dumps({"sha256": _digest(fields, BytesIO(inputs), body), "facts": fields}).encode() + b"\n"
        body.seek(0)
        with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            file.writelines((head, inputs))
            shutil.copyfileobj(body, file, 1 << 20)
        os.replace(file.name, self.path)
        return head


def _digest(fields: dict[str, Any], *parts: BinaryIO) -> str:
    """SHA-256 of the facts and of what each part holds from where it stands."""
    digest = hashlib.sha256(json.dumps(fields).encode())
    for part in parts:
        while piece := part.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _reason(why: str, errors: Sequence[str], done: int) -> str:
    if errors:
        return f"the reference solution fails with {errors[0]} on input {done}"
    what = {"time": "exceeds its time", "output": "returns too much", "lost": "breaks the sandbox"}
    return f"the reference solution {what.get(why, 'dies')} on input {done}"
