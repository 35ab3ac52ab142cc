"""lm-evaluation-harness: `samples_<task>_<date>.jsonl`, one line a document and filter.

    {"doc_id": 0, "doc": {…}, "target": "18", "resps": [["…", "…"]], "filtered_resps": […], "filter": "strict-match",
     "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": […], "temperature": 0.0}}}, …}

`resps` holds a document's repeats; the same ones stand in a line of every filter. `doc_id` is the document's place in
its data set, whatever the order or the part that was run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, first_of, named, texts_in, whole
from rast_eval.logs.finished import Finished, FinishedCell

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl(\.gz)?")
FILTER = "none"


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row holds responses."""
    return isinstance(row.get("resps"), list)


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`; repeats are samples."""
    outputs = texts_in(row["resps"])
    if not outputs or (len(row["resps"]) > 1 and isinstance(row["resps"][0], list)):
        raise BadRow("no generated text under `resps`: log-likelihoods have no answer to grade")
    doc = row["doc"] if isinstance(row.get("doc"), Mapping) else {}
    question = first_of(doc, "question", "problem", "query", "prompt") or _argument(row, "arg_0") or ""
    found = Answered(
        "",
        gold=row.get("gold"),
        raw=row["gold_raw"] if row.get("gold_raw") is not None else row.get("target"),
        problem_id=named(first_of({**doc, **row}, "problem_id", "task_id")),
        alias=named(first_of(doc, "unique_id", "id")),
        place=whole(row.get("doc_id")),
        question=str(question),
        reading=str(row.get("filter") or ""),
    )
    return [Answered(**{**vars(found), "output": output}) for output in outputs]


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """From the file's name, the results beside it and the arguments of its first line."""
    name, folder = _NAME.fullmatch(path.name), path.resolve().parent.name
    results = path.with_name(f"results_{name['date']}.json") if name else None
    told = json.loads(results.read_bytes()) if results is not None and results.is_file() else {}
    asked = _argument(row, "arg_1")
    asked = asked if isinstance(asked, Mapping) else {}
    greedy = asked.get("do_sample") is False
    return Origin(
        task=name["task"] if name else "",
        model=str(told.get("model_name") or (folder.replace("__", "/") if "__" in folder else "")),
        temperature=0.0 if greedy else asked.get("temperature"),
        top_p=1.0 if greedy else asked.get("top_p"),
        max_tokens=whole(first_of(asked, "max_gen_toks", "max_tokens", "max_new_tokens")),
    )


def _argument(row: Mapping[str, Any], name: str) -> Any:
    found: Any = row.get("arguments")
    for key in ("gen_args_0", name):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def write(cells: Iterable[FinishedCell], folder: Path) -> Iterator[tuple[Path, Iterator[str]]]:
    """Each cell as lm-eval's samples: the file, and its lines."""
    for cell in cells:
        date = f"{cell.date[:19].replace(':', '-')}.000000"
        yield folder / cell.model.replace("/", "__") / f"samples_{cell.task}_{date}.jsonl", _lines(cell)


def _lines(cell: FinishedCell) -> Iterator[str]:
    asked = {
        "until": list(cell.stop),
        "do_sample": cell.temperature != 0,
        "temperature": cell.temperature,
        "top_p": cell.top_p,
        "max_gen_toks": cell.max_tokens,
    }
    for place, samples in cell.problems():
        yield json.dumps(_document(place, samples, asked))


def _document(place: int, samples: list[Finished], asked: Mapping[str, Any]) -> dict[str, Any]:
    problem = samples[0].problem
    doc = {**problem.metadata, "problem_id": problem.id, "question": problem.question, "answer": problem.gold}
    right = [float(one.grade["correct"]) for one in samples]
    return {
        "doc_id": place,
        "doc": doc,
        "target": problem.gold,
        "arguments": {"gen_args_0": {"arg_0": problem.question, "arg_1": dict(asked)}},
        "resps": [[one.output for one in samples]],
        "filtered_resps": [[one.grade["prediction"] for one in samples]],
        "filter": FILTER,
        "metrics": ["exact_match"],
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False, default=str)),
        "prompt_hash": _hash(problem.question),
        "target_hash": _hash(problem.gold),
        "exact_match": sum(right) / len(right),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
