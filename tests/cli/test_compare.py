import json

import typer
from run_writer import write_run
from typer.testing import CliRunner

from rast_eval.cli.compare import compare

APP = typer.Typer()
APP.command()(compare)


def test_compare_prints_a_table_or_json(tmp_path):
    for seed, (name, accuracy) in enumerate((("a", 0.9), ("b", 0.3))):
        write_run(
            tmp_path / name,
            [{"arm": "rast", "benchmark": "math500", "accuracy": accuracy, "problems": 30, "n": 2}],
            seed,
        )
    runs = [str(tmp_path / "a"), str(tmp_path / "b")]
    result = CliRunner().invoke(APP, runs, catch_exceptions=False)
    assert "A = a, B = b" in result.stdout
    assert "< 0.001" in result.stdout
    loaded = json.loads(CliRunner().invoke(APP, [*runs, "-f", "json"], catch_exceptions=False).stdout)
    assert loaded["rows"][0]["difference"]["value"] > 0.3
    assert "| math500 |" in CliRunner().invoke(APP, [*runs, "-f", "markdown"], catch_exceptions=False).stdout
