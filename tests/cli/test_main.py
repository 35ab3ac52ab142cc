"""The command line as a user meets it: first screen, mistakes, weight of starting it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rast_eval import cli

MISTAKES = [
    json.loads(line) for line in (Path(__file__).parents[1] / "cases" / "mistakes.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: " ".join(case["arguments"]))
def test_a_mistake_gets_two_sentences_and_exit_code_2(case, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAST_EVAL_DATA", raising=False)
    code = cli.dispatch([argument.replace("/nowhere", str(tmp_path / "nowhere")) for argument in case["arguments"]])
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    assert code == 2
    assert printed.out == ""
    assert len(lines) == 2
    assert case["says"] in lines[0]
    assert case["next"] in lines[1]
    assert list(tmp_path.iterdir()) == []


def test_the_first_screen_is_short_and_names_every_command():
    screen = cli.help_screen()
    assert len(screen.splitlines()) <= 16
    assert screen.count("\n  rast-eval run") == 2
    modules = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - {"__init__", "options"}
    assert modules <= {name for names in cli.GROUPS.values() for name in names}
    assert all(name in screen for name in modules)


def loaded_by(*arguments):
    script = (
        "import sys; from rast_eval import cli; sys.argv[0] = 'rast-eval'\ntry: cli.main()\nexcept SystemExit: pass\n"
    )
    script += "print('\\n', *sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


HEAVY = {"torch", "transformers", "vllm", "datasets"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["run", "--help"], ["report", "--help"], ["score", "--help"]]
)
def test_light_commands_load_no_heavy_library(arguments):
    assert not HEAVY & loaded_by(*arguments)


def test_underscores_are_accepted_for_hyphens(capsys):
    assert cli.dispatch(["run", "--base", "32b", "--delta", "14b", "-b", "aime24", "--max_tokens=77", "--dry_run"]) == 0
    assert "77" in capsys.readouterr().out
