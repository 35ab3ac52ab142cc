"""`run`, from a plan to its grades: generate what is missing, grade it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from rast_eval.config import EngineConfig
from rast_eval.decoding.checks import check_prompts, check_tokenizer, context_length
from rast_eval.decoding.engine import make_engine
from rast_eval.decoding.loading import load_tokenizer
from rast_eval.errors import StoreError
from rast_eval.inputs import hub, prompts
from rast_eval.results.store import Store
from rast_eval.runs import grading
from rast_eval.runs.manifest import Session
from rast_eval.runs.plan import Plan, prompt_sha256, prompts_of, requests, shard
from rast_eval.runs.progress import Progress
from rast_eval.runs.rounds import Rounds
from rast_eval.runs.stale import Asked, held_samples
from rast_eval.types import Cell, Engine, Request, System

LoadEngine = Callable[[System, EngineConfig], Engine]

BYTES_PER_TOKEN = 6
"""Of a stored output: about four of text, the rest JSON."""


@dataclass(frozen=True)
class Work:
    """What a plan asks, tokenised once, with the base's tokenizer.

    Attributes:
        requests: of every cell, this shard's only.
        stop_token_ids: by prompt.
        first_renderings: the first prompt in full, by `benchmark/prompt`.
        asked: digests of every problem and prompt, by (benchmark, prompt).
    """

    requests: Mapping[Cell, Sequence[Request]]
    stop_token_ids: Mapping[str, Sequence[int]]
    first_renderings: Mapping[str, str]
    asked: Mapping[tuple[str, str], Asked]


def run(
    plan: Plan,
    root: Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    load: LoadEngine = make_engine,
) -> None:
    """Carry out a plan in the run directory `root`: samples, and grades of each cell as it finishes.

    A shard grades its own problems; the grades of the others stay.

    Args:
        load: where engines come from; a sweep hands out one that is warm already.

    Raises:
        RastEvalError: a user's mistake, found before anything is loaded where possible.
    """
    check_disk(plan, root)
    # Before generation, so that a scorer that cannot work here says so in time.
    scorers = grading.scorers_of((cell.scorer for cell in plan.cells), plan.config.code)
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
            generate(plan, store, work, held, session, load, rounds, grade)


def check_disk(plan: Plan, root: Path) -> None:
    """Refuse a run whose outputs would not fit beside its checkpoints.

    Raises:
        StoreError, ModelError: name what is missing.
    """
    tokens = sum(cell.problem_count * cell.n * cell.sampling.max_tokens for cell in plan.cells)
    existing = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    # Outputs rarely fill their limit; a tenth of it already says that the disk is too small.
    if tokens * BYTES_PER_TOKEN / 10 > free:
        raise StoreError(
            f"The outputs may take {tokens * BYTES_PER_TOKEN / 1e9:.1f} GB, and {existing} has {free / 1e9:.1f} GB.",
            "Type -o with a folder on a larger disk, or lower --n or --max-tokens.",
        )
    hub.check_disk(list({ref.path: ref for ref in plan.members}.values()))


def prepare(plan: Plan) -> Work:
    """Tokenise every prompt once, after checking that all members agree on the base's tokenizer.

    Raises:
        TokenizerMismatch, PromptTooLong, ModelError: before any weights are loaded.
    """
    base = plan.config.models.base
    for ref in plan.members:
        check_tokenizer(base, ref)
    tokenizer = load_tokenizer(base)
    prompt_ids = {(cell.benchmark, cell.prompt): prompts_of(plan, cell, tokenizer) for cell in plan.cells}
    chosen = {cell: requests(plan, cell, prompt_ids[cell.benchmark, cell.prompt]) for cell in plan.cells}
    for cell, todo in chosen.items():
        check_prompts(todo, cell.system, context_length(cell.system, plan.config.engine))
    first = {
        f"{benchmark}/{prompt}": prompts.render(plan.prompts[prompt], plan.problems[benchmark][0], tokenizer)
        for benchmark, prompt in prompt_ids
    }
    stops = {name: prompts.stop_token_ids(prompt, tokenizer) for name, prompt in plan.prompts.items()}
    asked = {
        key: Asked(plan.digests[key[0]], {problem: prompt_sha256(ids) for problem, ids in by_problem.items()})
        for key, by_problem in prompt_ids.items()
    }
    return Work(chosen, stops, first, asked)


def check_held(plan: Plan, store: Store, work: Work, *, overwrite: bool) -> dict[Cell, set[tuple[str, int]]]:
    """Keys of what the store holds of each cell already.

    Cells of other arms on the same benchmarks are checked too: their samples must answer the same problems.

    Raises:
        StoreError: a stored sample answers another problem or prompt than today's.
    """
    nothing: set[tuple[str, int]] = set()
    held = {
        cell: nothing if overwrite else held_samples(store, cell, work.asked[cell.benchmark, cell.prompt], mend=True)
        for cell in plan.cells
    }
    planned = {cell.name for cell in plan.cells}
    try:
        earlier = {} if store.is_new else store.manifest()
    except StoreError:  # what is to be done about it is said when the manifest is written
        earlier = {}
    for cell in map(Cell.from_json, earlier.get("cells", [])):
        rows = plan.rows.get(cell.benchmark)
        if rows and cell.name not in planned and rows["sha256"] != earlier["benchmarks"][cell.benchmark]["sha256"]:
            held_samples(store, cell, Asked(plan.digests[cell.benchmark]))
    return held


def generate(
    plan: Plan,
    store: Store,
    work: Work,
    held: Mapping[Cell, Set[tuple[str, int]]],
    session: Session,
    load: LoadEngine,
    rounds: Rounds,
    finished: Callable[[Cell], None],
) -> None:
    """Append every sample that the store lacks, one system loaded at a time.

    Args:
        held: keys that it has, by cell.
        rounds: where a cell may end early.
        finished: called with each cell when all its samples are there.
    """
    missing = {
        cell: {key for r in work.requests[cell] if (key := (r.problem_id, r.sample)) not in held[cell]}
        for cell in plan.cells
    }
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
                        checkpoints = ", ".join(ref.label for ref in system.members)
                        print(f"loading {checkpoints} …", file=sys.stderr, flush=True)
                        engine = load(system, plan.config.engine)
                        session.loaded(system, engine.settings)
                    with progress.cell(f"{cell.arm} on {cell.benchmark}", len(part), len(part) - len(todo)):
                        _generate_cell(store, cell, todo, work, session, engine, progress)
                finished(cell)
        finally:
            if engine:
                session.ran(system, engine.settings)
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
    for completion in engine.generate(todo, cell.sampling, cell.stop, work.stop_token_ids[cell.prompt]):
        store.append(cell, by_key[completion.problem_id, completion.sample], completion)
        progress.advance(completion.num_tokens)
        session.made(completion)
