"""Seconds to judge every reference solution: ours against EvalPlus, in one run on one machine.

    python -m tools.bench.code_scoring --evalplus-python ENV/bin/python --json

EvalPlus lives in an environment of its own (`pip install evalplus==0.3.1` there; it would downgrade protobuf here).
Each side runs in a fresh process on the same files with the same number of workers and the same time limits (4 s a
call: with its own default of 1 s EvalPlus gives up on the slow references, and saves their time). Both have their
expected outputs cached (`warm`); ours is timed before and after EvalPlus, so that a change of the machine's load shows.
Only ratios within one run mean anything.

EvalPlus ends in steps of 20 s: a thread that watches for a standstill sleeps that long, and the process waits for it.
`results_after` says when its results file was there, `ratio_to_results` compares with that.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rast_eval.scoring.code.evalplus import MIN_SECONDS

FILES = {"humaneval_plus": "HumanEvalPlus.jsonl.gz", "mbpp_plus": "MbppPlus.jsonl.gz"}
MEASURED = ("seconds", "cpu_seconds", "peak_mb")
RATIOS = (
    ("ratio_seconds", "seconds", "seconds"),
    ("ratio_to_results", "seconds", "results_after"),
    ("ratio_cpu_seconds", "cpu_seconds", "cpu_seconds"),
)
"""Name, and which of our warm runs' figures is divided by which of EvalPlus's."""
EVALPLUS_NAMES = {"humaneval_plus": "humaneval", "mbpp_plus": "mbpp"}

_GROUND_TRUTH = """
import sys
from evalplus.data import get_human_eval_plus, get_human_eval_plus_hash, get_mbpp_plus, get_mbpp_plus_hash
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
from evalplus.evaluate import get_groundtruth
if sys.argv[1] == "humaneval":
    get_groundtruth(get_human_eval_plus(), get_human_eval_plus_hash(), [])
else:
    get_groundtruth(get_mbpp_plus(), get_mbpp_plus_hash(), MBPP_OUTPUT_NOT_NONE_TASKS)
"""


def rows(data_dir: Path, name: str) -> list[dict[str, Any]]:
    """The benchmark's rows under `data_dir`/code."""
    with gzip.open(data_dir / "code" / FILES[name], "rt") as file:
        return [json.loads(line) for line in file]


def grade_references(data_dir: Path, name: str, workers: int) -> dict[str, Any]:
    """Judge the reference solutions in this process: seconds and who fails."""
    from rast_eval.scoring.code.evalplus import EvalPlus
    from rast_eval.types import Problem, Sample

    samples = [
        Sample(Problem(name, row["task_id"], "", "", row), 0, row["prompt"] + row["canonical_solution"])
        for row in rows(data_dir, name)
    ]
    started = time.monotonic()
    grades = EvalPlus().grade(samples, workers)
    failing = {grade.problem_id: dict(grade.details) for grade in grades if not grade.correct}
    return {
        "seconds": round(time.monotonic() - started, 2),
        "passed": len(grades) - len(failing),
        "problems": len(grades),
        "failing": failing,
    }


def _timed(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run to the end: seconds by the clock and of all its processes' CPU time, stdout, largest resident set in MB."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    peak = round(usage.ru_maxrss / 1024)
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_mb": peak, "stdout": text}


def compare(data_dir: Path, name: str, workers: int, evalplus_python: str | None, folder: Path) -> dict[str, Any]:
    """One benchmark: ours cold and warm, EvalPlus warm in between where there is one."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    own = [sys.executable, "-m", __spec__.name, "--inner", name, "--workers", str(workers), "--data-dir", str(data_dir)]

    def ours() -> dict[str, Any]:
        run = _timed(own, environment)
        found = json.loads(run["stdout"])
        return {**found, **{key: run[key] for key in MEASURED}}

    result: dict[str, Any] = {"ours_cold": ours()}
    if evalplus_python:
        plain, samples = folder / f"{name}.jsonl", folder / f"{name}-samples.jsonl"
        problems = rows(data_dir, name)
        plain.write_text("".join(json.dumps(row) + "\n" for row in problems))
        solutions = [{"task_id": r["task_id"], "solution": r["prompt"] + r["canonical_solution"]} for r in problems]
        samples.write_text("".join(json.dumps(row) + "\n" for row in solutions))
        environment |= {"HUMANEVAL_OVERRIDE_PATH": str(plain), "MBPP_OVERRIDE_PATH": str(plain)}
        theirs = EVALPLUS_NAMES[name]
        truth = _timed([evalplus_python, "-c", _GROUND_TRUTH, theirs], environment)
        result["evalplus_ground_truth_seconds"] = truth["seconds"]
        result["ours_warm"] = [ours()]
        command = [evalplus_python, "-m", "evalplus.evaluate", "--dataset", theirs, "--samples", str(samples)]
        command += ["--parallel", str(workers), "--min_time_limit", str(MIN_SECONDS["master"]), "--i_just_wanna_run"]
        file = samples.with_name(f"{name}-samples_eval_results.json")
        file.unlink(missing_ok=True)  # it would ask whether to overwrite it
        started = time.time()
        run = _timed(command, environment)
        results_after = round(file.stat().st_mtime - started, 2)
        judged = json.loads(file.read_text())["eval"]
        failing = [
            task
            for task, (sample, *_) in judged.items()
            if not sample["base_status"] == sample["plus_status"] == "pass"
        ]
        passed = len(judged) - len(failing)
        result["evalplus_warm"] = {
            **{key: run[key] for key in MEASURED},
            "results_after": results_after,
            "passed": passed,
            "failing": failing,
        }
    result.setdefault("ours_warm", []).append(ours())
    if evalplus_python:
        for ratio, our_figure, their_figure in RATIOS:
            warm = [run[our_figure] for run in result["ours_warm"]]
            result[ratio] = round(sum(warm) / len(warm) / result["evalplus_warm"][their_figure], 4)
    return result


def main() -> None:
    """Command line of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("RAST_EVAL_DATA"), help="holds code/*.jsonl.gz")
    parser.add_argument("--benchmarks", default="humaneval_plus,mbpp_plus")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--evalplus-python", help="interpreter of an environment with evalplus; none: ours alone")
    parser.add_argument("--keep", type=Path, help="folder for the expected outputs of both sides, kept for another run")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout (the default)")
    parser.add_argument("--inner", choices=sorted(FILES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data_dir is None:
        parser.error("type --data-dir, or set RAST_EVAL_DATA")
    if given.inner:
        print(json.dumps(grade_references(given.data_dir, given.inner, given.workers)))
        return
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.benchmarks.split(","):
            found[name] = compare(given.data_dir.resolve(), name, given.workers, given.evalplus_python, folder)
            print(name, json.dumps(found[name]), file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
