"""Whole commands in a process of their own, and what they leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

SMALL = ["-L", "6", "--n", "2", "--arms", "base,rast,rl"]
COMMAND = [sys.executable, "-m", "rast_eval"]


def rast_eval(*arguments, cwd, check=0):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    done = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == check, done.stderr
    return done


def lines(folder, arm="rast"):
    path = next((Path(folder) / "samples" / arm).glob("*.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())["cells"]
