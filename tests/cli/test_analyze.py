import json

import pytest
from run_writer import write_run
from typer.testing import CliRunner

from rast_eval.cli.analyze import app
from rast_eval.errors import UsageError


def invoke(*args):
    return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)


@pytest.mark.parametrize("command", ["behaviours", "length"])
def test_run_analyses_print_and_write(tmp_path, command):
    path = write_run(tmp_path / "r", [{"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 3, "n": 2}])
    before = sorted(path.rglob("*"))
    assert "math500" in invoke(command, path, "-o", tmp_path / "values.json").stdout
    assert sorted(path.rglob("*")) == before
    written = json.loads((tmp_path / "values.json").read_text())
    assert written == json.loads(invoke(command, path, "-f", "json").stdout)


def test_memory():
    assert "32b + Δ14b" in invoke("memory").stdout
    assert json.loads(invoke("memory", "70b+8b", "-f", "json").stdout)[0]["inference"] == 172
    with pytest.raises(UsageError, match="no pair of sizes"):
        invoke("memory", "32b")


@pytest.mark.parametrize(
    ("command", "shown"), [("path-coverage", "rast"), ("similarity", "weighted"), ("divergence", "maximum")]
)
def test_model_analyses_on_the_tiny_family(tmp_path, command, shown):
    result = invoke(command, "-L", 2, "-o", tmp_path / "x.json")
    assert shown in result.stdout
    assert json.loads((tmp_path / "x.json").read_text())


def test_one_delta_has_no_similarity():
    with pytest.raises(UsageError, match="no similarity"):
        invoke("similarity", "--deltas", "tiny-m")
