"""What a report says of a run, independent of how it is drawn: tables, notes and a headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rast_eval.report.table import DASH, Table, percent, rate, score, with_seeds
from rast_eval.results.metrics import CellMetrics, RunMetrics
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

SCORE_NOTE = (
    "Avg. = mean pass@1 in percent; ± = half of its 95 % interval (other problems, other samples), "
    "seeds ± = the same problems, other samples; [low, high] = 95 % interval where it is not symmetric."
)
RECOVERY_NOTE = (
    "RR. = recovery rate = (RAST − base) / (RL ceiling − base), in percent: how much of what RL training "
    "adds to the base RAST adds without training it."
)
UNBOUNDED_NOTE = (
    "unbounded = the gap between base and RL ceiling cannot be told from 0, so no interval bounds its share."
)
SUBSET_NOTES = {
    "unbiased": "pass@k = at least one of k samples is right; majority@k = the most frequent answer of k is right.",
    "paper": "pass@k and majority@k by the paper's estimator: the mean over 10 draws of k of the n runs.",
}
CRITERIA_NOTE = (
    "base = the benchmark's original inputs; plus = those and EvalPlus's (the score); official = as LiveCodeBench's "
    "checker feeds and reads a program; process = through real pipes (the score, unless --lcb-io official)."
)
OUTPUT_NOTE = (
    "extracted = an answer was found in the output; cut = ended by the token limit; stopped = ended by a stop "
    "string; timeout = grading took too long, error = it died; both count as wrong; tokens = mean length of an output."
)


def title(metrics: RunMetrics) -> str:
    """`demo: tiny-arith, 50 problems × 8 samples`, or the number of benchmarks."""
    if len(metrics.benchmarks) > 1:
        return f"{metrics.run}: {len(metrics.benchmarks)} benchmarks"
    problems, samples = max(c.problems for c in metrics.cells), max(c.samples for c in metrics.cells)
    many = f"{samples} samples" if samples > 1 else "1 sample"
    return f"{metrics.run}: {metrics.benchmarks[0]}, {problems} problems × {many}"


def headline(metrics: RunMetrics) -> str:
    """The run in one sentence: how much of the gap RAST closes. Empty without arm `rast`."""
    if len(metrics.benchmarks) > 1:
        average = metrics.average_recovery.get("rast")
        if average is None or math.isnan(average.value):
            return ""
        return f"Over all benchmarks RAST closes {rate(average)} % of the gap between base and RL ceiling."
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
    way = f"{rate(rast.recovery).removesuffix(' unbounded')} % of the way to the RL ceiling's"
    return f"{moved}: {way} {percent(rl.accuracy.value)} %{limit}."


def matrix_table(metrics: RunMetrics) -> Table:
    """The paper's main table: a row an arm, a column a benchmark, Avg. and RR. in each cell."""
    with_average = bool(metrics.average_recovery)
    rows = []
    for arm in metrics.arms:
        cells = [metrics.cell(arm, benchmark) for benchmark in metrics.benchmarks]
        row = [_row_label([c for c in cells if c]), *(DASH if c is None else _score_cell(c) for c in cells)]
        rows.append((*row, *([_average_cell(metrics, arm)] if with_average else [])))
    header = ("", *metrics.benchmarks, *(["average"] if with_average else []))
    return Table(title(metrics), header, tuple(rows), _notes(metrics))


def paper_table(metrics: RunMetrics) -> Table:
    """The paper's main table for print: a row an arm, columns Avg. and RR. under each benchmark."""
    rows = []
    for arm in metrics.arms:
        cells = [metrics.cell(arm, benchmark) for benchmark in metrics.benchmarks]
        figures = [(DASH, DASH) if c is None else (score(c.accuracy), rate(c.recovery)) for c in cells]
        rows.append((_row_label([c for c in cells if c]), *(figure for pair in figures for figure in pair)))
    header = ("Arm", *(f"{benchmark}\n{name}" for benchmark in metrics.benchmarks for name in ("Avg.", "RR.")))
    return Table(title(metrics), header, tuple(rows), _notes(metrics))


def list_table(metrics: RunMetrics) -> Table:
    """The same figures with a row an arm and benchmark: fits a narrow page."""
    header = ("benchmark", "arm", "Avg.", "seeds ±", "RR.")
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            spread = percent(cell.accuracy.seeds_half_width)
            rows.append((benchmark, _arm_and_mode([cell]), score(cell.accuracy), spread, rate(cell.recovery)))
    for arm, recovery in metrics.average_recovery.items():
        rows.append(("average", Arm(arm).label, _mean_accuracy(metrics, arm), "", rate(recovery)))
    return Table(title(metrics), header, tuple(rows), f"{_notes(metrics)}\n{systems(metrics)}", keys=2)


def single_table(metrics: RunMetrics) -> Table:
    """The main table of a run on one benchmark: a row an arm, with pass@k and majority@k of the largest k."""
    k = max(max(c.pass_at) for c in metrics.cells)
    has_recovery, has_subsets = any(c.recovery for c in metrics.cells), k > 1
    has_votes = has_subsets and any(c.majority_at for c in metrics.cells)
    header = ["", "Avg.", *(["RR."] if has_recovery else [])]
    header += [*([f"pass@{k}"] if has_subsets else []), *([f"majority@{k}"] if has_votes else [])]
    rows = []
    for cell in _in_order(metrics, metrics.benchmarks[0]):
        row = [_row_label([cell]), with_seeds(cell.accuracy)]
        row += [rate(cell.recovery).replace(" ", "\n", 1)] if has_recovery else []
        row += [_subset(cell.pass_at, k)] if has_subsets else []
        row += [_subset(cell.majority_at, k)] if has_votes else []
        rows.append(tuple(row))
    return Table(title(metrics), tuple(header), tuple(rows), _notes(metrics))


def subset_table(metrics: RunMetrics) -> Table | None:
    """pass@k and majority@k for every k; None where there is only k = 1."""
    ks = sorted({k for c in metrics.cells for k in c.pass_at if k > 1})
    if not ks:
        return None
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            for name, values in (("pass@k", cell.pass_at), ("majority@k", cell.majority_at)):
                if values and cell.samples > 1:
                    figures = (_subset(values, k) for k in ks)
                    rows.append((benchmark, cell.arm.label, name, *figures))
    header = ("benchmark", "arm", "", *(f"k={k}" for k in ks))
    return Table("pass@k and majority@k", header, tuple(rows), SUBSET_NOTES[metrics.estimator], keys=3)


def criteria_table(metrics: RunMetrics) -> Table | None:
    """Programs by every criterion that judges them, None where there are none."""
    cells = [cell for name in metrics.benchmarks for cell in _in_order(metrics, name) if cell.criteria]
    criteria = list(dict.fromkeys(criterion for cell in cells for criterion in cell.criteria))
    if not criteria:
        return None
    rows = tuple(
        (
            cell.benchmark,
            cell.arm.label,
            *(percent(cell.criteria[criterion]) if criterion in cell.criteria else "–" for criterion in criteria),
        )
        for cell in cells
    )
    return Table("Programs that pass, in percent", ("benchmark", "arm", *criteria), rows, CRITERIA_NOTE, keys=2)


def detail_tables(metrics: RunMetrics) -> list[Table]:
    """What stands under the main table."""
    tables = (subset_table(metrics), criteria_table(metrics), output_table(metrics))
    return [table for table in tables if table is not None]


def output_table(metrics: RunMetrics) -> Table:
    """What became of the outputs: the shares that limit how far a score can be trusted."""
    shares = {"extracted": "extracted", "cut": "truncated", "stopped": "stopped_by_string", "timeout": "timed_out"}
    if any(cell.shares.errors for cell in metrics.cells):
        shares["error"] = "errors"
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            shown = (percent(getattr(cell.shares, name)) for name in shares.values())
            size = f"{cell.problems} × {cell.samples}"
            rows.append((benchmark, cell.arm.label, size, *shown, f"{cell.mean_tokens:.1f}"))
    header = ("benchmark", "arm", "outputs", *shares, "tokens")
    return Table("Outputs, shares in percent", header, tuple(rows), f"{OUTPUT_NOTE}\n{decoding(metrics)}", keys=2)


def systems(metrics: RunMetrics) -> str:
    """What generated in each arm, in one line."""
    names = {arm: dict.fromkeys(c.system for c in metrics.cells if c.arm == arm) for arm in metrics.arms}
    listed = "; ".join(f"{Arm(arm).label} = {' or '.join(found)}" for arm, found in names.items())
    return f"Models: {listed}."


def decoding(metrics: RunMetrics) -> str:
    """How the arms were decoded, prompted and scored, in one line."""
    arms = {}
    for arm in metrics.arms:
        settings = {f"{c.decoding}, at most {c.max_tokens} tokens" for c in metrics.cells if c.arm == arm}
        arms[Arm(arm).label] = " or ".join(sorted(settings))
    groups: dict[str, list[str]] = {}
    for name, text in arms.items():
        groups.setdefault(text, []).append(name)
    text = "; ".join(f"{' and '.join(names)} {settings}" for settings, names in groups.items())
    if len(groups) == 1:
        text = next(iter(groups))
    prompts, scorers = ({getattr(c, key): None for c in metrics.cells} for key in ("prompt", "scorer"))
    return f"Decoding: {text}. Prompt {', '.join(prompts)}; scorer {', '.join(scorers)}."


def scorers_table(first: RunMetrics, second: RunMetrics) -> Table:
    """Two scorers on the same outputs, where they read different verdicts."""
    names = [next((c.scorer for c in m.cells), "") for m in (first, second)]
    rows = []
    for cell in first.cells:
        other = second.cell(cell.arm, cell.benchmark)
        if other is None or other.scorer == cell.scorer:
            continue
        difference = other.accuracy.value - cell.accuracy.value
        values = (percent(cell.accuracy.value), percent(other.accuracy.value), f"{100 * difference:+.1f}")
        rates = (rate(found.recovery).replace(" ", "\n", 1) for found in (cell, other))
        rows.append((cell.benchmark, cell.arm.label, *values, *rates))
    header = ("benchmark", "arm", *names, "change", *(f"RR. {n}" for n in names))
    note = (
        "simplerl reproduces the paper's scorer with its quirks; strict counts mathematically equal answers as equal."
    )
    return Table("The same outputs under two scorers", header, tuple(rows), note, keys=2)


def _notes(metrics: RunMetrics) -> str:
    """What the main table's figures mean, as far as it has them."""
    recoveries = [c.recovery for c in metrics.cells if c.recovery is not None]
    lines = [SCORE_NOTE, *([RECOVERY_NOTE] if recoveries else [])]
    lines += [UNBOUNDED_NOTE] if any(r.note.startswith("unbounded") for r in recoveries) else []
    return "\n".join(lines)


def _in_order(metrics: RunMetrics, benchmark: str) -> list[CellMetrics]:
    cells = (metrics.cell(arm, benchmark) for arm in metrics.arms)
    return [cell for cell in cells if cell is not None]


def _arm_and_mode(cells: Sequence[CellMetrics]) -> str:
    greedy = ", greedy" if all(c.decoding == "greedy" for c in cells) else ""
    return f"{cells[0].arm.label}{greedy}"


def _row_label(cells: Sequence[CellMetrics]) -> str:
    return f"{_arm_and_mode(cells)}\n{' / '.join(dict.fromkeys(c.system for c in cells))}"


def _score_cell(cell: CellMetrics) -> str:
    shown = with_seeds(cell.accuracy)
    return shown if cell.recovery is None else f"{shown}\nRR. {rate(cell.recovery)}"


def _average_cell(metrics: RunMetrics, arm: str) -> str:
    recovery = metrics.average_recovery.get(arm)
    mean = _mean_accuracy(metrics, arm)
    return mean if recovery is None else f"{mean}\nRR. {rate(recovery)}"


def _mean_accuracy(metrics: RunMetrics, arm: str) -> str:
    values = [c.accuracy.value for c in metrics.cells if c.arm == arm]
    return DASH if len(values) < len(metrics.benchmarks) else percent(math.fsum(values) / len(values))


def _subset(values: Mapping[int, Estimate], k: int) -> str:
    estimate = values.get(k)
    return DASH if estimate is None else score(estimate)
