"""λ and rule of a composite: beside its configuration, not in it.

vLLM keeps compiled graphs by the model's path and its configuration, and neither depends on λ. A composite of one's
own holds them as fusion.json; one in the cache is shared by runs of any λ, so that each gives its own.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from rast_eval.types import System

FUSION_FILE = "fusion.json"
"""{"lambda": [λ of each delta], "rule": `types.FusionRule` in a word}"""

FUSION_VARIABLE = "RAST_EVAL_FUSION"
"""The content of that file in the environment, which wins."""


def fusion_json(system: System) -> str:
    """λ and rule, as the file holds them."""
    return json.dumps({"lambda": [delta.weight for delta in system.deltas], "rule": str(system.rule)})


def read_fusion(folder: str, revision: str | None, deltas: int) -> tuple[list[float], str]:
    """λ of each delta and the rule: from the environment, else from the composite's folder.

    Raises:
        ValueError: in neither, or not one finite λ a delta.
    """
    told = os.environ.get(FUSION_VARIABLE)
    if told is None:
        from transformers.utils import cached_file

        path = cached_file(folder, FUSION_FILE, revision=revision, _raise_exceptions_for_missing_entries=False)
        if path is None:
            raise ValueError(f"{folder} holds no {FUSION_FILE}: write a composite with `rast-eval compose`.")
        told = Path(path).read_text(encoding="utf-8")
    found = json.loads(told)
    lambdas = [float(weight) for weight in found["lambda"]]
    if len(lambdas) != deltas or not all(map(math.isfinite, lambdas)):
        raise ValueError(f"Expected {deltas} finite λ in {FUSION_FILE}, got {lambdas}.")
    return lambdas, str(found.get("rule", "linear"))
