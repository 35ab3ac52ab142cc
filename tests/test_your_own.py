"""docs/your-own.md, typed as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rast_eval.inputs import benchmark_file, golds, prompts

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs/your-own.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_prints_what_the_page_says(tmp_path):
    pytest.importorskip("torch")
    script = 'rast-eval() { "$PYTHON" -m rast_eval "$@"; }\n'
    wanted = []
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        script += text if kind == "sh" else ""
        wanted += text.splitlines() if kind == "text" else []
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-e"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == wanted


def test_every_key_and_rule_is_on_the_page():
    first_cells = re.findall(r"^\| (`.*?`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    known = {*benchmark_file.KEYS, *prompts.KEYS, *golds.RULES, "gold"}
    assert named == known - {"generator"}  # which makes the rows of the embedded family's own benchmark
