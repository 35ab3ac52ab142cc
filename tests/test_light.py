"""What works where torch and the other extras are not installed, and what the rest says."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BLOCK = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

MISSING = {"torch", "transformers", "datasets", "huggingface_hub", "tokenizers", "safetensors", "accelerate", "vllm",
           "ray", "pyarrow"}
sys.meta_path.insert(0, Missing())
from rast_eval.cli import main
main()
"""


def light(folder, *arguments):
    command = [sys.executable, "-c", BLOCK, *map(str, arguments)]
    environment = {**os.environ, "RAST_EVAL_DATA": ""}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)


def test_grading_and_reading_need_the_core_alone(tmp_path):
    rows = [{"output": rf"\boxed{{{n % 3}}}", "gold": "1", "problem_id": str(n % 4)} for n in range(8)]
    (tmp_path / "o.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for command in (
        "grade o.jsonl --summary",
        "import o.jsonl -o run",
        "import o.jsonl -o other --n 1",
        "report run",
        "score run --scorer strict",
        "compare run other",
        "export run --to inspect",
        "list",
        "power -b aime24 --detect 2",
        "completion bash",
    ):
        done = light(tmp_path, *command.split())
        assert done.returncode == 0, (command, done.stderr)


@pytest.mark.parametrize(
    ("command", "missing"), [("run", "run"), ("serve", "vllm"), ("export run --to parquet", "parquet")]
)
def test_what_needs_more_says_what_to_type(tmp_path, command, missing):
    (tmp_path / "o.jsonl").write_text('{"output": "1", "gold": "1"}\n')
    light(tmp_path, "import", "o.jsonl", "-o", "run")
    done = light(tmp_path, *command.split())
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2
    assert "not installed" in lines[0]
    assert "Type `" in lines[1]
    assert any(text in lines[1] for text in (f"rast-eval[{missing}]", "make setup"))
