"""Figures along fixed trajectories: 1, 4 and 5."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rast_eval import zoo
from rast_eval.metrics import to_jsonable
from rast_eval.paper import published
from rast_eval.report import figures
from rast_eval.report.figures import Dot
from rast_eval.report.html import Block, Picture, Text, Tokens
from rast_eval.report.layout import Table, percent, rate
from rast_eval.reproduce.figures import LABELS
from rast_eval.reproduce.runs import Workshop
from rast_eval.reproduce.sizing import gpus_for


def figure1(shop: Workshop) -> list[Block]:
    """Path coverage by scale, and the differing tokens of one path."""
    from rast_eval.analysis import path_coverage
    from rast_eval.analysis.path_coverage import first_token_rate, mean_rate

    published_rates = {("32b", "base"): 95.22, ("32b", "rast"): 96.37} if shop.scale.name == "paper" else {}
    groups, tables, case = [], [], None
    values: dict[str, Any] = {}
    for base in shop.scale.bases:
        delta = next(d for b, d in shop.scale.pairs if b == base)
        lineup = zoo.resolve(base, [delta])
        paths = _paths(shop, base, "rl")
        found = _coverage(shop, lineup, paths)
        dots = []
        for arm, coverages in found.items():
            e = mean_rate(coverages)
            paper = published_rates.get((base, arm), math.nan)
            dots.append(Dot(LABELS[arm], arm, 100 * e.value, 100 * e.low, min(100.0, 100 * e.high), paper))
            shown = f"{percent(e.value, 2)} ± {percent(e.half_width, 2)}" if e.method == "t" else percent(e.value, 2)
            first = percent(first_token_rate(coverages))
            tables.append(
                (base, LABELS[arm] + (f" + Δ{delta}" if arm == "rast" else ""), shown, first, str(len(paths)))
            )
        groups.append((base, dots))
        values[base] = found
        case = case or (base, delta, lineup, found)
    shop.write("figure1", values)
    picture = shop.save("figure1", figures.dots(groups, "path coverage rate, % of tokens", (90, 100.5)))
    note = f"{path_coverage.NOTE} {path_coverage.PUBLISHED}" if shop.scale.name == "paper" else path_coverage.NOTE
    table = Table("Path coverage rate", ("base", "model", "PCR, %", "first token, %", "paths"), tuple(tables),
                  note, keys=2)  # fmt: skip
    caption = "How much of the RL model's greedy path a model takes by itself, 95 % intervals over paths."
    assert case is not None
    return [Picture(picture, caption), table, *_differing(*case)]


def figure4(shop: Workshop) -> list[Block]:
    """Similarity of deltas against recovery."""
    from rast_eval.analysis import forcing, similarity

    names = list(dict.fromkeys(name for pair in shop.scale.pairs for name in pair))
    names = [name for name in names if name != "1.5b"] if shop.scale.name == "paper" else names
    entries = {name: zoo.lookup(name) for name in names}
    deltas = {name: (e.rl, e.base) for name, e in entries.items() if e is not None and e.rl is not None}
    paths = _paths(shop, names[0], "rl")
    forcer = forcing.TeacherForcer(list(dict.fromkeys(ref for pair in deltas.values() for ref in pair)))
    found = similarity.measure(forcer, deltas, paths)
    shop.write("figure4", found)
    printed = {(p.base, p.delta): p for p in published.figure4()} if shop.scale.name == "paper" else {}
    raw, weighted, rows = [], [], []
    for s in found:
        cell = shop.pair(s.larger, s.smaller).cell("rast", shop.scale.sweep_benchmark)
        recovery = cell.recovery if cell else None
        p = printed.get((s.larger, s.smaller))
        value, low, high = (recovery.value, recovery.low, recovery.high) if recovery else (math.nan,) * 3
        paper = (p.recovery.value, p.cosine) if p else (math.nan, math.nan)
        label = f"{s.larger} + Δ{s.smaller}"
        dot = Dot(label, "rast", 100 * value, 100 * low, 100 * high, paper[0], s.raw.value, paper[1])
        raw.append(dot)
        weighted.append(replace(dot, x=s.weighted.value, paper=math.nan, paper_x=math.nan))
        rows.append((label, f"{s.raw.value:.3f}", f"{s.weighted.value:.3f}", f"{s.first_raw:.3f}",
                     f"{s.first_weighted:.3f}", rate(recovery)))  # fmt: skip
    panels = [
        ("cosine similarity of the deltas (Eq. 6)", raw),
        ("the same, weighted by probability and centred", weighted),
    ]
    drawn = figures.scatter(panels, "recovery rate, %")
    picture = shop.save("figure4", drawn)
    header = ("system", "cosine", "weighted", "first token", "first, weighted", "RR.")
    caption = (
        f"Similarity of delta logits along {len(paths)} greedy paths of {names[0]}'s RL model against recovery rate."
    )
    return [Picture(picture, caption), Table("Similarity and recovery", header, tuple(rows), similarity.NOTE)]


def figure5(shop: Workshop) -> list[Block]:
    """KL(base, RAST) at every token of one trajectory."""
    from rast_eval.analysis import divergence, forcing
    from rast_eval.decoding.loading import load_tokenizer
    from rast_eval.report.html import to_html

    base, delta = shop.scale.main_pair
    lineup = zoo.resolve(base, [delta])
    rast = lineup.system("rast")
    paths = _paths(shop, base, "rast", delta)
    found = divergence.measure(forcing.TeacherForcer(forcing.members_of([rast])), rast, paths)
    shop.write("figure5", found)
    tokenizer = load_tokenizer(lineup.base)
    example = sorted(found, key=lambda d: len(d.tokens))[len(found) // 2]
    tokens = [tokenizer.decode([token]) for token in example.tokens]
    title = f"KL(base ‖ RAST), {base} + Δ{delta}, problem {example.problem_id}"
    picture = shop.save("figure5", figures.token_heat(tokens, example.kl, title, "nats"), pdf=False)
    text = Tokens(tokens, example.kl, "nats", f"{title}: point at a token for its value.")
    page = shop.root / "figure5.html"
    page.write_text(to_html("Figure 5", [text, divergence.divergence_table("All outputs", found, tokenizer)]))
    table = divergence.divergence_table(f"{len(found)} RAST outputs", found, tokenizer)
    return [Picture(picture, f"{title}. Darker = larger."), text, table]


def _paths(shop: Workshop, base: str, arm: str, delta: str | None = None) -> list[Any]:
    """Greedy paths of an arm on the drawn problems, kept under analysis/ for the next target."""
    from rast_eval.analysis.drawing import draw_prompts
    from rast_eval.analysis.forcing import Trajectory, greedy_paths
    from rast_eval.config import EngineConfig
    from rast_eval.hub import identity

    scale = shop.scale
    name = f"{base}+{delta}" if delta else f"{base}-rl"
    file = shop.root / "analysis" / f"paths-{name}.json"
    lineup = zoo.resolve(base, [delta] if delta else ["none"])
    models = [identity(ref) for ref in lineup.system(arm).members]
    if file.is_file():
        kept = json.loads(file.read_text())
        if kept["models"] == to_jsonable(models):
            return [Trajectory(p["problem_id"], tuple(p["prompt"]), tuple(p["tokens"])) for p in kept["paths"]]
    drawn = draw_prompts(lineup.base, scale.sweep_benchmark, lineup.prompt, scale.path_problems, 0, shop.data_dir)
    gpus = gpus_for([lineup.system(arm)]) if scale.backend == "vllm" else 1
    engine = EngineConfig(backend=scale.backend, tensor_parallel_size=gpus)
    stops = (drawn.max_tokens, drawn.stop, drawn.stop_token_ids)
    paths = greedy_paths(lineup.system(arm), drawn.ids, engine, *stops)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(to_jsonable({"models": models, "paths": paths})))
    return paths


def _coverage(shop: Workshop, lineup: zoo.Lineup, paths: Sequence[Any]) -> dict[str, list[Any]]:
    from rast_eval.analysis import forcing, path_coverage
    from rast_eval.config import EngineConfig

    systems = {arm: lineup.system(arm) for arm in ("base", "rast")}
    if shop.scale.backend == "vllm":
        engine = EngineConfig(backend="vllm", tensor_parallel_size=gpus_for(systems.values()))
        return {arm: path_coverage.measure_with_vllm(system, paths, engine) for arm, system in systems.items()}
    forcer = forcing.TeacherForcer(forcing.members_of(list(systems.values())))
    return path_coverage.measure(forcer, systems, paths)


def _differing(base: str, delta: str, lineup: zoo.Lineup, found: Mapping[str, Sequence[Any]]) -> list[Block]:
    """The path on which the base differs most, with its differing tokens."""
    from rast_eval.decoding.loading import load_tokenizer

    tokenizer = load_tokenizer(lineup.base)
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
