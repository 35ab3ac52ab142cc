"""`make torture`: kill -9 at random moments, every other fault by its test, and docs/torture.md from what happened.

$ python -m tools.torture                  # all of it; half an hour on two cores
$ python -m tools.torture --only score     # one part; the rows of the others stay
$ python -m tools.torture --only run --kills 5 --more

A command is killed again and again in one folder and then left to end. A kill counts where the process died of it;
lines that were on disk before it must be there after it, and the end must be that of a run that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "torture.md"
ROWS = ROOT / "docs" / "torture.jsonl"

SIZE = ["-L", "12", "--n", "3", "--max-num-seqs", "4", "--arms", "base,rast"]


@dataclass(frozen=True)
class Kills:
    """What one command went through.

    Attributes:
        hit: kills that ended the process; ended: commands that were over before theirs.
        stored: samples at the end; again: of them, on disk before the last kill.
    """

    command: str
    hit: int
    ended: int
    stored: int
    again: int
    result: str
    seconds: float


@dataclass(frozen=True)
class Victim:
    """A command that is killed.

    Attributes:
        arguments: of `rast-eval`; ROOT stands for the folder.
        kills: how many.
        start: makes the folder ready, given one that a run without kills has left.
        target: which process is killed, given that of the command.
    """

    arguments: tuple[str, ...]
    kills: int
    start: Callable[[Path, Path], object] = lambda whole, folder: None
    target: Callable[[int], int | None] = lambda pid: pid


def an_engine(pid: int) -> int | None:
    """One of the Ray actors below a process."""
    found = [child for child in descendants(pid) if b"ray::EngineActor" in command_of(child)]
    return random.choice(found) if found else None


def descendants(pid: int) -> Iterator[int]:
    """Processes below one."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from descendants(child)


def command_of(pid: int) -> bytes:
    """A process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def copy(whole: Path, folder: Path) -> None:
    """Everything of a finished run but its grades and reports."""
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("grades", "metrics.json", "report.*"))


RAY = ("run", *SIZE, "--data-parallel-size", "2", "--temperature", "0", "-o", "ROOT")

VICTIMS = {
    "run": Victim(("run", *SIZE, "-o", "ROOT"), 20),
    "score": Victim(("score", "ROOT", "--workers", "2"), 10, copy),
    "sweep": Victim(("sweep", "--lambda", "0.5,1", "-L", "8", "--n", "2", "--max-num-seqs", "4", "-o", "ROOT"), 10),
    "ray driver": Victim(RAY, 5),
    "ray engine": Victim(RAY, 5, target=an_engine),
}

TESTS = {
    "ENOSPC": "tests/smoke/test_faults.py::test_a_full_disk_costs_no_sample",
    "read-only": "tests/smoke/test_faults.py::test_a_read_only_run_is_reported",
    "torn line": "tests/results/test_store.py::test_a_torn_last_line_is_dropped_and_overwritten",
    "corrupt line": "tests/smoke/test_faults.py::test_a_damaged_line_is_named_set_aside_and_made_again",
    "two writers": "tests/results/test_store.py::test_two_processes_on_one_run_are_refused",
    "manifest of another version": "tests/results/test_store.py::test_a_manifest_of_another_format_is_refused",
    "SIGTERM, SIGHUP, Ctrl-C": "tests/smoke/test_run.py::test_ctrl_c_and_a_batch_systems_signals_keep_everything",
    "Ctrl-C while grading": "tests/smoke/test_faults.py::test_ctrl_c_while_grading_keeps_the_grades",
    "closed stdout": "tests/smoke/test_faults.py::test_a_closed_stdout_costs_no_report",
    "NaN logits": "tests/decoding/test_hf.py::test_logits_that_are_not_finite_name_their_member",
    "a model that never stops": "tests/smoke/test_faults.py::test_a_model_that_never_stops_is_cut_and_named",
    "benchmark changed between runs": "tests/runs/test_stale.py::"
    "test_a_run_on_other_rows_is_refused_before_anything_is_generated",
    "serve killed, its server": "tests/decoding/vllm/test_keeper.py",
}


def start(victim: Victim, folder: Path) -> subprocess.Popen[bytes]:
    """The command, in a process group of its own."""
    arguments = [str(folder) if part == "ROOT" else part for part in victim.arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder.parent / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "rast_eval", *arguments], cwd=folder.parent, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def samples(folder: Path) -> dict[tuple[str, str, int], str]:
    """Whole lines of all samples, by where they lie.

    Raises:
        AssertionError: one is there twice.
    """
    found: dict[tuple[str, str, int], str] = {}
    for path in sorted(folder.rglob("samples/*/*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            key = (str(path.relative_to(folder)), row["problem_id"], row["sample"])
            assert key not in found, f"{key} is there twice"
            found[key] = row["output"]
    return found


def figures(folder: Path) -> list[Any]:
    """The cells of every metrics.json."""
    return [json.loads(path.read_text())["cells"] for path in sorted(folder.rglob("metrics.json"))]


def torture(name: str, victim: Victim, seed: int) -> Kills:
    """Kill one command at random moments, then let it end, and compare."""
    draw, began = random.Random(f"{seed} {name}"), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        whole, folder = Path(place) / "whole", Path(place) / "killed"
        if victim.arguments[0] == "score":
            run = start(VICTIMS["run"], whole)
            assert run.wait() == 0, (Path(place) / "log").read_text()[-2000:]
        clock = time.monotonic()
        assert start(victim, whole).wait() == 0, (Path(place) / "log").read_text()[-2000:]
        lasts = time.monotonic() - clock
        victim.start(whole, folder)
        hit = ended = 0
        kept: dict[tuple[str, str, int], str] = {}
        while hit < victim.kills:
            held = samples(folder)
            assert kept.items() <= held.items(), "a line that was on disk is gone"
            process = start(victim, folder)
            moment = time.monotonic() + draw.uniform(0, lasts)
            while time.monotonic() < moment and process.poll() is None:
                time.sleep(0.01)
            kept = samples(folder)
            target = victim.target(process.pid) if process.poll() is None else None
            if target is not None:
                os.kill(target, signal.SIGKILL)
                if target == process.pid:
                    assert process.wait() == -signal.SIGKILL
                else:  # the command goes on without it
                    while b"EngineActor" in command_of(target):
                        time.sleep(0.01)
                hit += 1
                print(f"{name}: kill {hit} after {len(kept)} samples", file=sys.stderr, flush=True)
            if target != process.pid:
                assert process.wait() == 0, (Path(place) / "log").read_text()[-2000:]
                ended += target is None
                if hit < victim.kills:
                    check(whole, folder)
                    shutil.rmtree(folder)
                    victim.start(whole, folder)
                    kept = {}
        again = len(samples(folder))
        assert start(victim, folder).wait() == 0, (Path(place) / "log").read_text()[-2000:]
        check(whole, folder)
        command = " ".join(("rast-eval", *victim.arguments)).replace("ROOT", "DIR")
        return Kills(command, hit, ended, len(samples(folder)), again, "equal", round(time.monotonic() - began))


def check(whole: Path, folder: Path) -> None:
    """The end of a run that was killed is that of one that was not.

    Raises:
        AssertionError: it is not.
    """
    assert samples(folder) == samples(whole), "other samples"
    assert figures(folder) == figures(whole), "other figures"


def tried(name: str, test: str) -> dict[str, Any]:
    """What pytest says of one fault's test."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = done.stdout.strip().splitlines()[-1].strip("= ") if done.stdout.strip() else f"exit {done.returncode}"
    return {"fault": name, "test": test, "said": said}


def page(rows: dict[str, dict[str, Any]]) -> str:
    """docs/torture.md."""
    kills = [row for row in rows.values() if "hit" in row]
    tests = [row for row in rows.values() if "test" in row]
    lines = [
        "# Torture", "",
        f"Written by `make torture` ({platform.machine()}, {os.cpu_count()} cores). Each command was killed with -9 at "
        "random moments, each kill is asserted to have ended its process, and the command was typed again. *equal*: "
        "the same samples and figures as a run that nobody killed, no sample twice, none lost that was on disk before "
        "a kill. What a user sees of each fault is in [faults.md](faults.md).", "",
        "| command | kills | ended before their kill | samples | on disk at the last kill | end | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(f"| `{r['command']}` ({name}) | {r['hit']} | {r['ended']} | {r['stored']} | {r['again']} | {r['result']} | "
          f"{r['seconds']} |" for name, r in rows.items() if "hit" in r),
        f"| sum | {sum(r['hit'] for r in kills)} | | | | | |", "",
        "| fault | test | result |", "| --- | --- | --- |",
        *(f"| {r['fault']} | `{r['test']}` | {r['said']} |" for r in tests), "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Torture what `--only` names, or everything, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[*VICTIMS, *TESTS], help="one part")
    parser.add_argument("--kills", type=int, help="of each command")
    parser.add_argument("--more", action="store_true", help="add to the kills that the page counts")
    parser.add_argument("--seed", type=int, default=random.randrange(1000))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", file=sys.stderr)
    known = map(json.loads, ROWS.read_text().splitlines()) if ROWS.is_file() else ()
    rows = {row["name"]: row for row in known}
    for name in asked.only or [*VICTIMS, *TESTS]:
        if name in VICTIMS:
            victim = VICTIMS[name]
            count = asked.kills or victim.kills
            row = asdict(torture(name, Victim(victim.arguments, count, victim.start, victim.target), asked.seed))
            for key in ("hit", "ended", "seconds") if asked.more and name in rows else ():
                row[key] += rows[name][key]
        else:
            row = tried(name, TESTS[name])
        rows[name] = {"name": name, **row}
        ordered = {key: rows[key] for key in [*VICTIMS, *TESTS] if key in rows}
        ROWS.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ordered.values()))
        PAGE.write_text(page(ordered))
        print(f"{name}: {row}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
