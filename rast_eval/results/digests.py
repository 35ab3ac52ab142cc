"""Digests that bind a grade to the output it judges, so that neither is taken for another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rast_eval.types import Grade, Scorer

SEALED = ("problem_id", "sample", "output_sha256", "scorer", "scorer_version", "prediction", "correct", "status",
          "vote", "details")  # fmt: skip


def grade_line(grade: Grade, output_sha256: str, scorer: Scorer) -> dict[str, Any]:
    """A grade as it is stored: with the digest of its output, who judged it, and a digest of the line itself."""
    judged = {"output_sha256": output_sha256, "scorer": scorer.name, "scorer_version": scorer.version}
    row = {**asdict(grade), **judged}
    return {**row, "sha256": _seal(row)}


def is_sealed(row: Mapping[str, Any]) -> bool:
    """Whether a stored grade is as it was written."""
    return bool(row.get("sha256") == _seal(row))


def belongs(row: Mapping[str, Any], output_sha256: str, scorer: str) -> bool:
    """Whether a stored grade is as `scorer` gave it to the output of that digest."""
    return row.get("output_sha256") == output_sha256 and row.get("scorer") == scorer and is_sealed(row)


def _seal(row: Mapping[str, Any]) -> str:
    facts = json.dumps([row.get(key) for key in SEALED], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()
