"""What the authors' scripts write: RAST's `prediction-0.jsonl`, one file a sample, and SimpleRL's evaluation.

    prediction-3.jsonl                               {"question": …, "model_output": …, "answer": …}
    test_qwen-boxed_-1_seed0_t1.0_s0_e-1.jsonl       {"idx": 0, "question": …, "gt": …, "code": [output, …], …}

The first has no ids: the order is the benchmark's. The second cut its outputs at the stop words already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, ending, texts_in, whole


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row is of one of the two."""
    return "model_output" in row or ("gt" in row and isinstance(row.get("code"), list))


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`."""
    question = str(row.get("question") or "")
    if "model_output" in row:
        if not isinstance(row["model_output"], str):
            raise BadRow("no text under `output`, `model_output` or `resps`")
        return [
            Answered(
                row["model_output"],
                gold=row.get("gold"),
                raw=row["gold_raw"] if row.get("gold_raw") is not None else row.get("answer"),
                problem_id=None if row.get("problem_id") is None else str(row["problem_id"]),
                question=question,
            )
        ]
    outputs, reasons = texts_in(row["code"]), row.get("finish_reason")
    reasons = reasons if isinstance(reasons, list) and len(reasons) == len(outputs) else [None] * len(outputs)
    return [
        Answered(output, gold=row["gt"], place=whole(row.get("idx")), question=question, finish=ending(reason))
        for output, reason in zip(outputs, reasons, strict=True)
    ]


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """What the names of file and folder say: `Qwen-Qwen2.5-32B_temp_1.0/prediction-0.jsonl`, `…_t1.0_…`."""
    folder = re.fullmatch(r"(?P<model>.+)_temp_(?P<temperature>[\d.]+)", path.parent.name)
    if folder:
        return Origin(path.parent.parent.name, folder["model"], float(folder["temperature"]))
    drawn = re.search(r"_seed\d+_t([\d.]+)_s", path.name)
    return Origin(path.parent.name if drawn else "", "", float(drawn[1]) if drawn else None)
