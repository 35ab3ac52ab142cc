"""From flags to a plan: which cells, with which prompts, seeds and fingerprints.

>>> from rast_eval.inputs.models import resolve_models
>>> build(RunConfig(resolve_models(), arms=("rast",), temperature=0.7)).cells[0].sampling
Sampling(temperature=0.7, top_p=0.95, max_tokens=160)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rast_eval.config import LimitFrom, RunConfig
from rast_eval.errors import DataError, UsageError
from rast_eval.inputs import benchmarks, presets, prompts, sources
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.drawing import draw
from rast_eval.inputs.identity import identity
from rast_eval.inputs.prompts import Prompt
from rast_eval.scoring.registry import for_benchmarks
from rast_eval.types import LINEAR, Arm, Cell, ModelRef, Problem, Request, Sampling, System


@dataclass(frozen=True)
class Plan:
    """What will be generated.

    Attributes:
        problems: the rows of each benchmark that are asked, by its name; empty where a dry run cannot read them.
        digests: `Problem.sha256` by id of all its rows.
        rows: what `sources.describe_rows` says of all its rows.
        prompts: each template used, by name.
        checkpoints: identity of every member, by `ModelRef.key`.
    """

    config: RunConfig
    cells: tuple[Cell, ...]
    benchmarks: Mapping[str, Benchmark]
    problems: Mapping[str, Sequence[Problem]]
    digests: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, Mapping[str, Any]]
    prompts: Mapping[str, Prompt]
    checkpoints: Mapping[str, Mapping[str, str | None]]

    def by_system(self) -> dict[System, list[Cell]]:
        """Cells grouped by what generates them, so that each system is loaded once."""
        groups: dict[System, list[Cell]] = {}
        for cell in self.cells:
            groups.setdefault(cell.system, []).append(cell)
        return groups

    @property
    def members(self) -> tuple[ModelRef, ...]:
        """Every checkpoint of the run once."""
        return tuple(dict.fromkeys(ref for cell in self.cells for ref in cell.system.members))


def request_seed(seed: int, benchmark: str, problem_id: str, sample: int) -> int:
    """63 bits of SHA-256 over the four, independent of batch, order and shard."""
    digest = hashlib.sha256(json.dumps([seed, benchmark, problem_id, sample]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def prompt_sha256(token_ids: Sequence[int]) -> str:
    """Digest of the ids a sample was generated from."""
    return hashlib.sha256(json.dumps(list(token_ids)).encode()).hexdigest()


def fingerprint(cell: Cell, checkpoints: Mapping[str, Mapping[str, str | None]], speculate: int = 0) -> str:
    """16 hex digits over everything that can change an output, save `limit` and `n`.

    Args:
        checkpoints: identities by `ModelRef.key`.
        speculate: `EngineConfig.speculate`: sampled outputs keep their distribution under it, not their tokens.
    """
    facts = {
        "members": [checkpoints[ref.key] for ref in cell.system.members],
        "weights": cell.system.weights,
        "backend": cell.backend,
        "dtype": cell.dtype,
        "prompt": cell.template_sha256,
        "sampling": asdict(cell.sampling),
        "stop": cell.stop,
        "seed": cell.seed,
        **({"member prompts": cell.member_prompts} if cell.member_prompts else {}),
        **({"rule": str(cell.system.rule)} if cell.system.rule != LINEAR else {}),
        **({"speculate": speculate} if speculate and cell.system.loaded.deltas and not cell.sampling.greedy else {}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def check(config: RunConfig) -> None:
    """Refuse flags that no run can satisfy.

    Raises:
        UsageError: names the flag.
        UnknownName: an arm nobody knows.
    """
    for flag, value, low in (("--n", config.n, 1), ("--limit", config.limit, 1), ("--max-tokens", config.max_tokens, 1),
                             ("--temperature", config.temperature, 0.0)):  # fmt: skip
        if value is not None and not low <= value < float("inf"):
            raise UsageError(f"{flag} is {value}, and at least {low} is needed.", f"Type for instance {flag} 1.")
    if config.top_p is not None and not 0 < config.top_p <= 1:
        raise UsageError(f"--top-p is {config.top_p}, outside of (0, 1].", "Type for instance --top-p 0.95.")
    for arm in config.arms:
        Arm(arm)
    if config.until is not None and config.shard is not None:
        raise UsageError(
            "--until looks at all problems of a cell, and --shard takes a part of them.", "Leave one of the two out."
        )
    if (config.expert_prompt or config.antiexpert_prompt) and (
        config.engine.backend != "hf" or config.engine.speculate
    ):
        raise UsageError(
            "vLLM keeps one block table for all members, and speculation one prompt: they read the same tokens.",
            "Type --backend hf --speculate off, or leave out --expert-prompt and --antiexpert-prompt.",
        )
    if len(set(config.arms)) != len(config.arms):
        raise UsageError("--arms names one arm twice.", "Leave the second one out.")


def build(config: RunConfig, *, allow_missing_data: bool = False) -> Plan:
    """Lay out all cells of a run.

    Args:
        allow_missing_data: a dry run plans with a benchmark's expected count where its rows are not here.

    Raises:
        UsageError, UnknownName, DataError: as the flags deserve.
    """
    check(config)
    arms = tuple(map(Arm, config.arms)) or config.models.arms
    names = config.benchmarks or config.models.benchmarks
    chosen = {b.name: b for name in names if (b := benchmarks.get(name, config.include_path))}
    systems = {arm: config.models.system(arm) for arm in arms}
    members = dict.fromkeys(ref for system in systems.values() for ref in system.members)
    checkpoints = {ref.key: identity(ref) for ref in members}
    scorers = for_benchmarks(chosen.values(), config.scorer)
    problems: dict[str, list[Problem]] = {}
    digests: dict[str, dict[str, str]] = {}
    rows: dict[str, dict[str, Any]] = {}
    templates: dict[str, Prompt] = {}
    cells: list[Cell] = []
    for benchmark in chosen.values():
        try:
            every = benchmarks.load(benchmark, config.data_dir)
            rows[benchmark.name] = sources.describe_rows(benchmark, every, config.data_dir, config.include_path)
        except DataError:
            if not allow_missing_data:
                raise
            every = []
        digests[benchmark.name] = {problem.id: problem.sha256 for problem in every}
        limit, total = config.limit or benchmark.limit, len(every) or benchmark.count
        count = min(total, limit or total)
        drawn = config.seed if config.limit_from is LimitFrom.random and count < total else None
        problems[benchmark.name] = draw(every, count, drawn)
        for arm in arms:
            prompt = _prompt(config, benchmark, arm)
            templates[prompt.name] = prompt
            cell = _cell(config, benchmark, scorers[benchmark.name], arm, systems[arm], prompt, count)
            own = _member_prompts(config, systems[arm])
            templates |= {one.name: one for one in own.values()}
            named = tuple((role, one.name, one.sha256) for role, one in own.items())
            cell = replace(cell, total=total, draw=drawn, member_prompts=named)
            cells.append(replace(cell, fingerprint=fingerprint(cell, checkpoints, config.engine.speculate)))
    return Plan(config, tuple(cells), chosen, problems, digests, rows, templates, checkpoints)


def _cell(
    config: RunConfig, benchmark: Benchmark, scorer: str, arm: Arm, system: System, prompt: Prompt, count: int
) -> Cell:
    """One cell, without its fingerprint, of `count` problems at hand."""
    sampling, n = _sampling(config, benchmark, arm)
    preset = presets.get(config.preset)
    return Cell(
        arm=arm,
        system=system,
        benchmark=benchmark.name,
        scorer=scorer,
        sampling=sampling,
        prompt=prompt.name,
        stop=prompt.stop,
        n=n,
        problem_count=preset.limited(arm.role, benchmark.name, count) if preset else count,
        fingerprint="",
        template_sha256=prompt.sha256,
        seed=config.seed,
        backend=config.engine.backend,
        dtype=config.engine.numbers,
        continues=prompt.continues,
        until=config.until if n > 1 else None,
    )


def _sampling(config: RunConfig, benchmark: Benchmark, arm: Arm) -> tuple[Sampling, int]:
    given = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    chosen = {key: value for key, value in given.items() if value is not None}
    sampling = replace(benchmark.sampling, **chosen)  # type: ignore[arg-type]
    preset = presets.get(config.preset)
    greedy_arms = (*benchmark.greedy_arms, *(preset.greedy_arms if preset else ()))
    greedy = arm.variant == "greedy" or (arm.role in greedy_arms and arm.variant != "sampled")
    if greedy or sampling.greedy:
        return Sampling(0.0, 1.0, sampling.max_tokens), 1
    return sampling, config.n or benchmark.n


def _prompt(config: RunConfig, benchmark: Benchmark, arm: Arm) -> Prompt:
    preset = presets.get(config.preset)
    by_role = preset.template(arm.role, config.models) if preset else None
    name = config.prompt or benchmark.prompt or by_role or config.models.prompt
    prompt = prompts.get(name, config.include_path)
    if preset is None or preset.stops_of is None:
        return prompt
    return replace(prompt, stop=prompts.get(preset.stops_of).stop)


def _member_prompts(config: RunConfig, system: System) -> dict[str, Prompt]:
    """The templates of roles that read another one than the base.

    Raises:
        UsageError: one checkpoint would have to read two.
    """
    names = {"expert": config.expert_prompt, "antiexpert": config.antiexpert_prompt}
    if not system.loaded.deltas or not any(names.values()):
        return {}
    read: dict[ModelRef, str | None] = {}
    for role, ref in system.roles:
        if read.setdefault(ref, names.get(role)) != names.get(role):
            raise UsageError(
                f"{ref.label} has two roles here, and one checkpoint reads one prompt.",
                "Leave out --expert-prompt and --antiexpert-prompt, or type a copy of it in another folder.",
            )
    return {role: prompts.get(name, config.include_path) for role, name in names.items() if name}


def member_ids(
    plan: Plan, cell: Cell, base_ids: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Each member's prompt by problem id, rendered and encoded by its own tokenizer; empty where all read the base's.

    Args:
        base_ids: `prompts_of` the cell.
    """
    if not cell.member_prompts:
        return {}
    from rast_eval.decoding.loading import load_tokenizer

    named = {role: name for role, name, _ in cell.member_prompts}
    own: dict[ModelRef, dict[str, tuple[int, ...]]] = {}
    for role, ref in cell.system.roles:
        if ref not in own:
            read = replace(cell, prompt=named[role]) if role in named else None
            own[ref] = prompts_of(plan, read, load_tokenizer(ref)) if read else dict(base_ids)
    return {problem: tuple(ids[problem] for ids in own.values()) for problem in base_ids}


def prompts_of(plan: Plan, cell: Cell, tokenizer: Any) -> dict[str, tuple[int, ...]]:
    """Token ids of every problem's prompt under the cell's template, by problem id."""
    prompt = plan.prompts[cell.prompt]
    return {
        problem.id: prompts.encode(prompt, prompts.render(prompt, problem, tokenizer), tokenizer)
        for problem in plan.problems[cell.benchmark]
    }


def requests(plan: Plan, cell: Cell, prompt_ids: Mapping[str, tuple[int, ...]]) -> list[Request]:
    """Every request of a cell, this shard's problems only.

    Args:
        prompt_ids: `prompts_of` the cell.
    """
    found: list[Request] = []
    own = member_ids(plan, cell, prompt_ids)
    for problem in shard(plan.problems[cell.benchmark][: cell.problem_count], plan.config.shard):
        ids = prompt_ids[problem.id]
        digests = (plan.digests[cell.benchmark][problem.id], prompt_sha256(ids))
        for sample in range(cell.n):
            seed = request_seed(cell.seed, cell.benchmark, problem.id, sample)
            found.append(Request(problem.id, sample, ids, seed, *digests, own.get(problem.id, ())))
    return found


def shard(problems: Sequence[Problem], part: tuple[int, int] | None) -> Sequence[Problem]:
    """Every m-th problem starting at i for `part` = (i, m); all of them for None."""
    return problems if part is None else problems[part[0] :: part[1]]
