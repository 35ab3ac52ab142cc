"""The script behind the table of docs/statistics.md, on its quickest parts."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "tools" / "coverage.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_table_is_written_between_the_marks_and_nowhere_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before <!-- coverage -->old<!-- /coverage --> after", encoding="utf-8")
    done = run("--replications", "100", "--only", "single", "--markdown", str(page))
    assert (done.returncode, done.stdout) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before <!-- coverage -->\n### ")
    assert text.endswith("<!-- /coverage --> after")
    assert "| 30 | .978 | .939 | .957 |" in text
    assert "old" not in text


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks", encoding="utf-8")
    done = run("--only", "single", "--markdown", str(page))
    assert done.returncode == 2
    assert "type them where" in done.stderr
    assert page.read_text(encoding="utf-8") == "no marks"


def test_the_page_holds_every_table():
    listed = run("--help").stdout
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    titles = [line for line in page.splitlines() if line.startswith("### ")]
    names = listed.partition("--only {")[2].partition("}")[0].split(",")
    assert len(names) > 5
    assert len(titles) == len(names)
