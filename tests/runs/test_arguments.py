"""A configuration as flags, and the flags as the same configuration again."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from rast_eval import cli
from rast_eval.config import RunConfig
from rast_eval.errors import UsageError
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan
from rast_eval.runs.arguments import LEFT_OUT, NAMES, arguments
from rast_eval.types import Delta, ModelRef, Models

FILE = Path(__file__).parents[1] / "cases" / "arguments.jsonl"
CASES = [json.loads(line) for line in FILE.read_text().splitlines()]


class Parsed(Exception):
    pass


@pytest.fixture
def parse(monkeypatch):
    """The configuration that `rast-eval run` makes of its flags."""

    def stop(config, **_):
        raise Parsed(config)

    monkeypatch.setattr(plan, "build", stop)

    def parse(flags):
        with pytest.raises(Parsed) as found:
            cli.dispatch(["run", "--dry-run", *flags])
        return found.value.args[0]

    return parse


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["typed"][:40])
def test_flags_typed_again_give_the_same_configuration(parse, case):
    config = parse(case["typed"].split())
    assert " ".join(arguments(config)) == case["flags"]
    assert parse(arguments(config)) == config


def test_folders_are_kept_from_wherever_the_command_is_typed(parse, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    flags = arguments(parse(["--data-dir", "data", "--include-path", "data"]))
    monkeypatch.chdir("/")
    config = parse(flags)
    assert config.data_dir == config.include_path == tmp_path / "data"


def test_every_setting_has_its_flag():
    command = cli._command("run")
    known = {option for parameter in command.params for option in parameter.opts}
    config = RunConfig(resolve_models())
    names = [f.name for part in (config, config.engine, config.code) for f in fields(part)]
    wanted = {"--" + NAMES.get(name, name).replace("_", "-") for name in names if name not in LEFT_OUT}
    assert wanted - known <= {"--ray", "--speculate"}, "set by programs only"


def test_models_of_a_program_say_what_flags_would_not_imply(parse, tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    base, expert, antiexpert = (ModelRef(str(tmp_path / name), name=name) for name in "abc")
    delta = Delta(expert, antiexpert, 0.5)
    config = RunConfig(Models(base, (delta,), None, "tiny", ("tiny-arith",)))
    again = parse(arguments(config))
    assert (again.prompt, again.benchmarks, again.models.deltas) == ("tiny", ("tiny-arith",), (delta,))
    with pytest.raises(UsageError, match="one pair of folders"):
        arguments(RunConfig(Models(base, (delta, delta), None, "tiny", ("tiny-arith",))))
    known = replace(resolve_models("tiny-m", ["tiny-s"]), ceiling=None)
    assert "--arms base,rast" in " ".join(arguments(RunConfig(known)))
