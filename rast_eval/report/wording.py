"""What a report says of a run in words: its title, its headline, and what the figures mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rast_eval.report.table import interval, percent, rate
from rast_eval.results.cell_metrics import CellMetrics
from rast_eval.results.metrics import RunMetrics
from rast_eval.statistics.recovery import UNBOUNDED, UNDEFINED
from rast_eval.types import Arm

SCORE_NOTE = (
    "Avg. = mean pass@1 in percent; ± = half of its 95 % interval (other problems, other samples), "
    "seeds ± = the same problems, other samples; [low, high] = 95 % interval where it is not symmetric."
)
RECOVERY_NOTE = (
    "RR. = recovery rate = (RAST − base) / (RL ceiling − base), in percent: how much of what RL training "
    "adds to the base RAST adds without training it."
)
INTERVAL_NOTES = {
    UNBOUNDED: "unbounded = the gap from base to RL ceiling cannot be told from 0, so no interval bounds its share.",
    UNDEFINED: "undefined = the problems do not differ enough to show an error.",
}
SUBSET_NOTES = {
    "unbiased": "pass@k = at least one of k samples is right; majority@k = the most frequent answer of k is right.",
    "paper": "pass@k and majority@k by the paper's estimator: the mean over 10 draws of k of the n runs.",
}
CRITERIA_NOTE = (
    "base = the benchmark's original inputs; plus = those and EvalPlus's (the score); official = as LiveCodeBench's "
    "checker feeds and reads a program; process = through real pipes (the score, unless --lcb-io official)."
)
READING_NOTE = (
    "boxed only = simplerl, an output without a box counting as wrong; [pessimistic, optimistic] = outputs that all "
    "three call right, and that one of them does; disputed = outputs that decide: `rast-eval report RUN --disputed`."
)
GREEDY_NOTE = (
    "The base is decoded greedily, one output a problem, as in the paper's table, and the other arms are sampled: "
    "part of a difference may be the decoding. `--arms base@sampled,…` samples the base too."
)
OUTPUT_NOTE = (
    "extracted = an answer was found in the output; boxed = the output says itself which number is its answer, "
    "elsewhere the last number counts, be the sentence finished or not; cut = ended by the token limit; right though "
    "cut = counted as right all the same; stopped = ended by a stop string; timed out = grading took too long, error = "
    "it died; both count as wrong; tokens = mean length of an output."
)


def title(metrics: RunMetrics) -> str:
    """`demo: tiny-arith, 50 problems × 8 samples`, or the number of benchmarks."""
    if len(metrics.benchmarks) > 1:
        return f"{metrics.run}: {len(metrics.benchmarks)} benchmarks"
    samples = max(c.samples for c in metrics.cells)
    fewest = min((c.samples for c in metrics.cells if c.samples > 1), default=1)
    many = f"{samples} samples" if samples > 1 else "1 sample"
    many = f"{fewest} to {many}" if fewest < samples else many
    problems, part = max(c.problems for c in metrics.cells), _part(metrics.cells)
    return f"{metrics.run}: {metrics.benchmarks[0]}, {problems} problems × {many}{part and f' ({part})'}"


def _part(cells: Sequence[CellMetrics]) -> str:
    """`20 of 400, drawn`, or `the first 20 of 400`; empty where every problem of the benchmark was planned."""
    largest = max(cells, key=lambda cell: cell.problem_count)
    if largest.problem_count >= largest.total:
        return ""
    count = f"{largest.problem_count} of {largest.total}"
    return f"{count}, drawn" if largest.drawn else f"the first {count}"


def headline(metrics: RunMetrics) -> str:
    """The run in one sentence: how much of the gap RAST closes. Empty without arm `rast`."""
    if len(metrics.benchmarks) > 1:
        average = metrics.average_recovery.get("rast")
        if average is None or math.isnan(average.value):
            return ""
        every = len(metrics.benchmarks)
        over = f"all {every}" if average.benchmarks == every else f"{average.benchmarks} of {every}"
        return f"Over {over} benchmarks RAST closes {rate(average)} % of the gap between base and RL ceiling."
    benchmark = metrics.benchmarks[0]
    rast, rl = metrics.cell("rast", benchmark), metrics.cell("rl", benchmark)
    base = metrics.cell("base", benchmark) or metrics.cell("base@sampled", benchmark)
    if rast is None or base is None:
        return ""
    moved = f"RAST takes the base from {percent(base.accuracy.value)} to {percent(rast.accuracy.value)} %"
    if rl is None or rast.recovery is None:
        return f"{moved}."
    if math.isnan(rast.recovery.value):
        return f"{moved}; the recovery rate is {rast.recovery.note}."
    limit = f" ({rast.recovery.note})" if rast.recovery.note else ""
    bounds = interval(rast.recovery.low, rast.recovery.high)
    way = f"{percent(rast.recovery.value)} {bounds}".rstrip()
    return f"{moved}: {way} % of the way to the RL ceiling's {percent(rl.accuracy.value)} %{limit}."


def systems(metrics: RunMetrics) -> str:
    """What generated in each arm, in one line."""
    names = {arm: dict.fromkeys(c.system for c in metrics.cells if c.arm == arm) for arm in metrics.arms}
    listed = "; ".join(f"{Arm(arm).label} = {' or '.join(found)}" for arm, found in names.items())
    return f"Models: {listed}."


DRAFTING_NOTE = "Drafts change the speed, never the distribution: what does not stand is drawn anew."


def decoding(metrics: RunMetrics) -> str:
    """How the arms were decoded, prompted and scored, in one line."""
    arms = {}
    for arm in metrics.arms:
        settings = {c.decoding + _limit(c.max_tokens) for c in metrics.cells if c.arm == arm}
        arms[Arm(arm).label] = " or ".join(sorted(settings))
    groups: dict[str, list[str]] = {}
    for name, text in arms.items():
        groups.setdefault(text, []).append(name)
    text = "; ".join(f"{' and '.join(names)} {settings}" for settings, names in groups.items())
    if len(groups) == 1:
        text = next(iter(groups))
    prompts, scorers = ({getattr(c, key): None for c in metrics.cells} for key in ("prompt", "scorer"))
    return f"Decoding: {text}. Prompt {', '.join(prompts)}; scorer {', '.join(scorers)}."


def _limit(max_tokens: int) -> str:
    return f", at most {max_tokens} tokens" if max_tokens else ""


def notes(metrics: RunMetrics) -> str:
    """What the main table's figures mean, as far as it has them, and what limits them."""
    recoveries = [c.recovery for c in metrics.cells if c.recovery is not None]
    recoveries += metrics.average_recovery.values()
    lines = [SCORE_NOTE, *([RECOVERY_NOTE] if recoveries else [])]
    lines += [text for note, text in INTERVAL_NOTES.items() if any(r.note == note for r in recoveries)]
    lines += [_coverage(metrics), _greedy(metrics), *map(_stopped, metrics.cells)]
    return "\n".join(filter(None, lines))


def _coverage(metrics: RunMetrics) -> str:
    """Which problems and benchmarks the figures do not cover, where a title has no room to say it."""
    every = len(metrics.benchmarks)
    if every == 1:
        return ""
    told = []
    for benchmark in metrics.benchmarks:
        part = _part([c for c in metrics.cells if c.benchmark == benchmark])
        told += [f"{benchmark} {part}"] if part else []
    over = sorted({r.benchmarks for r in metrics.average_recovery.values()} - {every})
    counts = " and ".join(str(count) for count in over)
    average = f"The averaged RR. is over {counts} of {every} benchmarks: those that give a rate." if over else ""
    return "\n".join(filter(None, [f"Problems: {'; '.join(told)}." if told else "", average]))


def _greedy(metrics: RunMetrics) -> str:
    greedy = any(c.arm.role == "base" and c.arm.variant == "" and c.decoding == "greedy" for c in metrics.cells)
    sampled = any(c.arm.role != "base" and c.decoding != "greedy" for c in metrics.cells)
    return GREEDY_NOTE if greedy and sampled else ""


def _stopped(cell: CellMetrics) -> str:
    if cell.stopped is None:
        return ""
    bounds = f"{percent(cell.stopped.value)} {interval(cell.stopped.low, cell.stopped.high)}"
    return (
        f"{cell.arm.label} on {cell.benchmark}: sampling was looked at after every round, {cell.samples} samples a "
        f"problem so far; {bounds} over seeds holds at every look."
    )
