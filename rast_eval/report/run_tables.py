"""The tables of a run's report, independent of how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rast_eval.report import wording
from rast_eval.report.comparison import arms_table
from rast_eval.report.table import DASH, Table, interval, percent, rate, score, seeds, with_seeds, with_shared
from rast_eval.results.cell_metrics import CellMetrics
from rast_eval.results.metrics import RunMetrics
from rast_eval.results.readings import Disputed
from rast_eval.statistics import Estimate
from rast_eval.types import Arm


def matrix_table(metrics: RunMetrics) -> Table:
    """The paper's main table: a row an arm, a column a benchmark, Avg. and RR. in each cell."""
    with_average = bool(metrics.average_recovery)
    rows = []
    for arm in metrics.arms:
        cells = [metrics.cell(arm, benchmark) for benchmark in metrics.benchmarks]
        row = [_row_label([c for c in cells if c]), *(DASH if c is None else _score_cell(c) for c in cells)]
        rows.append((*row, *([_average_cell(metrics, arm)] if with_average else [])))
    header = ("", *metrics.benchmarks, *(["average"] if with_average else []))
    return Table(wording.title(metrics), header, tuple(rows), wording.notes(metrics))


def paper_table(metrics: RunMetrics) -> Table:
    """The paper's main table for print: a row an arm, columns Avg. and RR. under each benchmark."""
    rows = []
    for arm in metrics.arms:
        cells = [metrics.cell(arm, benchmark) for benchmark in metrics.benchmarks]
        figures = [(DASH, DASH) if c is None else (score(c.accuracy), rate(c.recovery)) for c in cells]
        rows.append((_row_label([c for c in cells if c]), *(figure for pair in figures for figure in pair)))
    header = ("Arm", *(f"{benchmark}\n{name}" for benchmark in metrics.benchmarks for name in ("Avg.", "RR.")))
    return Table(wording.title(metrics), header, tuple(rows), wording.notes(metrics))


def list_table(metrics: RunMetrics) -> Table:
    """The same figures with a row an arm and benchmark: fits a narrow page."""
    header = ("benchmark", "arm", "Avg.", "seeds", "RR.")
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            spread = seeds(cell.accuracy).removeprefix("seeds ")
            rows.append((benchmark, _arm_and_mode([cell]), score(cell.accuracy), spread, rate(cell.recovery)))
    for arm, recovery in metrics.average_recovery.items():
        rows.append(("average", Arm(arm).label, _mean_accuracy(metrics, arm), "", rate(recovery)))
    return Table(
        wording.title(metrics), header, tuple(rows), f"{wording.notes(metrics)}\n{wording.systems(metrics)}", keys=2
    )


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
        row += [_subset(cell.pass_at, k).replace(" [", "\n[")] if has_subsets else []
        row += [_subset(cell.majority_at, k).replace(" [", "\n[")] if has_votes else []
        rows.append(tuple(row))
    return Table(wording.title(metrics), tuple(header), tuple(rows), wording.notes(metrics))


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
    return Table("pass@k and majority@k", header, tuple(rows), wording.SUBSET_NOTES[metrics.estimator], keys=3)


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
    return Table("Programs that pass, in percent", ("benchmark", "arm", *criteria), rows, wording.CRITERIA_NOTE, keys=2)


def detail_tables(metrics: RunMetrics) -> list[Table]:
    """What stands under the main table."""
    tables = (
        arms_table(metrics.differences),
        subset_table(metrics),
        criteria_table(metrics),
        readings_table(metrics),
        output_table(metrics),
        drafting_table(metrics),
    )
    return [table for table in tables if table is not None]


def readings_table(metrics: RunMetrics) -> Table | None:
    """Each score by every reading of its outputs; None where no cell was graded by both scorers."""
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            if (r := cell.readings) is not None:
                bounds = interval(r.pessimistic, r.optimistic)
                scores = (percent(x) for x in (r.simplerl, r.strict, r.boxed))
                rows.append((benchmark, cell.arm.label, *scores, bounds, f"{r.disputed} of {r.outputs}"))
    header = ("benchmark", "arm", "simplerl", "strict", "boxed only", "[pessimistic,\noptimistic]", "disputed")
    return (
        Table("Scores by every reading of the outputs", header, tuple(rows), wording.READING_NOTE, keys=2)
        if rows
        else None
    )


def disputed_table(name: str, rows: Sequence[Disputed]) -> Table:
    """Every output that decides, with what either scorer took for its answer."""
    words = {True: "right", False: "wrong"}
    lines = []
    for row in rows:
        where = (row.benchmark, row.arm.label, f"{row.problem_id}, {row.sample}")
        read = (f"{words[ok]}: {shown or DASH}" for ok, shown in (
            (row.simplerl, row.prediction_simplerl), (row.strict, row.prediction_strict)))  # fmt: skip
        lines.append((*where, *read, words[row.boxed], " ".join(row.ending.split())))
    header = ("benchmark", "arm", "problem, sample", "simplerl", "strict", "boxed only", "the output ends in")
    return Table(f"{name}: {len(rows)} disputed outputs", header, tuple(lines), wording.READING_NOTE, keys=len(header))


SHARES = {
    "extracted": "extracted",
    "boxed": "boxed",
    "cut": "truncated",
    "right\nthough\ncut": "cut_but_right",
    "stopped": "stopped_by_string",
    "timed\nout": "timed_out",
}
"""Columns of the table of shares."""


def output_table(metrics: RunMetrics) -> Table:
    """What became of the outputs: the shares that limit how far a score can be trusted."""
    shares = {**SHARES, **({"error": "errors"} if any(cell.shares.errors for cell in metrics.cells) else {})}
    rows = []
    for benchmark in metrics.benchmarks:
        for cell in _in_order(metrics, benchmark):
            shown = (percent(getattr(cell.shares, name)) for name in shares.values())
            size = f"{cell.problems} × {cell.samples}"
            tokens = DASH if math.isnan(cell.mean_tokens) else f"{cell.mean_tokens:.1f}"
            rows.append((benchmark, cell.arm.label, size, *shown, tokens))
    note = f"{wording.OUTPUT_NOTE}\n{wording.decoding(metrics)}"
    header = ("benchmark", "arm", "outputs", *shares, "tokens")
    return with_shared(Table("Shares in percent", header, tuple(rows), note, keys=2), ("outputs",))


def drafting_table(metrics: RunMetrics) -> Table | None:
    """What speculation gave, None where nothing was drafted."""
    rows = []
    for drafting in metrics.drafts:
        found = drafting.acceptance
        stood = " ".join(percent(share) for share in found.shares)
        by = ", ".join(filter(None, (drafting.drafter, drafting.runner)))
        rows.append((drafting.arm.label, by, drafting.drafted, f"{found.tokens_per_pass:.2f}", stood or DASH))
    header = ("arm", "drafter", "drafted", "tokens\na pass", "stood, in percent, by place in the draft")
    named = dict.fromkeys(drafting.certificate for drafting in metrics.drafts if drafting.certificate)
    note = "\n".join([wording.DRAFTING_NOTE, *(f"Certified by {name}." for name in named)])
    return Table("Speculation", header, tuple(rows), note) if rows else None


def scorers_table(first: RunMetrics, second: RunMetrics) -> Table:
    """Two scorers on the same outputs, where they judge differently."""
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


def runs_table(runs: Mapping[str, RunMetrics]) -> Table:
    """Several runs, by name, in one table: a row a benchmark, run and arm."""
    rows = []
    for benchmark in dict.fromkeys(name for metrics in runs.values() for name in metrics.benchmarks):
        for name, metrics in runs.items():
            for cell in _in_order(metrics, benchmark):
                subsets = (_largest(values) for values in (cell.pass_at, cell.majority_at))
                figures = (score(cell.accuracy), seeds(cell.accuracy).removeprefix("seeds "), rate(cell.recovery))
                size = f"{cell.problems} × {cell.samples}"
                rows.append((benchmark, name, _arm_and_mode([cell]), size, *figures, *subsets))
    header = ("benchmark", "run", "arm", "outputs", "Avg.", "seeds", "RR.", "pass@n", "majority@n")
    notes = dict.fromkeys(line for metrics in runs.values() for line in wording.notes(metrics).splitlines())
    systems = (f"{name}: {wording.systems(metrics)}" for name, metrics in runs.items())
    note = "\n".join([*notes, "outputs = problems × samples (n).", *systems])
    return Table(f"{len(runs)} runs", header, tuple(rows), note, keys=3)


def _largest(values: Mapping[int, Estimate]) -> str:
    """The figure of the largest k; a dash where there is only one sample."""
    return score(values[max(values)]) if values and max(values) > 1 else DASH


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
