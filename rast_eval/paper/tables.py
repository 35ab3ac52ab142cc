"""Tables 1 to 6 and Appendix E."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rast_eval import statistics
from rast_eval.analysis.length import measure_lengths
from rast_eval.errors import StoreError
from rast_eval.paper import prose, published, runs
from rast_eval.paper.memory import memory_table, rast_memory
from rast_eval.paper.runs import Reproduction
from rast_eval.paper.scale import title_of
from rast_eval.report.page import Block, Text
from rast_eval.report.table import DASH, Table, p_value, percent, rate, score, with_seeds
from rast_eval.report.wording import RECOVERY_NOTE, SCORE_NOTE
from rast_eval.results.cell_metrics import CellMetrics
from rast_eval.results.metrics import RunMetrics
from rast_eval.results.reader import Run, load_grades
from rast_eval.types import Arm

PAPER_LINE = "paper = its value, and ours minus its in brackets."


def table1(reproduction: Reproduction) -> list[Block]:
    """Every size with every delta: Avg. and RR., the paper's values under ours."""
    scale = reproduction.scale
    rows: list[tuple[str, ...]] = []
    for base in scale.bases:
        deltas = [delta for size, delta in scale.pairs if size == base]
        for delta in deltas[::-1]:
            metrics = reproduction.pair(base, delta)
            if delta == deltas[-1]:
                rows.append(_row(metrics, "base", base, ""))
            rows.append(_row(metrics, "rast", base, delta))
        rows.append(_row(reproduction.pair(base, deltas[0]), "rl", base, ""))
    several = len(scale.benchmarks) > 1
    header = ("base", "system", *map(title_of, scale.benchmarks), *(["average"] if several else []))
    note = f"{SCORE_NOTE}\n{RECOVERY_NOTE}" + (f"\n{PAPER_LINE}" if scale.name == "paper" else "")
    return [Table("Accuracy and recovery rate", header, tuple(rows), note, keys=2), *_prompts(reproduction)]


def table2(reproduction: Reproduction) -> list[Block]:
    """A base without a ceiling: RAST against the base, both sampled."""
    base, delta = reproduction.scale.bare
    metrics = reproduction.metrics(runs.bare_runs(reproduction.scale))
    rows = []
    for arm in ("base@sampled", "rast"):
        cells = [metrics.cell(arm, benchmark) for benchmark in reproduction.scale.benchmarks]
        label = f"RAST + Δ{delta}" if arm == "rast" else "base, sampled"
        rows.append((base, label, *(DASH if c is None else with_seeds(c.accuracy) for c in cells), DASH))
    header = ("base", "system", *map(title_of, reproduction.scale.benchmarks), "RR.")
    note = f"{SCORE_NOTE}\nRR. is a dash: there is no RL-tuned model of this size."
    if reproduction.scale.name == "paper":
        note += f"\nThe paper in its text: {prose.SAYS['Table 2']}."
    else:
        note += "\nHere the ceiling exists, and is left out to show what a table without one looks like."
    return [Table("RAST without a ceiling", header, tuple(rows), note, keys=2)]


def table3(reproduction: Reproduction) -> list[Block]:
    """Greedy decoding, no ceiling, paired test."""
    base, delta = reproduction.scale.code
    named = runs.code_run(reproduction.scale)
    run, metrics = reproduction.load(named), reproduction.metrics([named])
    rows = []
    for arm in ("base", "rast"):
        cells = [metrics.cell(arm, benchmark) for benchmark in reproduction.scale.code_benchmarks]
        values = [c.accuracy.value for c in cells if c is not None]
        mean = percent(math.fsum(values) / len(values)) if len(values) == len(cells) else DASH
        label = f"RAST + Δ{delta}" if arm == "rast" else "base"
        rows.append((base, label, *(DASH if c is None else with_seeds(c.accuracy) for c in cells), mean))
    tests = []
    for benchmark in reproduction.scale.code_benchmarks:
        d = statistics.paired_difference(_grades(run, "rast", benchmark), _grades(run, "base", benchmark))
        interval = f"[{100 * d.low:.1f}, {100 * d.high:.1f}]"
        tests.append(f"{title_of(benchmark)} {100 * d.value:+.1f} {interval}, p {p_value(d.p_value)}")
    header = ("base", "system", *map(title_of, reproduction.scale.code_benchmarks), "average")
    note = f"{SCORE_NOTE}\nRAST − base, paired, exact McNemar: {'; '.join(tests)}."
    if reproduction.scale.name == "paper":
        note += f"\nThe paper in its text: {prose.SAYS['Table 3']}."
    return [Table("Greedy decoding", header, tuple(rows), note, keys=2)]


def table4(reproduction: Reproduction) -> list[Block]:
    """Memory by Appendix D for the paper's sizes, with the averaged recovery measured here."""
    sizes = [("32b", "14b"), ("32b", "7b"), ("14b", "7b")]
    table = memory_table([rast_memory(base, delta) for base, delta in sizes])
    measured = []
    for base, delta in reproduction.scale.pairs:
        metrics = reproduction.pair(base, delta)
        rates = [c.recovery.value for c in metrics.cells if c.arm == "rast" and c.recovery is not None]
        measured.append(f"{base} + Δ{delta} {percent(statistics.mean_of_ratios(rates))}")
    text = f"Averaged recovery rate measured here, mean over benchmarks as in Table 4: {'; '.join(measured)}."
    return [table, Text(text)]


def table5(reproduction: Reproduction) -> list[Block]:
    """The decoding that was used, read from the manifests."""
    scale = reproduction.scale
    every = [runs.base_run(scale, base) for base in scale.bases]
    every += [runs.pair_run(scale, *pair) for pair in scale.pairs]
    every.append(runs.code_run(scale))
    seen: dict[tuple[str, ...], list[str]] = {}
    for named in every:
        run = reproduction.load(named)
        for cell in run.cells:
            sampling = cell.sampling
            weights = {f"{delta.weight:g}" for delta in cell.system.deltas}
            drawn = ("greedy", DASH) if sampling.greedy else (f"{sampling.temperature:g}", f"{sampling.top_p:g}")
            sizes = (str(sampling.max_tokens), str(cell.n), ", ".join(sorted(weights)) or DASH)
            engine = (cell.prompt, cell.backend, cell.dtype, str(cell.seed))
            seen.setdefault((Arm(cell.arm).label, *drawn, *sizes, *engine), []).append(named.name)
    rows = tuple((*key, ", ".join(dict.fromkeys(names))) for key, names in seen.items())
    header = ("arm", "temperature", "top-p", "max tokens", "n", "λ", "prompt", "backend", "dtype", "seed", "runs")
    note = (
        "Read from the runs' manifests. The paper: temperature 1.0, top-p 0.95, 16,384 tokens, λ = 1; base and "
        "code greedy."
    )
    return [Table("Decoding as it was done", header, rows, note)]


def table6(reproduction: Reproduction) -> list[Block]:
    """Mean response length in tokens."""
    scale = reproduction.scale
    rows = []
    for named in [*(runs.base_run(scale, b) for b in scale.bases), *(runs.pair_run(scale, *p) for p in scale.pairs)]:
        lengths = measure_lengths(reproduction.load(named))
        for arm in dict.fromkeys(x.arm for x in lengths):
            by_benchmark = {x.benchmark: x.mean for x in lengths if x.arm == arm}
            cells = []
            for name in scale.benchmarks:
                e = by_benchmark.get(name)
                cells.append(DASH if e is None else f"{e.value:.1f} ± {e.half_width:.1f}")
            rows.append((named.name if arm == "rast" else named.base, Arm(arm).label, *cells))
    note = "Generated tokens an output, the end token not counted; ± = half of the 95 % interval over problems."
    if scale.name == "paper":
        note += f" The paper in its text: {prose.SAYS['Table 6']}."
    return [
        Table(
            "Response length in tokens", ("system", "arm", *map(title_of, scale.benchmarks)), tuple(rows), note, keys=2
        )
    ]


def appendix_e(reproduction: Reproduction) -> list[Block]:
    """Several deltas at once, beside each of them alone."""
    ensemble = runs.ensemble_run(reproduction.scale)
    if ensemble is None or reproduction.scale.ensemble is None:
        return [Text("An ensemble of deltas needs three sizes; this family has two.")]
    base, deltas = reproduction.scale.ensemble
    benchmark = reproduction.scale.sweep_benchmark
    measured = [(f"Δ{delta}", reproduction.pair(base, delta)) for delta in deltas]
    together = reproduction.metrics([runs.base_run(reproduction.scale, base), ensemble], name="ensemble")
    measured.append((" + ".join(f"{1 / len(deltas):.2f}·Δ{delta}" for delta in deltas), together))
    rows = []
    for label, metrics in measured:
        cell = metrics.cell("rast", benchmark)
        rows.append(
            (label, DASH if cell is None else score(cell.accuracy), DASH if cell is None else rate(cell.recovery))
        )
    note = "The paper does not state the weights of its ensemble; ours are one over the number of deltas."
    if reproduction.scale.name == "paper":
        note += f" The paper in its text: {prose.SAYS['Appendix E']}."
    return [Table(f"Ensemble of deltas on {base}, {title_of(benchmark)}", ("deltas", "Avg.", "RR."), tuple(rows), note)]


def _row(metrics: RunMetrics, arm: str, base: str, delta: str) -> tuple[str, ...]:
    cells = [metrics.cell(arm, benchmark) for benchmark in metrics.benchmarks]
    label = f"RAST + Δ{delta}" if arm == "rast" else Arm(arm).label
    row = [base, label, *(DASH if c is None else _cell(c, base, delta) for c in cells)]
    if len(cells) > 1:
        values = [c.accuracy.value for c in cells if c is not None]
        mean = percent(math.fsum(values) / len(values)) if len(values) == len(cells) else DASH
        average = metrics.average_recovery.get(arm)
        row.append(mean if average is None else f"{mean}\nRR. {rate(average)}")
    return tuple(row)


def _cell(cell: CellMetrics, base: str, delta: str) -> str:
    lines = [with_seeds(cell.accuracy)]
    if cell.recovery is not None:
        lines.append(f"RR. {rate(cell.recovery)}")
    printed = published.score(cell.arm.role, base, cell.benchmark, delta)
    if printed is not None:
        found = 100 * cell.accuracy.value
        lines.append(f"paper {printed.average.value} ({found - printed.average.value:+.1f})")
        if printed.recovery is not None and cell.recovery is not None:
            difference = 100 * cell.recovery.value - printed.recovery.value
            shown = DASH if math.isnan(difference) else f"{difference:+.1f}"
            lines.append(f"paper RR. {printed.recovery.value} ({shown})")
    return "\n".join(lines)


def _prompts(reproduction: Reproduction) -> list[Block]:
    """Rows whose arms were asked under different prompts, as the paper's † marks them."""
    marked = []
    for base, delta in reproduction.scale.pairs:
        prompts = {c.prompt for c in reproduction.pair(base, delta).cells}
        if len(prompts) > 1:
            marked.append(f"{base} + Δ{delta} ({' and '.join(sorted(prompts))})")
    if not marked:
        return [Text("All arms of every row were asked under one prompt.")]
    return [Text(f"† Base and RL ceiling were asked under another prompt than RAST in: {', '.join(marked)}.")]


def _grades(run: Run, arm: str, benchmark: str) -> NDArray[np.bool_]:
    cell = run.cell(arm, benchmark)
    if cell is None:
        raise StoreError(f"{run.path} has no arm {arm} on {benchmark}.", "Remove that folder and repeat.")
    return load_grades(run, cell).correct
