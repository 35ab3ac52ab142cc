"""lighteval: `details_<task>_<date>.parquet`, one row a document, its samples in a list.

{"doc": {"query": …, "choices": […], "gold_index": 0, "id": "3"}, "model_response": {"text": […]}, "metric": {…}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, texts_in, whole


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row holds a document and the model's response."""
    return isinstance(row.get("model_response"), Mapping) and isinstance(row.get("doc"), Mapping)


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`."""
    doc, response = row["doc"], row["model_response"]
    outputs = texts_in(response.get("text"))
    if not outputs:
        raise BadRow("no generated text under `model_response.text`")
    tokens = response.get("output_tokens")
    counts = [len(ids) for ids in tokens] if isinstance(tokens, list) and len(tokens) == len(outputs) else []
    index = doc.get("gold_index")
    index, choices = index[0] if isinstance(index, list) and index else index, doc.get("choices") or []
    gold = choices[index] if isinstance(index, int) and index < len(choices) else None
    return [
        Answered(
            output,
            raw=gold,
            place=whole(doc.get("id")),
            question=str(doc.get("original_query") or doc.get("query") or ""),
            tokens=counts[i] if counts else None,
        )
        for i, output in enumerate(outputs)
    ]


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """From the document's own task, and the folders `details/<org>/<model>/<date>/`."""
    parents = [parent.name for parent in path.parents]
    model = "/".join(reversed(parents[1:3])) if "details" in parents else ""
    task = str(row["doc"].get("task_name") or "").split("|")
    return Origin((task[1] if len(task) > 2 else task[0]).split(":")[0], model.removeprefix("details/"))
