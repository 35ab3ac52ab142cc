"""Groups of flags expand into one command line, each declared once."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from rast_eval import cli
from rast_eval.cli.flags import grouped, new_app


@dataclass(frozen=True)
class Size:
    """Two flags."""

    width: Annotated[int, typer.Option(min=1)] = 3
    deep: Annotated[bool, typer.Option("--deep")] = False


@dataclass(frozen=True)
class Width:
    """One of them again."""

    width: int = 1


def test_a_group_comes_in_whole():
    seen = []

    @grouped
    def command(*, name: Annotated[str, typer.Argument()], size: Size, factor: float = 1.0) -> None:
        """What it does."""
        seen.append((name, size, factor))

    app = new_app()
    app.command()(command)
    assert CliRunner().invoke(app, ["x", "--deep", "--factor", "2"]).exit_code == 0
    assert CliRunner().invoke(app, ["x", "--width", "7"]).exit_code == 0
    assert seen == [("x", Size(3, True), 2.0), ("x", Size(7, False), 1.0)]
    assert CliRunner().invoke(app, ["x", "--width", "0"]).exit_code == 2
    assert "What it does." in CliRunner().invoke(app, ["--help"]).stdout


@dataclass(frozen=True)
class Box:
    """A group in a group."""

    size: Size
    label: str = "plain"


def test_a_group_may_hold_another():
    seen = []

    @grouped
    def command(*, box: Box, factor: float = 1.0) -> None:
        seen.append((box, factor))

    app = new_app()
    app.command()(command)
    assert CliRunner().invoke(app, ["--width", "5", "--label", "red"]).exit_code == 0
    assert seen == [(Box(Size(5), "red"), 1.0)]


def test_one_flag_in_two_groups_is_refused():
    def command(*, size: Size, width: Width) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name"):
        grouped(command)


SHARED = {"run", "sweep"}


def declared(name):
    command = cli._command(name)
    return {option: parameter.help for parameter in command.params for option in parameter.opts}


def test_run_and_sweep_say_the_same_of_what_they_share():
    run, sweep = map(declared, sorted(SHARED))
    differ = {option for option in run.keys() & sweep.keys() if run[option] != sweep[option]}
    assert differ == {"--lambda", "--temperature", "--output-dir", "-o"}
    assert sweep.keys() - run.keys() == {"--arm", "--format", "-f"}


def test_no_flag_is_spelled_out_in_two_places():
    spelled = {}
    for path in Path(inspect.getfile(cli)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Option":
                text = next((ast.unparse(k.value) for k in node.keywords if k.arg == "help"), "")
                spelled.setdefault(text, []).append(path.name)
    assert len(spelled) > 40
    assert {text: files for text, files in spelled.items() if text and len(files) > 1} == {}
