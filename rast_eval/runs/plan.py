"""From flags to a plan: which cells, with which prompts, seeds and fingerprints.

>>> build(RunConfig(models=resolve_models("32b", ["14b"]), arms=("base", "rast"))).cells[1].sampling
Sampling(temperature=1.0, top_p=0.95, max_tokens=16384)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rast_eval.config import RunConfig
from rast_eval.errors import DataError, UsageError
from rast_eval.inputs import benchmarks, presets, prompts
from rast_eval.inputs.benchmark_file import Benchmark
from rast_eval.inputs.hub import identity
from rast_eval.inputs.prompts import Prompt
from rast_eval.scoring.registry import for_benchmarks
from rast_eval.types import Arm, Cell, Problem, Request, Sampling, System


@dataclass(frozen=True)
class Plan:
    """What will be generated.

    Attributes:
        problems: the rows of each benchmark by its name; empty where a dry run cannot read them.
        prompts: each template used, by name.
    """

    config: RunConfig
    cells: tuple[Cell, ...]
    benchmarks: dict[str, Benchmark]
    problems: dict[str, list[Problem]]
    prompts: dict[str, Prompt]

    def by_system(self) -> dict[System, list[Cell]]:
        """Cells grouped by what generates them, so that each system is loaded once."""
        groups: dict[System, list[Cell]] = {}
        for cell in self.cells:
            groups.setdefault(cell.system, []).append(cell)
        return groups


def request_seed(seed: int, benchmark: str, problem_id: str, sample: int) -> int:
    """63 bits of SHA-256 over the four, independent of batch, order and shard."""
    digest = hashlib.sha256(json.dumps([seed, benchmark, problem_id, sample]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def fingerprint(cell: Cell, prompt: Prompt, config: RunConfig) -> str:
    """16 hex digits over everything that can change an output, save `limit` and `n`."""
    facts = {
        "members": [identity(ref) for ref in cell.system.members],
        "weights": cell.system.weights,
        "backend": config.engine.backend,
        "dtype": config.engine.dtype,
        "prompt": prompt.sha256,
        "sampling": asdict(cell.sampling),
        "stop": cell.stop,
        "seed": config.seed,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


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


def _limited(count: int, config: RunConfig, benchmark: Benchmark, arm: Arm) -> int:
    preset = presets.get(config.preset)
    return preset.limited(arm.role, benchmark.name, count) if preset else count


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
    scorers = for_benchmarks(chosen.values(), config.scorer)
    problems: dict[str, list[Problem]] = {}
    templates: dict[str, Prompt] = {}
    cells: list[Cell] = []
    for benchmark in chosen.values():
        limit = config.limit or benchmark.limit
        try:
            problems[benchmark.name] = benchmarks.load(benchmark, config.data_dir, limit)
        except DataError:
            if not allow_missing_data:
                raise
            problems[benchmark.name] = []
        count = len(problems[benchmark.name]) or min(benchmark.count, limit or benchmark.count)
        for arm in arms:
            prompt = _prompt(config, benchmark, arm)
            templates[prompt.name] = prompt
            sampling, n = _sampling(config, benchmark, arm)
            cell = Cell(
                arm=arm,
                system=config.models.system(arm),
                benchmark=benchmark.name,
                scorer=scorers[benchmark.name],
                sampling=sampling,
                prompt=prompt.name,
                stop=prompt.stop,
                continues=prompt.continues,
                n=n,
                problem_count=_limited(count, config, benchmark, arm),
                fingerprint="",
            )
            cells.append(replace(cell, fingerprint=fingerprint(cell, prompt, config)))
    return Plan(config, tuple(cells), chosen, problems, templates)


def requests(plan: Plan, cell: Cell, tokenizer: Any) -> list[Request]:
    """Every request of a cell, this shard's problems only."""
    prompt = plan.prompts[cell.prompt]
    found: list[Request] = []
    for problem in shard(plan.problems[cell.benchmark][: cell.problem_count], plan.config.shard):
        ids = prompts.encode(prompt, prompts.render(prompt, problem, tokenizer), tokenizer)
        for sample in range(cell.n):
            seed = request_seed(plan.config.seed, cell.benchmark, problem.id, sample)
            found.append(Request(problem.id, sample, ids, seed))
    return found


def shard(problems: Sequence[Problem], part: tuple[int, int] | None) -> Sequence[Problem]:
    """Every m-th problem starting at i for `part` = (i, m); all of them for None."""
    return problems if part is None else problems[part[0] :: part[1]]
