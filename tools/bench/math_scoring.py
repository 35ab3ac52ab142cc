"""CPU seconds, wall seconds and peak memory of grading, with math-verify beside it on the same rows.

$ python -m tools.bench.math_scoring --corpus outputs.jsonl --math-verify-python ~/mv/bin/python

The corpus is JSONL with `benchmark`, `gold_raw` and `output`. Its 500 problems with the most outputs are taken, and
each problem's outputs are repeated in turn until it has 32: repeats as n samples of one problem have them. Only
ratios of one run mean anything; the machine's load moves the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def build_rows(corpus: Path, problems: int = 500, samples: int = 32) -> list[Row]:
    """`problems` × `samples` rows from a corpus, grouped by problem."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            kept = {key: row[key] for key in ("benchmark", "gold_raw", "output")}
            groups[row["benchmark"], str(row["gold_raw"])].append(kept)
    largest = sorted(groups.values(), key=len, reverse=True)[:problems]
    return [row for group in largest for row in islice(cycle(group), samples)]


def usage(since: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> tuple[float, float, float]:
    """(own CPU seconds, CPU seconds of finished children, wall seconds), less an earlier reading."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    now = (own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime, time.monotonic())
    return now[0] - since[0], now[1] - since[1], now[2] - since[2]


def _report(name: str, correct: list[bool], spent: tuple[float, float, float]) -> Row:
    megabytes = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "scorer": name,
        "rows": len(correct),
        "correct": sum(correct),
        "cpu_seconds": round(spent[0] + spent[1], 2),
        "wall_seconds": round(spent[2], 2),
        "peak_mb_parent": megabytes[0],
        "peak_mb_largest_worker": megabytes[1],
    }


def measure(scorer: str, rows: list[Row], workers: int, votes: bool) -> Row:
    """Grade `rows` by one of our scorers, starting of workers included."""
    from rast_eval.inputs import benchmarks, golds, prompts
    from rast_eval.scoring import get_scorer
    from rast_eval.types import Problem, Sample

    started = usage()
    known, stops, samples = benchmarks.registry(), prompts.get(prompts.DEFAULT).stop, []
    for number, row in enumerate(rows):
        name = str({"aime25": "aime24", "minerva_math": "minerva"}.get(row["benchmark"], row["benchmark"]))
        gold = golds.gold_from([row["gold_raw"]], known[name].gold)
        problem = Problem(name, str(row["gold_raw"]), "", gold, keep_units=known[name].keep_units)
        samples.append(Sample(problem, number, row["output"], stops))
    judge: Any = get_scorer(scorer, votes=votes)
    grades = judge.grade(samples, workers)
    judge.close()
    report = _report(scorer + ("+votes" if votes else ""), [grade.correct for grade in grades], usage(started))
    return report | {"workers": workers, "timeouts": sum(grade.status == "timeout" for grade in grades)}


def measure_math_verify(rows: list[Row]) -> Row:
    """Grade `rows` by math-verify as its README shows: parse the gold, parse the output, verify."""
    import logging

    import math_verify

    logging.disable(logging.CRITICAL)  # it logs each output that it cannot read in time
    started = usage()
    golds: dict[str, Any] = {}
    correct = []
    for row in rows:
        gold = _math_verify_gold(row)
        if gold not in golds:
            golds[gold] = math_verify.parse(gold)
        correct.append(bool(math_verify.verify(golds[gold], math_verify.parse(row["output"]))))
    return _report("math-verify", correct, usage(started))


def _math_verify_gold(row: Row) -> str:
    gold = str(row["gold_raw"])
    if row["benchmark"] == "gsm8k":
        return gold.rpartition("####")[2].strip()
    return gold if "boxed" in gold or "$" in gold else f"${gold}$"


def _in_own_process(python: str, arguments: list[str], rows: Path) -> Row:
    command = [python, "-m", "tools.bench.math_scoring", "--rows-file", str(rows), *arguments]
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=os.environ | {"PYTHONPATH": path})
    report: Row = json.loads(done.stdout)
    return report


def _reports(options: argparse.Namespace, rows: Path) -> Iterator[Row]:
    for workers in options.workers:
        yield _in_own_process(sys.executable, ["--judge", options.scorer, "--workers", str(workers)], rows)
    if options.votes:
        arguments = ["--judge", options.scorer, "--votes", "--workers", str(options.workers[-1])]
        yield _in_own_process(sys.executable, arguments, rows)
    if options.math_verify_python:
        yield _in_own_process(options.math_verify_python, ["--judge", "math-verify"], rows)


def main() -> None:
    """Print one JSON object: a report for each scorer, and the ratio of CPU seconds."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.math_scoring", description=(__doc__ or "").split("\n")[0]
    )
    parity = os.environ.get("RAST_EVAL_PARITY", ".")
    parser.add_argument("--corpus", type=Path, default=Path(parity) / "simplerl_verdicts.jsonl")
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="measured one after the other")
    parser.add_argument("--scorer", default="simplerl")
    parser.add_argument("--votes", action="store_true", help="also group the predictions for majority@k")
    parser.add_argument("--math-verify-python", help="interpreter of an environment that has math-verify")
    parser.add_argument("--rows-file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--judge", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judge:
        rows = json.loads(options.rows_file.read_text())
        judged = options.judge == "math-verify"
        report = (
            measure_math_verify(rows) if judged else measure(options.judge, rows, options.workers[0], options.votes)
        )
        print(json.dumps(report))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        path.write_text(json.dumps(build_rows(options.corpus, options.problems, options.samples)))
        reports = list(_reports(options, path))
    result: Row = {"reports": reports}
    if options.math_verify_python:
        ratio = reports[-1]["cpu_seconds"] / reports[len(options.workers) - 1]["cpu_seconds"]
        result["cpu_ratio_math_verify_to_ours"] = round(ratio, 2)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
