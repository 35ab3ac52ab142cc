import json

import pytest
from typer.testing import CliRunner

from rast_eval.cli.paper import app


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
