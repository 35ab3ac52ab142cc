"""`run`, from a plan to its grades: generate what is missing, grade it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import fit_context
from rast_eval.decoding.engine import make_engine
from rast_eval.results.store import Store
from rast_eval.runs import grading
from rast_eval.runs.manifest import Session
from rast_eval.runs.plan import Plan, shard
from rast_eval.runs.preflight import Work, check, check_engines, check_held, missing_keys, prepare
from rast_eval.runs.progress import Progress
from rast_eval.runs.rounds import Rounds
from rast_eval.types import LINEAR, MERGE, Cell, Engine, Request, System

LoadEngine = Callable[[System, EngineConfig], Engine]


def run(
    plan: Plan,
    root: Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    load: LoadEngine = make_engine,
    keep: bool = False,
) -> None:
    """Carry out a plan in the run directory `root`: samples, and grades of each cell as it finishes.

    A shard grades its own problems; the grades of the others stay.

    Args:
        load: where engines come from; a sweep hands out one that is warm already.
        keep: leave each engine running.

    Raises:
        RastEvalError: a user's mistake, found before anything is loaded where possible.
    """
    scorers = check(plan, root)
    work = prepare(plan)
    store = Store(root, plan.config.shard)
    rounds = Rounds(store, plan.problems, scorers, workers)

    def grade(planned_cell: Cell) -> None:
        cell = rounds.reached(planned_cell)
        if cell != planned_cell:
            store.settle(cell)
        print(f"grading {cell.arm} on {cell.benchmark} …", file=sys.stderr)
        planned = plan.problems[cell.benchmark][: cell.problem_count]
        own = shard(planned, plan.config.shard)
        grading.grade_cell(store, cell, own, scorers[cell.scorer], workers, planned)

    with store.locked():
        held = check_held(plan, store, work, overwrite=overwrite)
        with Session(plan, store, work.first_renderings, overwrite=overwrite) as session:
            if overwrite:  # an overwriting that was interrupted goes on with what it has made
                held = check_held(plan, store, work, overwrite=False)
            generate(plan, store, work, held, session, load, rounds, grade, keep=keep)


def generate(
    plan: Plan,
    store: Store,
    work: Work,
    held: Mapping[Cell, Set[tuple[str, int]]],
    session: Session,
    load: LoadEngine,
    rounds: Rounds,
    finished: Callable[[Cell], None],
    *,
    keep: bool = False,
) -> None:
    """Append every sample that the store lacks, one system loaded at a time.

    Args:
        held: keys that it has, by cell.
        rounds: where a cell may end early.
        finished: called with each cell when all its samples are there.
    """
    missing = missing_keys(work, held)
    check_engines(plan, missing)
    progress = Progress(sum(map(len, missing.values())))
    for system, cells in plan.by_system().items():
        engine: Engine | None = None
        try:
            for cell in cells:
                for part in rounds.parts(cell, work.requests[cell]):
                    todo = [request for request in part if (request.problem_id, request.sample) in missing[cell]]
                    if not todo:
                        continue
                    if engine is None:
                        lengths = (work.longest(each) for each in cells)
                        engine = load(system, fit_context(system, plan.config.engine, lengths))
                        session.loaded(system, engine.settings)
                    with progress.cell(f"{cell.arm} on {cell.benchmark}", len(part), len(part) - len(todo)):
                        _generate_cell(store, cell, todo, work, session, engine, progress)
                finished(cell)
        finally:
            if engine:
                session.ran(system, engine.settings)
                if not keep:
                    engine.close()


def _generate_cell(
    store: Store,
    cell: Cell,
    todo: Sequence[Request],
    work: Work,
    session: Session,
    engine: Engine,
    progress: Progress,
) -> None:
    by_key = {(request.problem_id, request.sample): request for request in todo}
    before = engine.activity if cell.system.rule not in (LINEAR, MERGE) else (0, 0)
    for completion in engine.generate(todo, cell.sampling, cell.stop, work.stop_token_ids[cell.prompt]):
        store.append(cell, by_key[completion.problem_id, completion.sample], completion)
        progress.advance(completion.num_tokens)
        session.made(completion)
    if cell.system.rule not in (LINEAR, MERGE):
        acted, every = (now - then for now, then in zip(engine.activity, before, strict=True))
        session.acted(cell, acted, every)
