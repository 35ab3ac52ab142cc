"""Figures 9 and 10: reasoning words and behaviours by arm and benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rast_eval.analysis.behaviours import BEHAVIOURS, BehaviourCounts, count_behaviours
from rast_eval.paper import runs
from rast_eval.paper.figures import ARMS
from rast_eval.paper.runs import Reproduction
from rast_eval.paper.scale import title_of
from rast_eval.report import point_figures
from rast_eval.report.page import Block, Picture
from rast_eval.report.point_figures import Dot
from rast_eval.report.table import DASH, Table
from rast_eval.types import Arm

Counts = Mapping[tuple[Arm, str, str], BehaviourCounts]
"""By (arm, benchmark, behaviour)."""


def figure9(reproduction: Reproduction) -> list[Block]:
    """Every listed word that occurs, by arm, all benchmarks together."""
    counts = _counts(reproduction)
    panels: list[tuple[str, dict[str, list[Dot]]]] = []
    rows, absent = [], []
    for behaviour, listed in BEHAVIOURS.items():
        drawn: dict[str, list[Dot]] = {}
        for word in listed:
            found = {arm: _rate(counts, arm, behaviour, word) for arm in ARMS}
            if not any(found.values()):
                absent.append(word)
                continue
            rows.append((behaviour, word, *(f"{value:.4f}" for value in found.values())))
            drawn[word] = [Dot(arm.look.title, Arm(arm.role), value) for arm, value in found.items()]
        panels.append((behaviour, drawn))
    note = "Occurrences an output of each listed word, as a lower-case lemma; the main pair on all benchmarks."
    if absent:
        note += f"\nIn no output: {', '.join(absent)}."
    picture = reproduction.save("figure9", point_figures.words(panels, "occurrences an output"))
    header = ("behaviour", "word", *(arm.look.title for arm in ARMS))
    caption = "How often each word of the paper's three lists occurs in an output, by arm, all benchmarks together."
    return [Picture(picture, caption), Table("Reasoning words by arm", header, tuple(rows), note, keys=2)]


def figure10(reproduction: Reproduction) -> list[Block]:
    """Frequency of the three behaviours by benchmark and arm."""
    counts = _counts(reproduction)
    panels, rows = [], []
    for behaviour in BEHAVIOURS:
        groups = []
        for benchmark in reproduction.scale.benchmarks:
            dots = []
            for arm in ARMS:
                row = counts.get((arm, benchmark, behaviour))
                if row is None:
                    rows.append((behaviour, title_of(benchmark), arm.look.title, DASH, DASH))
                    continue
                e = row.per_output
                dots.append(Dot(arm.look.title, Arm(arm.role), e.value, max(0.0, e.low), e.high))
                spread = "" if math.isnan(e.half_width) else f" ± {e.half_width:.4f}"
                shown = (f"{e.value:.4f}{spread}", f"{row.per_thousand_words:.2f}")
                rows.append((behaviour, title_of(benchmark), arm.look.title, *shown))
            groups.append((title_of(benchmark), dots))
        panels.append((behaviour, groups))
    picture = reproduction.save("figure10", point_figures.bars(panels, "words an output"))
    note = (
        "The paper does not define its normalisation: occurrences an output, and per 1,000 words beside it. All three "
        "arms are sampled; the released script counts one greedy run of the base."
    )
    header = ("behaviour", "benchmark", "arm", "an output", "per 1,000 words")
    caption = "Branching, backtracking and self-verification by benchmark and arm, 95 % intervals over problems."
    return [Picture(picture, caption), Table("Behaviours", header, tuple(rows), note, keys=3)]


def _rate(counts: Counts, arm: Arm, behaviour: str, word: str) -> float:
    """Occurrences of a word an output, over all benchmarks."""
    found = [row for (a, _, b), row in counts.items() if (a, b) == (arm, behaviour)]
    outputs = sum(row.outputs for row in found)
    return sum(row.words.get(word, 0) for row in found) / outputs if outputs else 0.0


def _counts(reproduction: Reproduction) -> Counts:
    base, delta = reproduction.scale.main_pair
    wanted = [runs.base_run(reproduction.scale, base), runs.pair_run(reproduction.scale, base, delta)]
    rows: Sequence[BehaviourCounts] = [row for named in wanted for row in count_behaviours(reproduction.load(named))]
    return {(Arm(row.arm), row.benchmark, row.behaviour): row for row in rows}
