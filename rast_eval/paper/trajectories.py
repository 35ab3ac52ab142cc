"""What Figures 1, 4 and 5 measure along fixed trajectories; `trajectory_figures` draws it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rast_eval.files import write_json
from rast_eval.inputs.models import find_pair, resolve_models
from rast_eval.paper.runs import Reproduction
from rast_eval.results.metrics import to_jsonable
from rast_eval.statistics import Estimate, Recovery
from rast_eval.types import Arm, Models

if TYPE_CHECKING:
    from rast_eval.analysis.divergence import Divergence
    from rast_eval.analysis.forcing import Trajectory
    from rast_eval.analysis.path_coverage import PathCoverage
    from rast_eval.analysis.similarity import Similarity
    from rast_eval.report.table import Table


@dataclass(frozen=True)
class Coverage:
    """How much of the RL model's paths one model takes by itself.

    Attributes:
        delta: of arm `rast`.
        first: share of paths whose first token it would have chosen.
    """

    base: str
    arm: Arm
    delta: str
    rate: Estimate
    first: float
    paths: int


@dataclass(frozen=True)
class PathCase:
    """One path as text, with what the base would have said at each token.

    Attributes:
        choices: aligned with `tokens`; equal where the base agrees.
    """

    base: str
    problem_id: str
    tokens: tuple[str, ...]
    choices: tuple[str, ...]

    @property
    def unchanged(self) -> float:
        """Share of tokens that are the base's own."""
        return sum(a == b for a, b in zip(self.tokens, self.choices, strict=True)) / len(self.tokens)


@dataclass(frozen=True)
class Alike:
    """Similarity of two deltas beside the recovery of the smaller one on the larger one's base."""

    found: Similarity
    recovery: Recovery | None


@dataclass(frozen=True)
class Moved:
    """Figure 5.

    Attributes:
        kl: nats, one a token of RAST's output.
        base_tokens: the base's own output on the same problem.
        table: all outputs.
    """

    base: str
    delta: str
    problem_id: str
    tokens: tuple[str, ...]
    kl: tuple[float, ...]
    base_tokens: tuple[str, ...]
    outputs: int
    table: Table = field(repr=False)


def measure_coverage(reproduction: Reproduction) -> tuple[list[Coverage], PathCase]:
    """Path coverage of base and RAST at every size, and the case to show: the paper's, else the least covered."""
    from rast_eval.analysis.path_coverage import first_token_rate, mean_rate
    from rast_eval.decoding.loading import load_tokenizer

    rows: list[Coverage] = []
    case: PathCase | None = None
    values: dict[str, Mapping[str, Sequence[PathCoverage]]] = {}
    for base in reproduction.scale.bases:
        delta = next(d for b, d in reproduction.scale.pairs if b == base)
        models = resolve_models(base, [delta])
        paths = _paths(reproduction, base, "rl")
        values[base] = found = _coverage(reproduction, models, paths)
        for arm, covered in found.items():
            first = first_token_rate(covered)
            rows.append(Coverage(base, Arm(arm), delta, mean_rate(covered), first, len(paths)))
        if case is None:
            wanted = reproduction.scale.cases.get("figure1")
            shown = next((c for c in found["base"] if c.problem_id == wanted), None)
            shown = shown or max(found["base"], key=lambda c: len(c.differing))
            tokenizer = load_tokenizer(models.base)
            tokens, choices = (tuple(tokenizer.decode([i]) for i in ids) for ids in (shown.tokens, shown.choices))
            case = PathCase(base, shown.problem_id, tokens, choices)
    reproduction.write("figure1", values)
    assert case is not None
    return rows, case


def measure_similarity(reproduction: Reproduction) -> tuple[list[Alike], int]:
    """Similarity of every two deltas along the largest RL model's paths, with recoveries, and the number of paths."""
    from rast_eval.analysis import forcing, similarity

    pairs = {name: pair for name in reproduction.scale.similar if (pair := find_pair(name))}
    deltas = {name: (pair.rl, pair.base) for name, pair in pairs.items() if pair.rl is not None}
    paths = _paths(reproduction, reproduction.scale.similar[0], "rl")
    forcer = forcing.TeacherForcer()
    # the folder of the paths exists by now
    found = similarity.measure(forcer, deltas, paths, reproduction.root / "analysis")
    reproduction.write("figure4", found)
    alike = []
    for s in found:
        cell = reproduction.pair(s.larger, s.smaller).cell("rast", reproduction.scale.sweep_benchmark)
        alike.append(Alike(s, cell.recovery if cell else None))
    return alike, len(paths)


def measure_divergence(reproduction: Reproduction) -> Moved:
    """KL between base and RAST along RAST's outputs; the case is the paper's, else the one of middle length."""
    from rast_eval.analysis import divergence, forcing
    from rast_eval.decoding.loading import load_tokenizer

    base, delta = reproduction.scale.main_pair
    models = resolve_models(base, [delta])
    rast = models.system("rast")
    paths = _paths(reproduction, base, "rast", delta)
    found = divergence.measure(forcing.TeacherForcer(), rast, paths)
    reproduction.write("figure5", found)
    tokenizer = load_tokenizer(models.base)
    shown = _chosen(found, reproduction.scale.cases.get("figure5"))
    own = {path.problem_id: path.tokens for path in _paths(reproduction, base, "base", delta)}
    tokens, base_tokens = (
        tuple(tokenizer.decode([token]) for token in ids) for ids in (shown.tokens, own.get(shown.problem_id, ()))
    )
    table = divergence.divergence_table(f"{len(found)} RAST outputs", found, tokenizer.decode)
    return Moved(base, delta, shown.problem_id, tokens, shown.kl, base_tokens, len(found), table)


def _chosen(found: Sequence[Divergence], wanted: str | None) -> Divergence:
    case = next((d for d in found if d.problem_id == wanted), None)
    return case or sorted(found, key=lambda d: len(d.tokens))[len(found) // 2]


def _paths(reproduction: Reproduction, base: str, arm: str, delta: str | None = None) -> list[Trajectory]:
    """Greedy paths of an arm on the drawn problems, kept under analysis/ for the next target.

    Args:
        delta: whose prompt is asked; None for the base's own.
    """
    from rast_eval.analysis.drawing import draw_prompts
    from rast_eval.analysis.forcing import Trajectory, greedy_paths
    from rast_eval.config import EngineConfig
    from rast_eval.inputs.identity import identity

    scale = reproduction.scale
    file = reproduction.root / "analysis" / f"paths-{base}{f'+{delta}' if delta else ''}-{arm}.json"
    models = resolve_models(base, [delta] if delta else ["none"])
    always = tuple(scale.cases.values())
    made_by = {
        "models": [identity(ref) for ref in models.system(arm).members],
        "prompt": models.prompt,
        "problems": scale.path_problems,
        "always": always,
    }
    if file.is_file():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["made_by"] == to_jsonable(made_by):
            return [Trajectory(p["problem_id"], tuple(p["prompt"]), tuple(p["tokens"])) for p in kept["paths"]]
    wanted = (scale.sweep_benchmark, models.prompt, scale.path_problems)
    drawn = draw_prompts(models.base, *wanted, data_dir=reproduction.data_dir, always=always)
    gpus = scale.cards.engine([models.system(arm)]) if scale.backend == "vllm" else 1
    engine = EngineConfig(backend=scale.backend, tensor_parallel_size=gpus)
    stops = (drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = greedy_paths(models.system(arm), drawn.ids, engine, *stops)
    write_json(file, to_jsonable({"made_by": made_by, "paths": paths}))
    return paths


def _coverage(
    reproduction: Reproduction, models: Models, paths: Sequence[Trajectory]
) -> Mapping[str, Sequence[PathCoverage]]:
    from rast_eval.analysis import forcing, path_coverage
    from rast_eval.config import EngineConfig

    systems = {arm: models.system(arm) for arm in ("base", "rast")}
    if reproduction.scale.backend == "vllm":
        engine = EngineConfig(backend="vllm", tensor_parallel_size=reproduction.scale.cards.engine(systems.values()))
        return {arm: path_coverage.measure_with_vllm(system, paths, engine) for arm, system in systems.items()}
    forcer = forcing.TeacherForcer()
    return path_coverage.measure(forcer, systems, paths)


def undefined(recovery: Recovery | None) -> tuple[float, float, float]:
    """Value, low and high of a recovery in percent, NaN without one."""
    if recovery is None:
        return (math.nan,) * 3
    return 100 * recovery.value, 100 * recovery.low, 100 * recovery.high
