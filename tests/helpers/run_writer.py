"""Write a run directory with made-up outputs, in the format that `rast-eval run` leaves."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from rast_eval.results.digests import grade_line
from rast_eval.results.lines import output_sha256
from rast_eval.results.store import SCHEMA
from rast_eval.types import Grade

SESSION = {"id": "5e551011", "cells": [], "engine": {}, "engines": {}, "packages": {}, "arguments": []}
"""What readers need of the session that made the samples."""


class Judge:
    """A scorer's name and version."""

    version = "1"

    def __init__(self, name):
        self.name = name


SYSTEMS = {
    "base": {"base": {"path": "tiny-m", "name": "tiny-m"}, "deltas": []},
    "expert": {"base": {"path": "tiny-s-rl", "name": "tiny-s-rl"}, "deltas": []},
    "rast": {
        "base": {"path": "tiny-m", "name": "tiny-m"},
        "deltas": [
            {
                "expert": {"path": "tiny-s-rl", "name": "tiny-s-rl"},
                "antiexpert": {"path": "tiny-s", "name": "tiny-s"},
                "weight": 1.0,
            }
        ],
    },
    "rl": {"base": {"path": "tiny-m-rl", "name": "tiny-m-rl"}, "deltas": []},
}


def write_run(path: Path, cells: list[dict], seed: int = 0) -> Path:
    """Each cell: arm, benchmark, accuracy, problems, n and optionally greedy, prompt, extracted, truncated, ids,
    output (a text with {} for the answer), digests (of question and gold by id), stop,
    boxed (share of outputs with a box), total, draw, until, disagree (every how manieth grade strict turns round).

    The rows of a benchmark are the same in every run that is written so.
    """
    rng, boxes = np.random.default_rng(seed), np.random.default_rng(seed)
    planned = []
    for cell in cells:
        arm, benchmark, n, count = cell["arm"], cell["benchmark"], cell["n"], cell["problems"]
        planned.append(
            {
                "arm": arm,
                "benchmark": benchmark,
                "scorer": cell.get("scorer", "simplerl"),
                "prompt": cell.get("prompt", "qwen-boxed"),
                "sampling": {
                    "temperature": 0.0 if cell.get("greedy") else 1.0,
                    "top_p": 1.0 if cell.get("greedy") else 0.95,
                    "max_tokens": 64,
                },
                "stop": cell.get("stop", []),
                "n": n,
                "problem_count": cell.get("planned", count),
                "fingerprint": f"{arm}-{benchmark}",
                "total": cell.get("total", 0),
                "draw": cell.get("draw"),
                "until": cell.get("until"),
                "system": SYSTEMS[arm.partition("@")[0]],
            }
        )
        samples, grades = [], []
        ids = cell.get("ids") or [str(i) for i in range(count)]
        for i, problem in enumerate(ids):
            ease = np.clip(cell["accuracy"] + 0.2 * np.random.default_rng(i).normal(), 0, 1)
            for j in range(n):
                correct = bool(rng.random() < ease)
                extracted = correct or rng.random() < cell.get("extracted", 1.0)
                prediction = "42" if correct else str(rng.integers(3)) if extracted else ""
                cut = rng.random() < cell.get("truncated", 0.0)
                output = cell.get("output", "So it is {}.").replace("{}", prediction)
                samples.append(
                    {
                        "fingerprint": f"{arm}-{benchmark}",
                        "session": SESSION["id"],
                        "benchmark": benchmark,
                        "problem_id": problem,
                        "sample": j,
                        "seed": 1,
                        "problem_sha256": cell.get("digests", {}).get(problem)
                        or hashlib.sha256(f"{benchmark} {problem}".encode()).hexdigest(),
                        "prompt_sha256": "0",
                        "num_tokens": int(rng.integers(20, 60)),
                        "finish_reason": "length" if cut else "stop",
                        "stop_reason": None,
                        "output_sha256": output_sha256(output),
                        "output": output,
                    }
                )
                vote = (9 if correct else int(prediction)) if extracted and cell.get("votes", True) else None
                status = "ok" if extracted else "no_answer"
                details = {} if "boxed" not in cell else {"boxed": bool(boxes.random() < cell["boxed"])}
                grades.append((Grade(problem, j, prediction, correct, status, vote, details), output_sha256(output)))
        _write_lines(path / "samples" / arm / f"{benchmark}.jsonl", samples)
        for scorer in cell.get("graded_by", [cell.get("scorer", "simplerl")]):
            every = cell.get("disagree", 0) if scorer == "strict" else 0
            turned = [
                replace(g, correct=not g.correct) if every and i % every == 0 else g for i, (g, _) in enumerate(grades)
            ]
            rows = [grade_line(grade, digest, Judge(scorer)) for grade, (_, digest) in zip(turned, grades, strict=True)]
            _write_lines(path / "grades" / arm / f"{benchmark}.{scorer}.jsonl", rows)
    (path / "manifest.json").write_text(
        json.dumps({"schema": SCHEMA, "benchmarks": {}, "cells": planned, "sessions": [SESSION]})
    )
    return path


def _write_lines(file: Path, rows: list[dict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
