"""Figures along fixed trajectories: 1, 4 and 5."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rast_eval.files import replace_file, write_json
from rast_eval.inputs.models import find_pair, resolve_models
from rast_eval.paper import prose, published
from rast_eval.paper.figures import LABELS
from rast_eval.paper.runs import Reproduction
from rast_eval.paper.sizing import gpus_for
from rast_eval.report import figures
from rast_eval.report.figures import Dot
from rast_eval.report.page import Block, Picture, Text, Tokens
from rast_eval.report.table import Table, percent, rate
from rast_eval.results.metrics import to_jsonable
from rast_eval.types import Arm, Models


def figure1(reproduction: Reproduction) -> list[Block]:
    """Path coverage by scale, and the differing tokens of one path."""
    from rast_eval.analysis import path_coverage
    from rast_eval.analysis.path_coverage import first_token_rate, mean_rate

    published_rates = prose.COVERAGE if reproduction.scale.name == "paper" else {}
    groups, tables, case = [], [], None
    values: dict[str, Any] = {}
    for base in reproduction.scale.bases:
        delta = next(d for b, d in reproduction.scale.pairs if b == base)
        models = resolve_models(base, [delta])
        paths = _paths(reproduction, base, "rl")
        found = _coverage(reproduction, models, paths)
        dots = []
        for arm, coverages in found.items():
            e = mean_rate(coverages)
            paper = published_rates.get((base, arm), math.nan)
            dots.append(Dot(LABELS[arm], Arm(arm), 100 * e.value, 100 * e.low, min(100.0, 100 * e.high), paper))
            shown = f"{percent(e.value, 2)} ± {percent(e.half_width, 2)}" if e.method == "t" else percent(e.value, 2)
            first = percent(first_token_rate(coverages))
            tables.append(
                (base, LABELS[arm] + (f" + Δ{delta}" if arm == "rast" else ""), shown, first, str(len(paths)))
            )
        groups.append((base, dots))
        values[base] = found
        case = case or (base, delta, models, found)
    reproduction.write("figure1", values)
    picture = reproduction.save("figure1", figures.dots(groups, "path coverage rate, % of tokens", (90, 100.5)))
    note = path_coverage.NOTE
    if published_rates:
        note += f" The paper in its text: {prose.SAYS['Figure 1']}."
    table = Table("Path coverage rate", ("base", "model", "PCR, %", "first token, %", "paths"), tuple(tables),
                  note, keys=2)  # fmt: skip
    caption = "How much of the RL model's greedy path a model takes by itself, 95 % intervals over paths."
    assert case is not None
    return [Picture(picture, caption), table, *_differing(*case)]


def figure4(reproduction: Reproduction) -> list[Block]:
    """Similarity of deltas against recovery."""
    from rast_eval.analysis import forcing, similarity

    names = list(dict.fromkeys(name for pair in reproduction.scale.pairs for name in pair))
    names = [name for name in names if name != "1.5b"] if reproduction.scale.name == "paper" else names
    entries = {name: find_pair(name) for name in names}
    deltas = {name: (e.rl, e.base) for name, e in entries.items() if e is not None and e.rl is not None}
    paths = _paths(reproduction, names[0], "rl")
    forcer = forcing.TeacherForcer(list(dict.fromkeys(ref for pair in deltas.values() for ref in pair)))
    found = similarity.measure(forcer, deltas, paths)
    reproduction.write("figure4", found)
    printed = {(p.base, p.delta): p for p in published.figure4()} if reproduction.scale.name == "paper" else {}
    raw, weighted, rows = [], [], []
    for s in found:
        cell = reproduction.pair(s.larger, s.smaller).cell("rast", reproduction.scale.sweep_benchmark)
        recovery = cell.recovery if cell else None
        p = printed.get((s.larger, s.smaller))
        value, low, high = (recovery.value, recovery.low, recovery.high) if recovery else (math.nan,) * 3
        paper = (p.recovery.value, p.cosine) if p else (math.nan, math.nan)
        label = f"{s.larger} + Δ{s.smaller}"
        dot = Dot(label, Arm("rast"), 100 * value, 100 * low, 100 * high, paper[0], s.raw.value, paper[1])
        raw.append(dot)
        weighted.append(replace(dot, x=s.weighted.value, paper=math.nan, paper_x=math.nan))
        rows.append((label, f"{s.raw.value:.3f}", f"{s.weighted.value:.3f}", f"{s.first_raw:.3f}",
                     f"{s.first_weighted:.3f}", rate(recovery)))  # fmt: skip
    panels = [
        ("cosine similarity of the deltas (Eq. 6)", raw),
        ("the same, weighted by probability and centred", weighted),
    ]
    drawn = figures.scatter(panels, "recovery rate, %")
    picture = reproduction.save("figure4", drawn)
    header = ("system", "cosine", "weighted", "first token", "first, weighted", "RR.")
    caption = (
        f"Similarity of delta logits along {len(paths)} greedy paths of {names[0]}'s RL model against recovery rate."
    )
    return [Picture(picture, caption), Table("Similarity and recovery", header, tuple(rows), similarity.NOTE)]


def figure5(reproduction: Reproduction) -> list[Block]:
    """KL(base, RAST) at every token of one trajectory."""
    from rast_eval.analysis import divergence, forcing
    from rast_eval.decoding.loading import load_tokenizer
    from rast_eval.report.page import to_html

    base, delta = reproduction.scale.main_pair
    models = resolve_models(base, [delta])
    rast = models.system("rast")
    paths = _paths(reproduction, base, "rast", delta)
    found = divergence.measure(forcing.TeacherForcer(forcing.members_of([rast])), rast, paths)
    reproduction.write("figure5", found)
    tokenizer = load_tokenizer(models.base)
    example = sorted(found, key=lambda d: len(d.tokens))[len(found) // 2]
    tokens = [tokenizer.decode([token]) for token in example.tokens]
    title = f"KL(base ‖ RAST), {base} + Δ{delta}, problem {example.problem_id}"
    picture = reproduction.save("figure5", figures.token_heat(tokens, example.kl, title, "nats"), pdf=False)
    text = Tokens(tokens, example.kl, "nats", f"{title}: point at a token for its value.")
    page = to_html("Figure 5", [text, divergence.divergence_table("All outputs", found, tokenizer.decode)])
    replace_file(reproduction.root / "figure5.html", page)
    table = divergence.divergence_table(f"{len(found)} RAST outputs", found, tokenizer.decode)
    return [Picture(picture, f"{title}. Darker = larger."), text, table]


def _paths(reproduction: Reproduction, base: str, arm: str, delta: str | None = None) -> list[Any]:
    """Greedy paths of an arm on the drawn problems, kept under analysis/ for the next target."""
    from rast_eval.analysis.drawing import draw_prompts
    from rast_eval.analysis.forcing import Trajectory, greedy_paths
    from rast_eval.config import EngineConfig
    from rast_eval.inputs.identity import identity

    scale = reproduction.scale
    name = f"{base}+{delta}" if delta else f"{base}-rl"
    file = reproduction.root / "analysis" / f"paths-{name}.json"
    models = resolve_models(base, [delta] if delta else ["none"])
    made_by = [identity(ref) for ref in models.system(arm).members]
    if file.is_file():
        kept = json.loads(file.read_text())
        if kept["models"] == to_jsonable(made_by):
            return [Trajectory(p["problem_id"], tuple(p["prompt"]), tuple(p["tokens"])) for p in kept["paths"]]
    drawn = draw_prompts(
        models.base, scale.sweep_benchmark, models.prompt, scale.path_problems, 0, reproduction.data_dir
    )
    gpus = gpus_for([models.system(arm)]) if scale.backend == "vllm" else 1
    engine = EngineConfig(backend=scale.backend, tensor_parallel_size=gpus)
    stops = (drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = greedy_paths(models.system(arm), drawn.ids, engine, *stops)
    write_json(file, to_jsonable({"models": made_by, "paths": paths}))
    return paths


def _coverage(reproduction: Reproduction, models: Models, paths: Sequence[Any]) -> dict[str, list[Any]]:
    from rast_eval.analysis import forcing, path_coverage
    from rast_eval.config import EngineConfig

    systems = {arm: models.system(arm) for arm in ("base", "rast")}
    if reproduction.scale.backend == "vllm":
        engine = EngineConfig(backend="vllm", tensor_parallel_size=gpus_for(systems.values()))
        return {arm: path_coverage.measure_with_vllm(system, paths, engine) for arm, system in systems.items()}
    forcer = forcing.TeacherForcer(forcing.members_of(list(systems.values())))
    return path_coverage.measure(forcer, systems, paths)


def _differing(base: str, delta: str, models: Models, found: Mapping[str, Sequence[Any]]) -> list[Block]:
    """The path on which the base differs most, with its differing tokens."""
    from rast_eval.decoding.loading import load_tokenizer

    tokenizer = load_tokenizer(models.base)
    worst = max(found["base"], key=lambda c: len(c.differing))
    tokens = [tokenizer.decode([token]) for token in worst.tokens]
    flags = [1.0 if i in worst.differing else 0.0 for i in range(len(tokens))]
    changes = [f"{tokens[i]!r} where {base} says {tokenizer.decode([worst.choices[i]])!r}" for i in worst.differing]
    share = 1 - len(worst.differing) / len(tokens)
    return [
        Text(f"Problem {worst.problem_id}: {percent(share, 2)} % of the path's tokens are the base's own; differing: "
             f"{'; '.join(changes) or 'none'}."),
        Tokens(tokens, flags, "1 = differs", f"The RL model's greedy path on problem {worst.problem_id}."),
    ]  # fmt: skip
