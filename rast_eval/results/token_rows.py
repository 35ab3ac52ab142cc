"""The delta microscope on disk: what every member would have said at each token of a stored sample.

results/<run>/tokens/<arm>/<benchmark>.jsonl     one line a sample, written by `rast-eval analyze tokens`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rast_eval.results.samples import Key
from rast_eval.types import Cell

HEAD_BYTES = 400
"""Of a line, which say whose it is."""


@dataclass(frozen=True)
class TokenRow:
    """One sample of T tokens.

    Attributes:
        retokenised: whether its text, encoded again, gave another number of tokens than were generated.
        tokens: T ids.
        top: by member, and for `RAST`: at each of the T tokens its most probable ids with their probabilities.
        kl: T nats, KL(RAST ‖ base).
        entropy: T nats, of RAST.
        size: T, standard deviation of λ·(expert − antiexpert) over the shared vocabulary, in logits.
        push: T, that delta at the token itself, less its mean over the vocabulary.
        flips: T, whether RAST's most probable token is another than the base's.
        texts: each id's text.
    """

    problem_id: str
    sample: int
    output_sha256: str
    retokenised: bool
    tokens: tuple[int, ...]
    top: Mapping[str, tuple[tuple[tuple[int, float], ...], ...]]
    kl: tuple[float, ...]
    entropy: tuple[float, ...]
    size: tuple[float, ...]
    push: tuple[float, ...]
    flips: tuple[bool, ...]
    texts: Mapping[int, str]

    def line(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode() + b"\n"


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
            if wanted in line[:HEAD_BYTES]:
                row: dict[str, Any] = json.loads(line)
                if (row["problem_id"], row["sample"]) == key:
                    return row
    return None
