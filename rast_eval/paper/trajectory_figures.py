"""Figures 1, 4 and 5 drawn from what `trajectories` measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rast_eval.analysis import path_coverage, similarity
from rast_eval.files import replace_file
from rast_eval.paper import prose, published, trajectories
from rast_eval.paper.runs import Reproduction
from rast_eval.paper.scale import title_of
from rast_eval.paper.trajectories import Alike, Coverage, Moved, PathCase, undefined
from rast_eval.report import point_figures
from rast_eval.report.page import Block, Picture, Text, Tokens, to_html
from rast_eval.report.point_figures import Dot
from rast_eval.report.table import Table, percent, rate
from rast_eval.report.token_figures import TokenText, largest_labels, token_figure
from rast_eval.types import Arm


def figure1(reproduction: Reproduction) -> list[Block]:
    """Path coverage by scale, and the differing tokens of one path."""
    return draw_coverage(reproduction, *trajectories.measure_coverage(reproduction))


def figure4(reproduction: Reproduction) -> list[Block]:
    """Similarity of deltas against recovery."""
    return draw_similarity(reproduction, *trajectories.measure_similarity(reproduction))


def figure5(reproduction: Reproduction) -> list[Block]:
    """KL(base ‖ RAST) at every token of one output, beside the base's own."""
    return draw_divergence(reproduction, trajectories.measure_divergence(reproduction))


def draw_coverage(reproduction: Reproduction, found: Sequence[Coverage], case: PathCase) -> list[Block]:
    """Figure 1a as dots and a table, Figure 1b as text."""
    printed = prose.COVERAGE if reproduction.scale.name == "paper" else {}
    groups: dict[str, list[Dot]] = {}
    rows = []
    for c in found:
        e = c.rate
        paper = printed.get((c.base, c.arm), math.nan)
        dot = Dot(c.arm.look.title, c.arm, 100 * e.value, 100 * e.low, min(100.0, 100 * e.high), paper)
        groups.setdefault(c.base, []).append(dot)
        shown = f"{percent(e.value, 2)} ± {percent(e.half_width, 2)}" if e.method == "t" else percent(e.value, 2)
        label = c.arm.look.title + (f" + Δ{c.delta}" if c.arm == "rast" else "")
        rows.append((c.base, label, shown, percent(c.first), str(c.paths)))
    drawn = point_figures.dots(list(groups.items()), "path coverage rate, % of tokens", (90, 100))
    picture = reproduction.save("figure1", drawn)
    note = path_coverage.NOTE
    if printed:
        note += f" The paper in its text: {prose.SAYS['Figure 1']}."
    table = Table("Path coverage rate", ("base", "model", "PCR, %", "first token, %", "paths"), tuple(rows), note, 2)
    caption = "How much of the RL model's greedy path a model takes by itself, 95 % intervals over paths."
    return [Picture(picture, caption), table, *_case(reproduction, case, bool(printed))]


def _case(reproduction: Reproduction, case: PathCase, beside_paper: bool) -> list[Block]:
    """One path, each token that the base would not have said shaded, with the base's word above it."""
    differ = [a != b for a, b in zip(case.tokens, case.choices, strict=True)]
    labels = [_visible(choice) if differs else "" for choice, differs in zip(case.choices, differ, strict=True)]
    title = f"RL path of {case.base}, problem {case.problem_id}; above: the base's token"
    text = TokenText(title, case.tokens, [1.0 if differs else 0.0 for differs in differ], labels)
    picture = reproduction.save("figure1b", token_figure([text], columns=100))
    said = f"Problem {case.problem_id}: {percent(case.unchanged, 2)} % of the path's {len(case.tokens)} tokens are the "
    said += "base's own"
    if beside_paper:
        said += f" (paper: {prose.COVERAGE_CASE_RATE} %)"
    changes = [
        f"{token!r} where the base says {choice!r}"
        for token, choice in zip(case.tokens, case.choices, strict=True)
        if token != choice
    ]
    listed = "; ".join(changes) or "none"
    caption = f"Greedy path of {case.base}'s RL model on {case.problem_id}; shaded: where the base goes another way."
    return [Picture(picture, caption), Text(f"{said}; differing: {listed}.")]


def draw_similarity(reproduction: Reproduction, found: Sequence[Alike], paths: int) -> list[Block]:
    """Figure 4 with the raw cosine and the weighted one, and the values as a table."""
    printed = {(p.base, p.delta): p for p in published.figure4()} if reproduction.scale.name == "paper" else {}
    raw, weighted, rows = [], [], []
    for alike in found:
        s = alike.found
        p = printed.get((s.larger, s.smaller))
        paper = (p.recovery.value, p.cosine) if p else (math.nan, math.nan)
        label = f"{s.larger} + Δ{s.smaller}"
        dot = Dot(label, Arm("rast"), *undefined(alike.recovery), paper[0], s.raw.value, paper[1])
        raw.append(dot)
        weighted.append(replace(dot, x=s.weighted.value, paper=math.nan, paper_x=math.nan))
        rows.append((label, f"{s.raw.value:.3f}", f"{s.weighted.value:.3f}", f"{s.first_raw:.3f}",
                     f"{s.first_weighted:.3f}", rate(alike.recovery)))  # fmt: skip
    panels = [
        ("cosine similarity of the deltas (Eq. 6)", raw),
        ("the same, weighted by probability and centred", weighted),
    ]
    picture = reproduction.save("figure4", point_figures.scatter(panels, "recovery rate, %"))
    header = ("system", "cosine", "weighted", "first token", "first, weighted", "RR.")
    walker = reproduction.scale.similar[0]
    benchmark = title_of(reproduction.scale.sweep_benchmark)
    caption = (
        f"Similarity of delta logits along {paths} greedy paths of {walker}'s RL model on {benchmark} against "
        "recovery rate."
    )
    return [Picture(picture, caption), Table("Similarity and recovery", header, tuple(rows), similarity.NOTE)]


def draw_divergence(reproduction: Reproduction, moved: Moved) -> list[Block]:
    """Figure 5: the base's output and RAST's side by side, the latter shaded by KL; all outputs as a table."""
    title = f"KL(base ‖ RAST) in nats, {moved.base} + Δ{moved.delta}, problem {moved.problem_id}"
    texts = [
        TokenText("The base's output", moved.base_tokens or ("(empty)",)),
        TokenText("RAST's output, darker = larger KL", moved.tokens, moved.kl, largest_labels(moved.kl)),
    ]
    picture = reproduction.save("figure5", token_figure(texts, columns=62))
    shaded = Tokens(moved.tokens, moved.kl, "nats", f"{title}: point at a token for its value.")
    page = to_html("Figure 5", [*reproduction.marks(), shaded, moved.table])
    replace_file(reproduction.root / "figure5.html", page)
    note = ""
    if reproduction.scale.name == "paper":
        note = f" The paper in its text: {prose.SAYS['Figure 5']}."
    return [Picture(picture, f"{title}."), shaded, replace(moved.table, note=moved.table.note + note)]


def _visible(token: str) -> str:
    """A token as one line of text, its spaces at the ends left out."""
    return token.replace("\n", "⏎").strip() or "␣"
