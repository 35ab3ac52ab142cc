"""The command line that `serve` hands to vLLM."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from rast_eval.cli import dispatch
from rast_eval.cli.serve import command_line


def test_flags_are_passed_on_and_win():
    plain = command_line("/m", ["32b+14b", "rast"], ["--port", "9"], on_cpu=False)
    assert plain[:5] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", "/m"]
    assert plain[5:] == ["--host", "127.0.0.1", "--served-model-name", "32b+14b", "rast", "--port", "9"]
    own = ["--host=0.0.0.0", "--served-model-name", "x"]
    assert command_line("/m", ["n"], own, on_cpu=False)[5:] == own


def test_a_cpu_gets_the_flags_it_needs():
    assert {"--enforce-eager", "--no-enable-chunked-prefill"} < set(command_line("/m", ["n"], [], on_cpu=True))
    kept = command_line("/m", ["n"], ["--enable-chunked-prefill"], on_cpu=True)
    assert "--no-enable-chunked-prefill" not in kept


@pytest.mark.parametrize("arguments", [["--base", "tiny-m", "--delta", "tiny-s"], ["--base", "tiny-m"]])
def test_dry_run_prints_the_command(arguments, capsys):
    assert dispatch(["serve", *arguments, "--dry-run", "--port", "8123", "--max_model_len", "256"]) == 0
    printed = capsys.readouterr().out.split()
    assert printed[-4:] == ["--port", "8123", "--max-model-len", "256"]
    assert ("rast" in printed) == ("--delta" in arguments)


def test_a_composite_names_its_models_already(tmp_path, capsys):
    assert dispatch(["serve", "--composite", str(tmp_path), "--base", "tiny-m", "--dry-run"]) == 2
    assert "--composite already" in capsys.readouterr().err


FAMILY = ["--base", "tiny-l", "--delta", "tiny-m"]


@pytest.mark.parametrize(("drafted", "paced"), [("4", False), ("auto", True)])
def test_the_expert_drafts_for_the_server(drafted, paced, capsys):
    assert dispatch(["serve", *FAMILY, "--speculate", drafted, "-tp", "2", "--dry-run"]) == 0
    printed = shlex.split(capsys.readouterr().out)
    told = json.loads(printed[printed.index("--speculative-config") + 1])
    assert told["model"].endswith("m-rl")
    assert told["draft_tensor_parallel_size"] == 2
    assert told["num_speculative_tokens"] == (8 if paced else 4)
    assert "rast_eval.decoding.vllm.worker.RastWorker" in printed
    assert ("--scheduler-cls" in printed) == paced


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([*FAMILY, "--speculate", "4", "-pp", "2"], "pipeline stages"),
        ([*FAMILY, "--speculative-config", '{"method": "eagle"}'], "its own expert"),
        ([*FAMILY, "--speculate", "some"], "no number of tokens"),
        (["--base", "tiny-l", "--speculate", "4"], "Nothing drafts for a single model"),
        (["--composite", "nowhere", "--speculate", "4"], "holds no composite"),
    ],
)
def test_what_is_not_shown_to_be_exact_is_not_served(arguments, told, capsys):
    assert dispatch(["serve", *arguments, "--dry-run"]) == 2
    assert told in capsys.readouterr().err


def test_a_written_composite_drafts_as_well(tmp_path, capsys):
    assert dispatch(["compose", *FAMILY, "-o", str(tmp_path / "c")]) == 0
    assert dispatch(["serve", "--composite", str(tmp_path / "c"), "--speculate", "2", "--dry-run"]) == 0
    assert "--speculative-config" in capsys.readouterr().out
