"""Both readings of Table 3's prompt: the benchmark's own under the base's chat template, and Code-R1's."""

import json
import subprocess
import sys

import pytest

from rast_eval.config import RunConfig
from rast_eval.inputs import prompts
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan
from rast_eval.scoring.code.lcb_tests import extract_program
from rast_eval.scoring.code.sanitize import sanitize
from rast_eval.types import Problem

ANSWER = (
    "<think>\nAdd them: def add(a, b).\n</think>\n<answer>\n```python\ndef add(a, b):\n    return a + b\n```\n</answer>"
)


class Tokenizer:
    """Shows its messages."""

    chat_template = "…"

    def apply_chat_template(self, messages, tokenize, add_generation_prompt):
        return json.dumps(messages)


@pytest.mark.parametrize(
    ("problem", "asked", "starter"),
    [
        (Problem("humaneval_plus", "0", "def add(a, b):", "", {"prompt": "def add(a, b):"}), "def add(a, b):", False),
        (
            Problem("livecodebench", "1", "Sum.", "", {"question_content": "Sum two.", "starter_code": "class S:"}),
            "Sum two.",
            True,
        ),
        (Problem("livecodebench", "2", "Sum.", "", {"question_content": "Read.", "starter_code": ""}), "Read.", False),
    ],
)
def test_code_r1_is_asked_as_in_its_training(problem, asked, starter):
    system, user = json.loads(prompts.render(prompts.get("code-r1"), problem, Tokenizer()))
    assert system["role"] == "system"
    assert "<think>...</think> and <answer>...</answer>" in system["content"]
    assert "\n" not in system["content"]
    first, second, *rest = user["content"].split("\n")
    assert first == "Solve the programming task below in a Python markdown code block."
    assert second == asked
    assert rest == (["Also feel free to reuse/extend the following starter code:", "```python", "class S:", "```"]
                    if starter else [])  # fmt: skip


def test_both_scorers_find_the_program_after_the_thinking():
    assert "return a + b" in sanitize(ANSWER, "add")
    assert extract_program(ANSWER) == "def add(a, b):\n    return a + b"


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "expected"), [(None, {"evalplus", "livecodebench"}), ("code-r1", {"code-r1"})])
def test_the_prompt_that_is_listed_is_the_one_used(flag, expected):
    models = resolve_models("14b-1m", ["7b-1m"])
    built = plan.build(RunConfig(models, ("base", "rast"), preset="paper", prompt=flag), allow_missing_data=True)
    assert {cell.prompt for cell in built.cells} == expected
    command = [sys.executable, "-m", "rast_eval", "list", "--models", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    shown = {row["name"]: row["prompt"] for row in listed["models"]}
    assert set(shown["7b-1m"].split(", ")) == {"evalplus", "livecodebench"}
    assert (shown["llama3.1-8b"], shown["1.5b"], shown["32b"]) == ("abel", "abel", "qwen-boxed")
