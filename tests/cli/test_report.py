import csv
import io
import json
import subprocess
import sys

import pytest
import typer
from run_writer import write_run
from typer.testing import CliRunner

from rast_eval.cli.report import report
from rast_eval.errors import NothingScored, UsageError

APP = typer.Typer()
APP.command()(report)
TRIO = [("base", 0.35), ("rast", 0.8), ("rl", 0.9)]


@pytest.fixture
def run(tmp_path):
    cells = [
        {
            "arm": a,
            "benchmark": "math500",
            "accuracy": x,
            "problems": 20,
            "n": 4,
            "graded_by": ["simplerl", "strict"],
            "truncated": 0.5,
        }
        for a, x in TRIO
    ]
    return write_run(tmp_path / "r", cells)


def invoke(*args):
    return CliRunner().invoke(APP, [str(a) for a in args], catch_exceptions=False)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("more", [[], ["-k", "1"], ["--scorer", "both"], ["-f", "markdown"], ["--estimator", "paper"]])
def test_report_prints_and_only_reads(run, more):
    before = content(run)
    assert "RAST takes the base from" in " ".join(invoke(run, *more).stdout.split())
    assert content(run) == before


def test_pages_go_where_they_are_asked_for(run, tmp_path):
    before = content(run)
    invoke(run, "-k", "1", "--scorer", "both", "-o", tmp_path / "pages")
    assert (tmp_path / "pages" / "report.md").read_text().startswith("# r: math500")
    assert "under two scorers" in (tmp_path / "pages" / "report.md").read_text()
    assert "RAST takes the base from" in (tmp_path / "pages" / "report.html").read_text()
    assert content(run) == before


def test_formats_leave_stdout_to_the_result(run):
    result = invoke(run, "--format", "json")
    assert json.loads(result.stdout)["run"] == "r"
    assert "cut at 64 tokens" in result.stderr
    assert list(csv.DictReader(io.StringIO(invoke(run, "-f", "csv").stdout)))
    assert invoke(run, "-f", "latex").stdout.startswith("% needs")
    assert invoke(run, "-f", "markdown").stdout.startswith("# r: math500")


def test_both_scorers(run):
    assert "under two scorers" in invoke(run, "--scorer", "both").stdout
    assert "under two scorers" in invoke(run, "--scorer", "both", "-f", "markdown").stdout


def test_ks(run):
    assert "k=3" in invoke(run, "-k", "1,3").stdout
    with pytest.raises(UsageError, match="not a list of positive numbers"):
        invoke(run, "-k", "x")


def test_estimator(run):
    assert "paper's estimator" in " ".join(invoke(run, "--estimator", "paper").stdout.split())


def test_nothing_extracted_fails_after_the_table(tmp_path):
    cell = {"arm": "base", "benchmark": "math500", "accuracy": -9, "extracted": 0.0, "problems": 3, "n": 1}
    path = write_run(tmp_path / "r", [cell])
    with pytest.raises(NothingScored):
        invoke(path, "-o", tmp_path)
    assert (tmp_path / "report.md").is_file()


def test_report_loads_no_heavy_module(run):
    code = (
        "import sys\nfrom pathlib import Path\nfrom rast_eval.cli.report import *\n"
        f"report(Path({str(run)!r}), ReportFormat.table, None, None, '')\n"
        "heavy = {'torch', 'transformers', 'vllm', 'datasets'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
