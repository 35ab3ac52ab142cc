"""The tests draw their problems from the models of tools/simulated.py, as the coverage table does."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))
