"""Digests that bind a grade to the output it judges, so that neither is taken for another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rast_eval.types import Grade, Scorer

_SEAL = b', "sha256": "'


def grade_line(grade: Grade, output_sha256: str, scorer: Scorer) -> dict[str, Any]:
    """A grade as it is stored: with the digest of its output, who judged it, and last a digest of the line before."""
    judged = {"output_sha256": output_sha256, "scorer": scorer.name, "scorer_version": scorer.version}
    row = {**asdict(grade), **judged}
    return {**row, "sha256": hashlib.sha256(json.dumps(row).encode()[:-1]).hexdigest()}


def is_sealed(line: bytes) -> bool:
    """Whether the line of a stored grade is as it was written."""
    facts, _, digest = line.rpartition(_SEAL)
    return digest == f'{hashlib.sha256(facts).hexdigest()}"}}\n'.encode()


def belongs(row: Mapping[str, Any], output_sha256: str, scorer: str) -> bool:
    """Whether a grade, read by `lines.read_grade`, is as `scorer` gave it to the output of that digest."""
    return row.get("output_sha256") == output_sha256 and row.get("scorer") == scorer and bool(row["sealed"])
