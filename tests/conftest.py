"""Where the tests find real data: three environment variables, each test skips by name without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Continuous integration tries the same examples every time; elsewhere each run tries new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# No test fetches anything; without this, each look at the hub would wait for a network that may not be there.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} is not set to a folder")
    return Path(value)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real benchmark files."""
    return _folder("RAST_EVAL_DATA")


@pytest.fixture(scope="session")
def parity_dir() -> Path:
    """Real model outputs with SimpleRL's verdicts."""
    return _folder("RAST_EVAL_PARITY")


@pytest.fixture(scope="session")
def paper_dir() -> Path:
    """Published numbers beyond those in results/paper."""
    return _folder("RAST_EVAL_PAPER")
