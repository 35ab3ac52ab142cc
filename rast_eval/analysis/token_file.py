"""The delta microscope on disk: what every member would have said at each token of a stored sample.

results/<run>/tokens/<arm>/<benchmark>.jsonl     one line a sample, a token after another
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rast_eval.results.samples import Key
from rast_eval.types import Cell


def token_file(root: Path, cell: Cell) -> Path:
    """Where a cell's token rows lie."""
    return root / "tokens" / cell.arm / f"{cell.benchmark}.jsonl"


def read_token_row(root: Path, cell: Cell, key: Key, output_sha256: str) -> dict[str, Any] | None:
    """What was found along one sample's output; None where it was not analysed, or is another output by now."""
    path = token_file(root, cell)
    if not path.is_file():
        return None
    wanted = f'"output_sha256": "{output_sha256}"'.encode()
    with path.open("rb") as handle:
        for line in handle:
            # The head of a line names its sample; the rest is not decoded for any other.
            if wanted in line[:400] and line.endswith(b"\n"):
                row: dict[str, Any] = json.loads(line)
                if (row["problem_id"], row["sample"]) == key:
                    return row
    return None
