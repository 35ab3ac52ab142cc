"""Narrow terminals, pipes, files, alphabets and streams that are not there."""

import os
import subprocess
import sys

import pytest

from rast_eval.cli.terminal import PIPED_COLUMNS, console

pytestmark = pytest.mark.slow

COMMAND = f"{sys.executable} -m rast_eval"
PLAIN = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}


def shell(text, env=None):
    environment = {key: value for key, value in (env or os.environ).items() if key != "COLUMNS"}
    script = text.replace("rast-eval", COMMAND)
    return subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, env=environment)


def test_an_ascii_terminal_reads_every_sign():
    done = shell("rast-eval list; rast-eval doctor; rast-eval run --base 33b ±", PLAIN)
    assert done.returncode == 2
    assert done.stdout.isascii()
    assert done.stderr.isascii()
    assert "Traceback" not in done.stderr
    assert "HuggingFaceH4/aime_2024" in done.stdout


@pytest.mark.parametrize(
    "script", ["rast-eval list | true", "rast-eval list | head -1", "rast-eval list --json | head -1"]
)
def test_a_pipe_that_closes_ends_silently(script):
    done = shell(script)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


def test_streams_that_are_not_there_are_no_error():
    assert shell("rast-eval list >&-").stderr == ""
    assert shell("rast-eval list 2>&- >/dev/null").returncode == 0


def test_a_pipe_has_any_width_and_a_terminal_its_own(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == PIPED_COLUMNS
    monkeypatch.setenv("COLUMNS", "60")
    assert console().width == 60


@pytest.mark.parametrize("columns", [60, 80])
def test_names_are_whole_at_any_width(columns):
    done = shell(f"COLUMNS={columns} rast-eval list --models --benchmarks")
    listed = {word for line in done.stdout.splitlines() for word in line.split()}
    assert {"HuggingFaceH4/aime_2024", "livecodebench/code_generation_lite", "Qwen/Qwen2.5-32B"} <= listed
    assert max(map(len, done.stdout.splitlines())) <= columns
