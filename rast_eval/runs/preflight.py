"""All that a run refuses before its first token; `--dry-run` asks the same and writes nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from rast_eval import machine
from rast_eval.config import LOCAL
from rast_eval.decoding.checks import check_prompts, check_tokenizer, check_vocabulary, context_length, fit_context
from rast_eval.decoding.engine import check_engine
from rast_eval.decoding.loading import load_tokenizer
from rast_eval.decoding.vllm import certificate
from rast_eval.errors import ModelError, StoreError
from rast_eval.inputs import hub, prompts
from rast_eval.results.store import Store
from rast_eval.runs import grading
from rast_eval.runs.manifest import describe
from rast_eval.runs.plan import Plan, prompt_sha256, prompts_of, requests
from rast_eval.runs.stale import Asked, held_samples
from rast_eval.types import Cell, ModelRef, Request, Scorer

Keys = set[tuple[str, int]]

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

    def longest(self, cell: Cell) -> int:
        """Tokens that a prompt of the cell and its output may take together at most; 0 without requests."""
        lengths = (request.prompt_length for request in self.requests[cell])
        return max(lengths, default=-cell.sampling.max_tokens) + cell.sampling.max_tokens


def rehearse(plan: Plan, root: Path, *, overwrite: bool = False) -> None:
    """Refuse what `runner.run` would refuse; what is not on this machine yet is not asked about.

    Raises:
        RastEvalError: a user's mistake, or what this machine lacks.
    """
    check(plan, root)
    base = plan.config.models.base
    here = {ref for ref in plan.members if _has_tokenizer(ref)}
    if here != set(plan.members) or not all(plan.problems.values()):
        for ref in here if base in here else ():
            check_tokenizer(base, ref)
        check_engines(plan)
        return
    work = prepare(plan)
    store = Store(root, plan.config.shard)
    held = check_held(plan, store, work, overwrite=overwrite, mend=False)
    store.check_settings(plan.cells, describe(plan, work.first_renderings), overwrite=overwrite)
    check_engines(plan, missing_keys(work, held))


def check(plan: Plan, root: Path) -> dict[str, Scorer]:
    """The scorers of a plan, after a look at the disks: a scorer that cannot work here says so before generation.

    Warns of contexts that end outputs before their limit.

    Raises:
        StoreError, ModelError: outputs or checkpoints have no room; names how much is missing.
        SandboxError: programs cannot be isolated here.
    """
    for told in short_contexts(plan):
        warnings.warn(told, stacklevel=2)
    check_disk(plan, root)
    return grading.scorers_of((cell.scorer for cell in plan.cells), plan.config.code)


def check_engines(plan: Plan, missing: Mapping[Cell, Set[tuple[str, int]]] | None = None) -> None:
    """Refuse a system that no engine can start with; one that has nothing left to generate needs none.

    Raises:
        RastEvalError: as `decoding.engine.check_engine`, and where sampled drafts are not certified.
    """
    config = plan.config.engine
    for system, cells in plan.by_system().items():
        if missing is None or any(missing[cell] for cell in cells):
            # Prompts are short beside outputs, and may not be here yet.
            check_engine(system, fit_context(system, config, (cell.sampling.max_tokens for cell in cells)))
            sampled = system.loaded.deltas and not all(cell.sampling.greedy for cell in cells)
            if sampled and config.speculate and config.backend == "vllm" and config.ray in (None, LOCAL):
                certificate.require()


def missing_keys(work: Work, held: Mapping[Cell, Set[tuple[str, int]]]) -> dict[Cell, Keys]:
    """What a run has to generate, by cell, as (problem_id, sample)."""
    return {
        cell: {key for request in todo if (key := (request.problem_id, request.sample)) not in held[cell]}
        for cell, todo in work.requests.items()
    }


def _has_tokenizer(ref: ModelRef) -> bool:
    try:
        load_tokenizer(ref)
    except ModelError:
        if hub.is_local(ref):
            raise
        return False
    return True


def short_contexts(plan: Plan) -> Iterator[str]:
    """Sentences on systems that cannot hold an output of as many tokens as are allowed, as far as is known."""
    found: dict[tuple[str, int, int], list[str]] = {}
    for system, cells in plan.by_system().items():
        context = context_length(system, plan.config.engine)
        for cell in cells:
            if context is not None and context <= cell.sampling.max_tokens:
                key = cell.benchmark, context, cell.sampling.max_tokens
                found.setdefault(key, []).append(system.label)
    for (benchmark, context, limit), labels in found.items():
        yield (
            f"Outputs on {benchmark} end before their limit of {limit:,} tokens: the context of "
            f"{', '.join(dict.fromkeys(labels))} is {context:,}, with the prompt."
        )


def check_disk(plan: Plan, root: Path) -> None:
    """Refuse a run whose outputs would not fit beside its checkpoints.

    Raises:
        StoreError, ModelError: name what is missing.
    """
    tokens = sum(cell.problem_count * cell.n * cell.sampling.max_tokens for cell in plan.cells)
    existing, free = machine.existing_parent(root), machine.free_disk(root)
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
    check_vocabulary(base)
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


def check_held(
    plan: Plan, store: Store, work: Work, *, overwrite: bool, mend: bool = True
) -> dict[Cell, set[tuple[str, int]]]:
    """Keys of what the store holds of each cell already.

    Cells of other arms on the same benchmarks are checked too: their samples must answer the same problems.

    Args:
        mend: set damaged lines aside.

    Raises:
        StoreError: a stored sample answers another problem or prompt than today's.
    """
    nothing: set[tuple[str, int]] = set()
    held = {
        cell: nothing if overwrite else held_samples(store, cell, work.asked[cell.benchmark, cell.prompt], mend=mend)
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
