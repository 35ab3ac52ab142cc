"""What the Tab key offers, asked as bash asks it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rast_eval.cli.completion import NAMES, candidates


@pytest.mark.parametrize(
    ("words", "some", "never"),
    [
        (["re"], {"report"}, "run"),
        (["run", "--base", ""], {"32b", "tiny-l"}, "aime24"),
        (["run", "--base", "32b", "--delta", ""], {"14b", "none"}, "aime24"),
        (["run", "-b", "a"], {"aime24", "amc23"}, "gsm8k"),
        (["run", "-b", "aime24,a"], {"aime24,amc23"}, "aime24,aime24"),
        (["run", "--lim"], {"--limit", "--limit-from"}, "--base"),
        (["run", "--limit-from", ""], {"head", "random"}, "32b"),
        (["run", "--overwrite", ""], set(), "32b"),
        (["paper", ""], {"audit", "compare"}, "32b"),
        (["paper", "audit", "--"], {"--json"}, "--base"),
        (["export", "RUN", "--to", ""], {"lm-eval", "parquet"}, "plain"),
        (["nonsense", ""], set(), "32b"),
    ],
)
def test_candidates(words, some, never):
    found = candidates(words)
    assert some <= set(found)
    assert never not in found
    assert bool(found) == bool(some)


def test_every_kind_of_name_is_known():
    assert all(names() for names in NAMES.values())


def test_bash_asks_the_script(tmp_path):
    (tmp_path / "rast-eval").write_text(f'#!/bin/sh\nexec {sys.executable} -m rast_eval "$@"\n')
    (tmp_path / "rast-eval").chmod(0o755)
    script = (
        'eval "$(rast-eval completion bash)"; COMP_WORDS=(rast-eval run --delta 1); COMP_CWORD=3; _rast_eval 2>&1; '
        'echo "${COMPREPLY[@]}"; complete -p rast-eval'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    bash = shutil.which("bash") or "/bin/bash"
    asked = subprocess.run([bash, "-c", script], capture_output=True, text=True, env=environment, cwd=Path.cwd())
    assert set(asked.stdout.splitlines()[0].split()) >= {"14b", "1.5b"}, asked.stderr
    assert "-F _rast_eval rast-eval" in asked.stdout
