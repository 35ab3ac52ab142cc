"""What the user reads when vLLM cannot start: two sentences, from messages vLLM really writes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from rast_eval.decoding.checks import not_finite
from rast_eval.decoding.vllm.startup import LogTail, explain
from rast_eval.errors import BackendError, ModelError, OutOfMemory, UsageError
from rast_eval.types import ModelRef

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


def test_a_build_that_cannot_check_drafts_is_named():
    told = explain(TypeError("Cannot inspect kernel parameters for function"), "")
    assert isinstance(told, UsageError)
    assert "--speculate" in told.hint


def test_a_member_that_is_not_finite_is_called_by_its_label(tmp_path):
    told = not_finite([str(tmp_path), "org/model@main", "org/other"]).message
    log = f"(Worker_TP1 pid=7) ERROR 01-01 [executor.py:1] RuntimeError: Worker failed with error '{told}\n"
    members = [ModelRef(str(tmp_path), name="mine"), ModelRef("org/model", "main", "32b")]
    found = explain(RuntimeError("EngineCore encountered an issue. See stack trace (above)."), log, members)
    assert type(found) is ModelError
    assert found.message == not_finite(["mine", "32b", "org/other"]).message


def test_stacks_are_held_back_until_nobody_knows_better(capfd):
    tail = LogTail()
    shown = ["early", "(EngineCore pid=7) INFO well", "late"]
    held = [
        "(EngineCore pid=7) ERROR 01-01 [core.py:1] its stack",
        "Process EngineCore:",
        "Traceback (most recent call last):",
    ]
    text = "\n".join([shown[0], held[0], *shown[1:], *held[1:], ""])
    script = "import sys; sys.stderr.write(sys.argv[1])"
    with tail.capture():
        subprocess.run([sys.executable, "-c", script, text], check=True)
    assert tail.text == text
    assert capfd.readouterr().err.splitlines() == shown
    tail.release()
    assert capfd.readouterr().err.splitlines() == held


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
