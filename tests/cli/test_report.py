import csv
import html
import io
import json
import shutil
import subprocess
import sys

import pytest
from run_writer import write_run

from rast_eval.cli import dispatch
from rast_eval.report import run_report, wording
from rast_eval.results.metrics import evaluate_run, to_jsonable

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


@pytest.fixture
def report(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments, code=0):
        assert dispatch(["report", *map(str, arguments)]) == code
        return capsys.readouterr()

    return call


def test_report_prints_and_writes(run, report):
    metrics = evaluate_run(run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    shown = report(run, "-o", run.parent / "pages").out
    report(run, "-k", "1", "--estimator", "paper")
    pages = run.parent / "pages"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    sentence = wording.headline(metrics)
    assert sentence.startswith("RAST takes the base from")
    assert sentence in " ".join(shown.split())
    assert (pages / "report.md").read_text().startswith(f"# {wording.title(metrics)}\n\n{sentence}\n")
    assert html.escape(sentence) in (pages / "report.html").read_text()


def test_formats_leave_stdout_to_the_result(run, report):
    metrics = evaluate_run(run)
    printed = report(run, "--format", "json")
    assert json.loads(printed.out) == to_jsonable(metrics)
    assert printed.err.count("cut at 64 tokens") == 3
    rows = list(csv.DictReader(io.StringIO(report(run, "-f", "csv").out)))
    accuracies = [float(row["value"]) for row in rows if row["metric"] == "accuracy"]
    assert accuracies == [cell.accuracy.value for cell in metrics.cells]
    assert report(run, "-f", "latex").out == run_report.to_latex(metrics)
    assert report(run, "-f", "markdown", "-o", run.parent).out == (run.parent / "report.md").read_text()


def test_several_runs(run, report, tmp_path):
    """Two folders of one name are told apart by their paths."""
    other = shutil.copytree(run, tmp_path / "elsewhere" / "r")
    rows = json.loads(report(run, other, "-f", "json").out)
    assert [row["run"] for row in rows] == [str(run), str(other)]
    table = list(csv.DictReader(io.StringIO(report(run, other, "-f", "csv").out)))
    assert {row["run"] for row in table} == {str(run), str(other)}
    assert report(run, other, "-f", "latex", "-o", tmp_path / "pages").out.count("& RAST &") == 2
    page = (tmp_path / "pages" / "report.html").read_text()
    assert all(f">{html.escape(str(path))}</h2>" in page for path in (run, other))
    assert "--scorer both reads one run" in report(run, other, "--scorer", "both", code=2).err


def test_both_scorers(run, report):
    title = "The same outputs under two scorers"
    assert title in report(run, "--scorer", "both", "-o", run.parent).out
    assert title in (run.parent / "report.md").read_text()
    assert title in report(run, "--scorer", "both", "-f", "markdown").out


def test_ks(run, report):
    header = next(line for line in report(run, "-k", "1,3").out.splitlines() if "k=" in line)
    assert header.split() == ["benchmark", "arm", "k=3"]
    assert "not a list of positive numbers" in report(run, "-k", "x", code=2).err


def test_estimator(run, report):
    ours, theirs = (json.loads(report(run, "--estimator", name, "-f", "json").out) for name in ("unbiased", "paper"))
    assert [ours["estimator"], theirs["estimator"]] == ["unbiased", "paper"]
    assert ours["cells"][1]["pass_at"]["2"] != theirs["cells"][1]["pass_at"]["2"]


def test_nothing_extracted_fails_after_the_table(tmp_path, report):
    cell = {"arm": "base", "benchmark": "math500", "accuracy": -9, "extracted": 0.0, "problems": 3, "n": 1}
    path = write_run(tmp_path / "r", [cell])
    printed = report(path, code=1)
    assert "NO answer could be extracted" in printed.out
    assert "No answer could be extracted at all: base on math500." in printed.err


def test_report_loads_no_heavy_module(run):
    code = (
        "import sys\nfrom rast_eval.cli import dispatch\n"
        f"assert dispatch(['report', {str(run)!r}]) == 0\n"
        "heavy = {'torch', 'transformers', 'vllm', 'datasets'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
