"""CONTRIBUTING.md, typed as it stands, in a copy of what it changes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = {
    what: block[1]
    for what, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    if (block := re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
}
PRINTED = {
    "a model pair": ["tiny-arith", "RAST", "own-large + Δown-small"],
    "a scorer": ['"correct": true', '"correct": false'],
    "a backend": ["tiny-arith", "RAST"],
}


def test_rooms_of_the_map_are_those_of_the_package():
    named = set(re.findall(r"`(\w+)/`", PAGE.split("## Rules")[0].split("| room |")[1].split("\n\n")[0]))
    assert named == {path.parent.name for path in (ROOT / "rast_eval").glob("*/__init__.py")}


@pytest.mark.parametrize("what", BLOCKS)
def test_what_it_says_to_type_works(tmp_path, what):
    pytest.importorskip("torch")
    for folder in ("rast_eval", "benchmarks", "prompts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").touch()
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    script = 'rast-eval() { "$PYTHON" -m rast_eval "$@"; }\n' + BLOCKS[what]
    done = subprocess.run(["bash", "-e"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [text for text in PRINTED[what] if text not in done.stdout] == [], done.stdout
