"""Every Eval Ever, format 0.2.2: `<uuid>.json` with the score, `<uuid>.jsonl` with a line an output.

{"schema_version": "instance_level_eval_0.2.2", "sample_id": "3", "input": {"raw": …, "reference": ["18"]},
 "output": {"raw": ["…"]}, "answer_attribution": […], "evaluation": {"score": 1.0, "is_correct": true}, …}
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, named, texts_in, whole
from rast_eval.logs.finished import Finished, FinishedCell

SCHEMA = "0.2.2"
LINES = f"instance_level_eval_{SCHEMA}"


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row is a line of this format, of any of its versions."""
    return str(row.get("schema_version", "")).startswith("instance_level_eval")


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`."""
    asked, output, usage = (row.get(key) or {} for key in ("input", "output", "token_usage"))
    texts, golds = texts_in(output.get("raw")), texts_in(asked.get("reference"))
    if not texts:
        raise BadRow("no text under `output.raw`")
    raw, question = golds[0] if golds else None, str(asked.get("raw") or "")
    tokens = whole(usage.get("output_tokens"))
    return [
        Answered(text, raw=raw, alias=named(row.get("sample_id")), question=question, tokens=tokens) for text in texts
    ]


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """From its first line; what generated is told in the file beside it."""
    return Origin(str(row.get("evaluation_name") or ""), str(row.get("model_id") or ""))


def write(cells: Iterable[FinishedCell], folder: Path) -> Iterator[tuple[Path, Iterator[str]]]:
    """Each cell as its score and its lines."""
    for cell in cells:
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, cell.key))
        place = folder / cell.benchmark / (cell.model if "/" in cell.model else f"unknown/{cell.model}")
        seconds = datetime.fromisoformat(cell.date).timestamp()
        identity = f"{cell.benchmark}/{cell.model}/{seconds:.0f}"
        lines = [json.dumps(_line(cell, one, identity)) for _, problem in cell.problems() for one in problem]
        yield place / f"{name}.jsonl", iter(lines)
        yield place / f"{name}.json", iter([json.dumps(_aggregate(cell, identity, f"{name}.jsonl", lines), indent=1)])


def _aggregate(cell: FinishedCell, identity: str, file: str, lines: list[str]) -> dict[str, Any]:
    accuracy = cell.accuracy
    settings = {"arm": cell.arm, "scorer": cell.scorer, "samples_a_problem": str(cell.n)}
    uncertainty: dict[str, Any] = {"num_samples": accuracy.problems}
    if math.isfinite(accuracy.low + accuracy.high):
        bounds = {"lower": accuracy.low, "upper": accuracy.high, "confidence_level": 0.95}
        uncertainty["confidence_interval"] = {**bounds, "method": accuracy.method}
    result = {
        "evaluation_result_id": cell.key,
        "evaluation_name": cell.benchmark,
        "source_data": {"dataset_name": cell.benchmark, **cell.source},
        "metric_config": {
            "evaluation_description": "share of right outputs, averaged over the samples of each problem",
            "metric_id": "accuracy",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0,
            "max_score": 1,
        },
        "score_details": {"score": accuracy.value, "uncertainty": uncertainty},
        "generation_config": {
            "generation_args": cell.decoding,
            "additional_details": settings,
        },
    }
    whole_file = "".join(f"{line}\n" for line in lines).encode()
    return {
        "schema_version": SCHEMA,
        "evaluation_id": identity,
        "evaluation_timestamp": cell.date,
        "retrieved_timestamp": identity.rpartition("/")[2],
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "rast-eval", "version": cell.version},
        "model_info": {"name": cell.model, "id": cell.model},
        "evaluation_results": [result],
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": file,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(whole_file).hexdigest(),
            "total_rows": len(lines),
        },
    }


def _line(cell: FinishedCell, one: Finished, identity: str) -> dict[str, Any]:
    problem, grade = one.problem, one.grade
    digest = hashlib.sha256((problem.question + problem.gold).encode("utf-8", "surrogatepass")).hexdigest()
    attribution = {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": grade["prediction"],
        "extraction_method": cell.scorer,
        "is_terminal": True,
    }
    return {
        "schema_version": LINES,
        "evaluation_id": identity,
        "model_id": cell.model,
        "evaluation_name": cell.benchmark,
        "evaluation_result_id": cell.key,
        "sample_id": problem.id,
        "sample_hash": digest,
        "interaction_type": "single_turn",
        "input": {"raw": problem.question, "reference": [problem.gold]},
        "output": {"raw": [one.output]},
        "messages": None,
        "answer_attribution": [attribution],
        "evaluation": {"score": float(grade["correct"]), "is_correct": grade["correct"]},
        "metadata": {"sample": str(one.index), "status": grade["status"], "finish_reason": one.finish},
    }
