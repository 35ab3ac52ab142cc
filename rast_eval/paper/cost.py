"""What a reproduction costs before anything is loaded: GPU hours, memory, disk, by a stated model.

A decode step reads every weight once and the KV cache of the batch once; it takes as long as that traffic,
or as the multiplications of the batch if they take longer. Prefill, scheduling and loading are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rast_eval.inputs import hub
from rast_eval.inputs.models import shape_of
from rast_eval.paper import prose
from rast_eval.paper.runs import NamedRun
from rast_eval.paper.sizing import gpus_for, weight_bytes
from rast_eval.report.table import Table
from rast_eval.runs.plan import Plan
from rast_eval.types import Cell

BANDWIDTH, FLOPS = 3.35e12, 990e12
"""One H100 SXM: bytes a second, dense bfloat16 operations a second."""

EFFICIENCY, BATCH = 0.6, 256

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

NOTE = (
    f"Model: step = max(bytes / ({BANDWIDTH / 1e12:g} TB/s · GPUs · {EFFICIENCY}), FLOPs / ({FLOPS / 1e12:g} T · GPUs "
    f"· {EFFICIENCY})), bytes = bf16 weights + KV of {BATCH} sequences at half their length; prefill and loading left "
    "out. GPUs = least power of two whose 80 GB cards hold the weights in two thirds of their memory. Tokens an output "
    f"from Table 6 where the paper states them (AMC23 {LONG}, GSM8K {SHORT}); AIME24 and OlympiadBench taken as AMC23, "
    "MATH500 and Minerva as the geometric mean, code as 500: assumptions. Measure one run and scale. The passes of "
    "Figures 1, 4 and 5 over 50 paths are minutes and not counted."
)


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        tokens: generated; gpus: 80 GB cards; weights: bytes of the largest system.
        output_bytes: samples on disk.
    """

    name: str
    tokens: float
    gpus: int
    gpu_hours: float
    weights: float
    output_bytes: float


def estimate(named: NamedRun, plan: Plan) -> Cost:
    """Cost of a run; systems of unknown shape count as nothing."""
    weights = max(weight_bytes(system) for system in plan.by_system())
    gpus = gpus_for(plan.by_system())
    tokens = sum(_tokens(cell) for cell in plan.cells)
    seconds = sum(_seconds(cell, gpus) for cell in plan.cells)
    return Cost(named.name, tokens, gpus, seconds * gpus / 3600, weights, tokens * 6)


def cost_table(runs: Sequence[NamedRun]) -> Table:
    """A row a run, the sum under them, and what has to be downloaded once."""
    plans = [named.plan() for named in runs]
    costs = [estimate(named, plan) for named, plan in zip(runs, plans, strict=True)]
    rows = [
        (c.name, f"{c.tokens / 1e6:,.1f}", str(c.gpus), f"{c.gpu_hours:,.2f}", f"{c.weights / 1e9:,.1f}",
         f"{c.output_bytes / 1e9:,.2f}") for c in costs
    ]  # fmt: skip
    total = (math.fsum(getattr(c, key) for c in costs) for key in ("tokens", "gpu_hours", "output_bytes"))
    tokens, hours, disk = total
    rows.append(("total", f"{tokens / 1e6:,.1f}", "", f"{hours:,.2f}", "", f"{disk / 1e9:,.2f}"))
    refs = {ref.path: ref for plan in plans for cell in plan.cells for ref in cell.system.members}
    missing = [ref for ref in refs.values() if not hub.is_cached(ref)]
    download = f"Checkpoints to download once: {sum(map(hub.download_bytes, missing)) / 1e9:,.0f} GB."
    header = ("run", "M tokens", "GPUs", "GPU hours", "weights, GB", "outputs, GB")
    return Table(f"Plan: {len(costs)} runs", header, tuple(rows), f"{NOTE}\n{download}")


def _tokens(cell: Cell) -> float:
    mean = min(ASSUMED.get(cell.benchmark, OTHERWISE), cell.sampling.max_tokens)
    return cell.problem_count * cell.n * mean


def _seconds(cell: Cell, gpus: int) -> float:
    shapes = [shape for ref in cell.system.members if (shape := shape_of(ref))]
    batch = min(BATCH, cell.problem_count * cell.n)
    mean = _tokens(cell) / (cell.problem_count * cell.n)
    traffic = weight_bytes(cell.system) + batch * mean / 2 * sum(shape.kv_bytes_per_token() for shape in shapes)
    work = 2.0 * batch * sum(shape.parameters for shape in shapes)
    step = max(traffic / (BANDWIDTH * gpus * EFFICIENCY), work / (FLOPS * gpus * EFFICIENCY))
    return _tokens(cell) / batch * step
