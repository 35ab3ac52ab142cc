"""Inspect: an `.eval` archive, or the same log as `.json`; one sample an epoch.

header.json               {"eval": {"task": …, "model": …}, "plan": {…}, "results": {…}}
samples/7_epoch_2.json    {"id": 7, "epoch": 2, "input": …, "target": …, "output": {"choices": […]}, "scores": {…}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, ending, named, texts_in, whole
from rast_eval.logs.finished import Finished, FinishedCell

LENGTH = "max_tokens"
SCHEMA = 2


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row is a sample of an epoch."""
    return "epoch" in row and isinstance(row.get("output"), Mapping)


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`; several choices are several samples."""
    output = row["output"]
    choices = [choice for choice in output.get("choices") or () if isinstance(choice, Mapping)]
    usage = output.get("usage")
    tokens = whole(usage.get("output_tokens")) if isinstance(usage, Mapping) and len(choices) == 1 else None
    targets = texts_in(row.get("target"))
    found = [
        Answered(
            _content(choice.get("message")),
            raw=targets[0] if targets else None,
            alias=named(row.get("id")),
            question=_question(row.get("input")),
            tokens=tokens,
            finish=ending(choice.get("stop_reason")),
        )
        for choice in choices
    ]
    if not found:
        raise BadRow("its output holds no choice: the sample ended in an error")
    return found


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """From the log's header."""
    facts, plan = _part(header, "eval"), _part(header, "plan")
    parts = (_part(facts, "model_generate_config"), _part(plan, "config"))
    asked = {key: value for part in parts for key, value in part.items() if value is not None}
    task = str(facts.get("task") or "").rpartition("/")[2]
    return Origin(
        task,
        str(facts.get("model") or ""),
        asked.get("temperature"),
        asked.get("top_p"),
        whole(asked.get("max_tokens")),
    )


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _question(given: Any) -> str:
    """The last user's words of a conversation, or the input as it stands."""
    if not isinstance(given, list):
        return str(given or "")
    asked = [message for message in given if isinstance(message, Mapping) and message.get("role") == "user"]
    return _content(asked[-1]) if asked else ""


def write(cells: Iterable[FinishedCell], folder: Path) -> Iterator[tuple[Path, Iterator[str]]]:
    """Each cell as a log of its own, by the time and task in its name."""
    for cell in cells:
        path = folder / f"{cell.date.replace(':', '-')}_{cell.task}_{cell.key[:22]}.json"
        yield path, iter([json.dumps(_log(cell))])


def _log(cell: FinishedCell) -> dict[str, Any]:
    samples = [_sample(cell, one) for _, problem in cell.problems() for one in problem]
    right = sum(sample["scores"][cell.scorer]["value"] == "C" for sample in samples)
    score = {
        "name": cell.scorer,
        "scorer": cell.scorer,
        "metrics": {"accuracy": {"name": "accuracy", "value": right / max(len(samples), 1)}},
    }
    return {
        "version": SCHEMA,
        "status": "success",
        "eval": {
            "eval_id": cell.key[:22],
            "run_id": cell.key[:22],
            "task_id": cell.key[-22:],
            "created": cell.date,
            "task": cell.task,
            "dataset": {"name": cell.benchmark, "samples": len({sample["id"] for sample in samples})},
            "model": cell.model,
            "model_generate_config": cell.decoding,
            "config": {"epochs": cell.n},
            "packages": {"rast-eval": cell.version},
        },
        "plan": {"name": "plan", "steps": [], "config": cell.decoding},
        "results": {"total_samples": len(samples), "completed_samples": len(samples), "scores": [score]},
        "stats": {"started_at": cell.date, "completed_at": cell.date, "model_usage": {}},
        "samples": samples,
    }


def _sample(cell: FinishedCell, one: Finished) -> dict[str, Any]:
    message = {"role": "assistant", "content": one.output, "source": "generate"}
    reason = LENGTH if one.finish == "length" else "stop"
    score = {
        "value": "C" if one.grade["correct"] else "I",
        "answer": one.grade["prediction"],
        "metadata": {"status": one.grade["status"]},
    }
    usage = {} if one.tokens is None else {"usage": {"output_tokens": one.tokens, "total_tokens": one.tokens}}
    return {
        "id": one.problem.id,
        "epoch": one.index + 1,
        "input": one.problem.question,
        "target": one.problem.gold,
        "messages": [{"role": "user", "content": one.problem.question}, message],
        "output": {"model": cell.model, "choices": [{"message": message, "stop_reason": reason}], **usage},
        "scores": {cell.scorer: score},
        "metadata": {},
    }
