import json
import subprocess
import sys

import pytest
from run_writer import write_run
from typer.testing import CliRunner

from rast_eval.cli.paper import app

PAPER_ARMS = [("base", 0.686), ("rast", 0.807), ("rl", 0.813)]


def invoke(*args):
    return CliRunner().invoke(app, list(args), catch_exceptions=False)


def test_audit_json_is_the_contract():
    loaded = json.loads(invoke("audit", "--json").stdout)
    assert {"errata", "checked", "unchecked"} <= set(loaded)
    keys = {"table", "base", "delta", "benchmark", "printed", "recomputed", "low", "high"}
    assert all(set(erratum) == keys for erratum in loaded["errata"])


def test_audit_for_people():
    text = " ".join(invoke("audit").stdout.split())
    assert "43 numbers recomputed, 2 errata" in text
    assert "Stated twice, differently" in text


@pytest.mark.parametrize("what", ["table1", "table4", "figure3", "figure4", "figure6"])
def test_show(what):
    assert invoke("show", what).stdout.count("\n") > 4
    assert "| ---" in invoke("show", what, "-f", "markdown").stdout


def test_compare_sets_a_run_beside_its_row(tmp_path):
    cells = [{"arm": a, "benchmark": "math500", "accuracy": x, "problems": 40, "n": 2} for a, x in PAPER_ARMS]
    path = write_run(tmp_path / "r", cells)
    manifest = json.loads((path / "manifest.json").read_text())
    for cell in manifest["cells"]:
        cell["system"]["base"] = {"path": "Qwen/Qwen2.5-32B", "name": "32b"}
        for delta in cell["system"]["deltas"]:
            delta["antiexpert"] = {"path": "Qwen/Qwen2.5-14B", "name": "14b"}
    (path / "manifest.json").write_text(json.dumps(manifest))
    text = " ".join(invoke("compare", str(path)).stdout.split())
    assert "r beside Table 1" in text
    assert "68.6" in text
    assert "80.7" in text


@pytest.mark.slow
def test_a_dry_run_prints_cost_and_commands():
    command = [
        sys.executable,
        "-m",
        "rast_eval",
        "paper",
        "make",
        "figure3",
        "figure6",
        "--scale",
        "paper",
        "--dry-run",
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "GPU hours" in text
    assert "rast-eval run --base 32b --delta 14b --arms rast --benchmarks math500" in text
    assert text.count("rast-eval sweep ") == 2
