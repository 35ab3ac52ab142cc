"""What the runs of a reproduction cost before anything is loaded: GPU hours, memory, disk, by a stated model.

A decode step reads every weight once and the KV cache of the batch once; it takes as long as that traffic, or as the
multiplications of the batch if they take longer. To it come the prefill of every problem and a tail: the last output
of a cell runs alone to the token limit. Loading, scheduling and what kernels lose are left out: a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rast_eval.inputs import hub
from rast_eval.inputs.models import shape_of
from rast_eval.paper import prose
from rast_eval.paper.runs import NamedRun, pair_run
from rast_eval.paper.scale import paper
from rast_eval.paper.sizing import A6000, H100, Cards, weight_bytes
from rast_eval.report.table import Table
from rast_eval.runs.plan import Plan
from rast_eval.runs.preflight import BYTES_PER_TOKEN
from rast_eval.types import Cell

EFFICIENCY, BATCH, PROMPT_TOKENS = 0.6, 256, 200
PAPER_CARDS = 8

LONG, SHORT = prose.LENGTHS["amc23"], prose.LENGTHS["gsm8k"]

ASSUMED = {
    **prose.LENGTHS,
    "aime24": LONG,
    "olympiadbench": LONG,
    "math500": math.sqrt(LONG * SHORT),
    "minerva": math.sqrt(LONG * SHORT),
    "tiny-arith": 90.0,
}
OTHERWISE = 500.0


@dataclass(frozen=True)
class Cost:
    """Least cost of one run.

    Attributes:
        tokens: generated; gpus: cards of its engine; weight_bytes: of the largest system.
        output_bytes: samples on disk.
    """

    name: str
    tokens: float
    gpus: int
    gpu_hours: float
    weight_bytes: float
    output_bytes: float


def estimate(name: str, plan: Plan, cards: Cards) -> Cost:
    """Least cost of a run; systems of unknown shape count as nothing."""
    size = max(weight_bytes(system) for system in plan.by_system())
    gpus = cards.engine(plan.by_system())
    tokens = sum(_tokens(cell) for cell in plan.cells)
    seconds = sum(cell_seconds(cell, gpus, cards) for cell in plan.cells)
    return Cost(name, tokens, gpus, seconds * gpus / 3600, size, tokens * BYTES_PER_TOKEN)


def gpu_hours(plan: Plan) -> str:
    """One line on what a plan takes at least on H100s."""
    if unknown := next((ref for ref in plan.members if shape_of(ref) is None), None):
        return f"GPU hours unknown: the shape of {unknown.label} is, until its config.json is here."
    split = plan.config.engine.tensor_parallel_size * plan.config.engine.pipeline_parallel_size
    cards = replace(H100, tensor_parallel=split if split > 1 else None)
    cost = estimate("", plan, cards)
    return (
        f"GPU hours ≥ {cost.gpu_hours:,.2f} on {cost.gpus} × {cards.name} an engine, for {cost.tokens / 1e6:,.1f} M "
        "tokens as `rast-eval paper --dry-run` reckons them: a lower bound."
    )


def cell_seconds(cell: Cell, gpus: int, cards: Cards, passes: int = 1) -> float:
    """Least seconds of a cell.

    Args:
        passes: how often the problems are asked one after the other, each time with a prefill and a tail of its own.
    """
    batch = min(BATCH, cell.problem_count * cell.n / passes)
    shapes = [shape for ref in cell.system.members if (shape := shape_of(ref))]
    parameters = sum(shape.parameters for shape in shapes)
    flops, bandwidth = (rate * gpus * EFFICIENCY for rate in (cards.flops, cards.bandwidth))
    cache = batch * mean_tokens(cell) / 2 * sum(shape.kv_bytes_per_token() for shape in shapes)
    step = max((weight_bytes(cell.system) + cache) / bandwidth, 2.0 * batch * parameters / flops)
    prefill = cell.problem_count * PROMPT_TOKENS * 2.0 * parameters / flops
    tail = (cell.sampling.max_tokens - mean_tokens(cell)) * weight_bytes(cell.system) / bandwidth
    return _tokens(cell) / batch * step + passes * (prefill + tail)


def papers_pace() -> tuple[float, float, float]:
    """MATH500 at 32 runs in GPU hours: as the paper states it, and by this model on its cards in its way and in ours.

    Its way asks the problems once a run, one run after the other; ours asks for all samples together. The paper does
    not say which pair it timed; the largest one stands for it.
    """
    minutes, _ = prose.RUN_MINUTES["math500"]
    stated = minutes / 60 * prose.RUNS * PAPER_CARDS
    scale = paper()
    (cell,) = [c for c in pair_run(scale, *scale.main_pair).plan().cells if c.benchmark == "math500"]
    one_by_one, together = (cell_seconds(cell, PAPER_CARDS, A6000, passes) for passes in (prose.RUNS, 1))
    return stated, one_by_one * PAPER_CARDS / 3600, together * PAPER_CARDS / 3600


def note(cards: Cards) -> str:
    """The model in words, and the paper's own time beside it."""
    stated, one_by_one, together = papers_pace()
    rates = f"{cards.bandwidth / 1e12:g} TB/s · GPUs · {EFFICIENCY}", f"{cards.flops / 1e12:g} T · GPUs · {EFFICIENCY}"
    return (
        f"GPU hours ≥: a lower bound. Step = max(bytes / ({rates[0]}), FLOPs / ({rates[1]})) of one {cards.name}; "
        f"bytes = bf16 weights + KV of {BATCH} sequences at half their length; to it the prefill of {PROMPT_TOKENS} "
        "tokens a problem and a tail, one output alone to the token limit. Loading, scheduling and what kernels lose "
        "are left out.\n"
        f"The paper (§3.1): {prose.RUN_MINUTES['math500'][0]:.0f} minutes a run of MATH500 on {PAPER_CARDS} A6000, "
        f"{stated:.0f} GPU hours for {prose.RUNS} runs. This model gives {one_by_one:.0f} there with one run after the "
        f"other, as in the released script, and {together:.1f} with all samples asked together. paper's pace = the "
        f"bound times {stated / one_by_one:.1f}.\n"
        f"GPUs = least power of two whose {cards.gb:g} GB cards hold the weights in two thirds of their memory, unless "
        "--tensor-parallel-size says otherwise. Tokens an output from Table 6 where the paper states them (AMC23 "
        f"{LONG}, GSM8K {SHORT}); AIME24 and OlympiadBench taken as AMC23, MATH500 and Minerva as the geometric mean, "
        f"code as {OTHERWISE:.0f}: assumptions. Measure one run and scale."
    )


def cost_table(runs: Sequence[NamedRun], cards: Cards) -> Table:
    """A row a run, the sum under them, and what has to be downloaded once."""
    stated, one_by_one, _ = papers_pace()
    pace = stated / one_by_one
    plans = [named.plan() for named in runs]
    costs = [estimate(named.name, plan, cards) for named, plan in zip(runs, plans, strict=True)]
    rows = [
        (c.name, f"{c.tokens / 1e6:,.1f}", str(c.gpus), f"{c.gpu_hours:,.2f}", f"{c.gpu_hours * pace:,.1f}",
         f"{c.weight_bytes / 1e9:,.1f}", f"{c.output_bytes / 1e9:,.2f}") for c in _sweeps_together(costs)
    ]  # fmt: skip
    total = (math.fsum(getattr(c, key) for c in costs) for key in ("tokens", "gpu_hours", "output_bytes"))
    tokens, hours, disk = total
    summed = (f"{tokens / 1e6:,.1f}", "", f"{hours:,.2f}", f"{hours * pace:,.1f}", "", f"{disk / 1e9:,.2f}")
    refs = {ref.path: ref for plan in plans for cell in plan.cells for ref in cell.system.members}
    missing = [ref for ref in refs.values() if not hub.is_cached(ref)]
    download = f"Checkpoints to download once: {sum(map(hub.download_bytes, missing)) / 1e9:,.0f} GB."
    header = ("run", "M tokens", "GPUs", "GPU hours ≥", "paper's pace", "weights GB", "outputs GB")
    return Table(f"Plan: {len(costs)} runs", header, (*rows, ("total", *summed)), f"{note(cards)}\n{download}")


def _sweeps_together(costs: Sequence[Cost]) -> list[Cost]:
    """The points of a sweep, `sweep/…`, as one row."""
    groups: dict[str, list[Cost]] = {}
    for cost in costs:
        groups.setdefault(cost.name.partition("/")[0], []).append(cost)
    return [
        points[0] if len(points) == 1 else Cost(
            f"{name}, {len(points)} points", math.fsum(p.tokens for p in points), max(p.gpus for p in points),
            math.fsum(p.gpu_hours for p in points), max(p.weight_bytes for p in points),
            math.fsum(p.output_bytes for p in points),
        ) for name, points in groups.items()
    ]  # fmt: skip


def mean_tokens(cell: Cell) -> float:
    """Tokens an output that are reckoned with."""
    return min(ASSUMED.get(cell.benchmark, OTHERWISE), cell.sampling.max_tokens)


def _tokens(cell: Cell) -> float:
    return cell.problem_count * cell.n * mean_tokens(cell)
