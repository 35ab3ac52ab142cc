"""What the user reads when vLLM cannot start: two sentences, from messages vLLM really writes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from rast_eval.decoding.vllm.startup import LogTail, explain
from rast_eval.errors import BackendError, OutOfMemory

OUT_OF_MEMORY = [
    "CUDA out of memory. Tried to allocate 1.45 GiB. GPU 0 has a total capacity of 79.10 GiB",
    "Free memory on device cuda:0 (20.1/79.1 GiB) on startup is less than desired GPU memory utilization (0.9).",
    "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
    "To serve at least one request with the models's max seq len (131072), (24.00 GiB KV cache is needed, which is "
    "larger than the available KV cache memory (8.27 GiB).",
]


@pytest.mark.parametrize("message", OUT_OF_MEMORY)
@pytest.mark.parametrize("in_a_worker", [False, True])
def test_memory_is_told_apart(message, in_a_worker):
    error = RuntimeError("Engine core initialization failed. See root cause above." if in_a_worker else message)
    log = f"(EngineCore pid=7) ERROR 01-01 [core.py:1] ValueError: {message}\n" if in_a_worker else ""
    told = explain(error, log)
    assert isinstance(told, OutOfMemory)
    for flag in ("--gpu-memory-utilization", "--max-model-len", "--max-num-seqs", "--tensor-parallel-size"):
        assert flag in told.hint
    assert "\n" not in told.message + told.hint


def test_a_workers_own_words_win_over_a_pointer_to_them():
    log = "INFO hello\n(Worker) ERROR ValueError: 6 heads cannot be split in 4.\nRuntimeError: See root cause above.\n"
    told = explain(RuntimeError("Engine core initialization failed. See root cause above."), log)
    assert type(told) is BackendError
    assert "6 heads cannot be split in 4" in told.message
    assert "Engine core" not in told.message


def test_the_cause_in_this_process_is_named():
    assert "KeyError: 'no_such_role'" in explain(KeyError("no_such_role"), "").message
    assert "MemoryError" not in explain(MemoryError(), "").message


def test_children_keep_writing_to_the_tail(capfd):
    tail = LogTail()
    with tail.capture():
        script = "import sys, time; sys.stderr.write('early\\n'); time.sleep(0.5); sys.stderr.write('late\\n')"
        child = subprocess.Popen([sys.executable, "-c", script])
    os.write(2, b"ours\n")
    child.wait()
    deadline = time.monotonic() + 10
    while "late" not in tail.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tail.text == "early\nlate\n"
    written = capfd.readouterr().err
    assert {"early", "late", "ours"} <= set(written.split())
