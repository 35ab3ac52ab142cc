"""Figures that runs alone decide: 3, 6, 8, 9 and 10."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rast_eval.analysis.behaviours import BEHAVIOURS, BehaviourCounts, count_behaviours
from rast_eval.paper import published, runs
from rast_eval.paper.runs import Reproduction
from rast_eval.report import figures
from rast_eval.report.figures import Dot, Panel
from rast_eval.report.page import Block, Picture
from rast_eval.report.table import DASH, Table, percent, score
from rast_eval.results.metrics import RunMetrics
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

ARMS = (("base@sampled", "base"), ("rast", "rast"), ("rl", "rl"))
LABELS = {"base": "base", "rast": "RAST", "rl": "RL"}


def figure3(reproduction: Reproduction) -> list[Block]:
    """pass@k."""
    return _subsets(
        reproduction, "figure3", "pass@k", "pass_at", published.figure3() if reproduction.scale.name == "paper" else ()
    )


def figure8(reproduction: Reproduction) -> list[Block]:
    """majority@k."""
    return _subsets(reproduction, "figure8", "majority@k", "majority_at", ())


def figure6(reproduction: Reproduction) -> list[Block]:
    """Accuracy over λ at τ = 1 and over τ at λ = 0.5."""
    benchmark = reproduction.scale.sweep_benchmark
    reproduction.sweep()
    sweeps = {
        "lambda": [(w, runs.sweep_run(reproduction.scale, w, 1.0)) for w in reproduction.scale.weights],
        "temperature": [(t, runs.sweep_run(reproduction.scale, 0.5, t)) for t in reproduction.scale.temperatures],
    }
    names = {"lambda": ("λ at τ = 1", "λ"), "temperature": ("τ at λ = 0.5", "temperature τ")}
    panels, rows = [], []
    for key, points in sweeps.items():
        title, axis = names[key]
        found: list[tuple[float, Estimate]] = []
        for x, spec in points:
            for cell in reproduction.metrics([spec]).cells:
                found.append((x, cell.accuracy))
                rows.append((title, f"{x:g}", score(cell.accuracy)))
        paper = [
            ((p.weight if key == "lambda" else p.temperature), p.average.value)
            for p in published.figure6()
            if p.sweep == key and reproduction.scale.name == "paper"
        ]
        panels.append(Panel(title, [figures.estimated("RAST", Arm("rast"), found, paper)], xlabel=axis))
    picture = reproduction.save("figure6", figures.sweep_figure(panels, f"{benchmark}, Avg. in %"))
    base, delta = reproduction.scale.main_pair
    caption = f"Robustness of {base} + Δ{delta} on {benchmark}; bands are 95 % intervals over problems."
    return [Picture(picture, caption), Table("Sweeps", ("sweep", "value", "Avg."), tuple(rows), "", keys=2)]


def figure9(reproduction: Reproduction) -> list[Block]:
    """Every listed word that occurs, by arm."""
    counts = _behaviours(reproduction)
    rows, absent = [], []
    for i, (behaviour, listed) in enumerate(BEHAVIOURS.items()):
        for word in listed:
            found = [
                rows_of_arm[i].words.get(word, 0) / max(1, rows_of_arm[i].outputs) for rows_of_arm in counts.values()
            ]
            if any(found):
                rows.append((behaviour, word, *(f"{value:.4f}" for value in found)))
            else:
                absent.append(word)
    note = "Occurrences an output of each listed word, as a lower-case lemma; the main pair on all benchmarks."
    if absent:
        note += f"\nIn no output: {', '.join(absent)}."
    return [Table("Reasoning words by arm", ("behaviour", "word", *counts), tuple(rows), note, keys=2)]


def figure10(reproduction: Reproduction) -> list[Block]:
    """Frequency of the three behaviours by arm."""
    counts = _behaviours(reproduction)
    behaviours = [row.behaviour for row in counts[LABELS["rast"]]]
    groups, rows = [], []
    for i, behaviour in enumerate(behaviours):
        dots = []
        for label, found in counts.items():
            row, kind = found[i], next(kind for kind, name in LABELS.items() if name == label)
            e = row.per_output
            dots.append(Dot(label, Arm(kind), e.value, max(0.0, e.low), e.high))
            rows.append((behaviour, label, f"{e.value:.4f} ± {e.half_width:.4f}", f"{row.per_thousand_words:.2f}"))
        groups.append((behaviour, dots))
    picture = reproduction.save("figure10", figures.bars(groups, "occurrences an output"))
    note = "The paper does not define its normalisation: occurrences an output, and per 1,000 words beside it."
    table = Table("Behaviours", ("behaviour", "arm", "an output", "per 1,000 words"), tuple(rows), note, keys=2)
    return [
        Picture(picture, "Branching, backtracking and self-verification by arm, 95 % intervals over problems."),
        table,
    ]


def _subsets(
    reproduction: Reproduction, name: str, title: str, attribute: str, printed: Sequence[published.PassAtK]
) -> list[Block]:
    base, delta = reproduction.scale.main_pair
    metrics: RunMetrics = reproduction.pair(base, delta, "unbiased")
    panels, rows = [], []
    for benchmark in reproduction.scale.benchmarks:
        series = []
        for arm, kind in ARMS:
            cell = metrics.cell(arm, benchmark)
            values: Mapping[int, Estimate] = getattr(cell, attribute) if cell else {}
            kept = [(k, values[k]) for k in reproduction.scale.ks if k in values and not math.isnan(values[k].value)]
            paper = [(p.k, getattr(p, kind)) for p in printed if p.benchmark == benchmark]
            series.append(figures.estimated(LABELS[kind], Arm(kind), kept, paper))
            by_k = dict(kept)
            shown = (percent(by_k[k].value) if k in by_k else DASH for k in reproduction.scale.ks)
            rows.append((benchmark, Arm(arm).label, *shown))
        panels.append(Panel(benchmark, series))
    picture = reproduction.save(name, figures.line_panels(panels, "k", f"{title}, %", log2=True))
    header = ("benchmark", "arm", *(f"k={k}" for k in reproduction.scale.ks))
    note = "Unbiased estimate; a dash where there are fewer than k samples. All three arms are sampled."
    caption = (
        f"{title} of {base} + Δ{delta}; bands are 95 % intervals over problems, Wilson's where every problem is solved."
    )
    return [Picture(picture, caption), Table(f"{title}, percent", header, tuple(rows), note, keys=2)]


def _behaviours(reproduction: Reproduction) -> dict[str, list[BehaviourCounts]]:
    """Counts by arm, all benchmarks of the main pair together."""
    base, delta = reproduction.scale.main_pair
    records = [
        reproduction.record(runs.base_run(reproduction.scale, base)),
        reproduction.record(runs.pair_run(reproduction.scale, base, delta)),
    ]
    rows = [row for record in records for row in count_behaviours(record)]
    return {LABELS[kind]: _merge([row for row in rows if row.arm == arm]) for arm, kind in ARMS}


def _merge(rows: Sequence[BehaviourCounts]) -> list[BehaviourCounts]:
    """One row a behaviour; over several benchmarks the interval is that of the mean of their means."""
    merged = []
    for behaviour in dict.fromkeys(row.behaviour for row in rows):
        found = [row for row in rows if row.behaviour == behaviour]
        if len(found) == 1:
            merged.append(found[0])
            continue
        value = math.fsum(row.per_output.value for row in found) / len(found)
        se = math.sqrt(math.fsum(row.per_output.se**2 for row in found)) / len(found)
        words: dict[str, int] = {}
        for row in found:
            for word, count in row.words.items():
                words[word] = words.get(word, 0) + count
        outputs, occurrences = sum(r.outputs for r in found), sum(r.occurrences for r in found)
        thousand = math.fsum(r.per_thousand_words * r.outputs for r in found) / outputs
        estimate = Estimate(value, value - 1.96 * se, value + 1.96 * se, se, "t")
        merged.append(BehaviourCounts(found[0].arm, "all", behaviour, estimate, thousand, occurrences, outputs, words))
    return merged
