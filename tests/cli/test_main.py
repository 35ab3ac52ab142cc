"""The command line as a user meets it: first screen, mistakes, weight of starting it."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

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


def commands():
    """Every module of the command line that is a command."""
    found = {}
    for path in Path(cli.__file__).parent.glob("*.py"):
        module = import_module(f"rast_eval.cli.{path.stem}")
        known = [getattr(module, name, None) for name in ("app", path.stem, f"{path.stem}_")]
        if path.stem != "__init__" and any(known):
            found[path.stem] = module
    return found


def test_the_first_screen_is_short_and_names_every_command():
    screen = cli.help_screen()
    assert len(screen.splitlines()) <= 16
    assert max(map(len, screen.splitlines())) <= 110
    assert screen.count("\n  rast-eval run") == 2
    assert sorted(name for names in cli.GROUPS.values() for name in names) == sorted(commands())
    assert all(f"  {name}" in screen for name in commands())


ROOT = Path(__file__).parents[2]
TEXTS = [*sorted((ROOT / "rast_eval").rglob("*.py")), *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def named_commands(path):
    """Words after `rast-eval` in code: between backticks, in fenced and in indented blocks."""
    text = path.read_text()
    code = re.findall(r"```.*?```", text, re.DOTALL) if path.suffix == ".md" else []
    code += re.findall(r"`[^`\n]+`", text) + re.findall(r"^ {2,}rast-eval .*", text, re.MULTILINE)
    return {match for part in code for match in re.findall(r"rast-eval ([a-z][a-z-]*)(?: +([a-z][a-z-]*))?", part)}


def test_every_command_that_is_named_exists():
    known, named = commands(), 0
    for path in TEXTS:
        for name, second in named_commands(path):
            named += 1
            assert name in known, f"{path} names `rast-eval {name}`"
            app = getattr(known[name], "app", None)
            if app is not None and second:
                below = set(typer.main.get_command(app).commands)
                assert second in below, f"{path} names `rast-eval {name} {second}`"
    assert named > 40


def loaded_by(*arguments):
    script = (
        "import sys; from rast_eval import cli; sys.argv[0] = 'rast-eval'\ntry: cli.main()\nexcept SystemExit: pass\n"
    )
    script += "print('\\n', *sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


HEAVY = {"torch", "transformers", "vllm", "datasets", "pandas", "matplotlib"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["run", "--help"], ["report", "--help"], ["score", "--help"]]
)
def test_light_commands_load_no_heavy_library(arguments):
    assert not HEAVY & loaded_by(*arguments)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--ray"], ["--ray=local"]),
        (["--ray", "-o", "x"], ["--ray=local", "-o", "x"]),
        (["--ray", "host:1", "--max_tokens", "8"], ["--ray", "host:1", "--max-tokens", "8"]),
        (["--", "run", "--ray", "--n=2"], ["--", "run", "--ray=local", "--n=2"]),
    ],
)
def test_ray_needs_no_address(typed, meant):
    assert [*cli._normalise(typed)] == meant


def test_underscores_are_accepted_for_hyphens(capsys):
    assert cli.dispatch(["run", "-L", "2", "--max_tokens=77", "--dry_run"]) == 0
    assert "77" in capsys.readouterr().out
