"""What the paper states in two ways, and values its protocol cannot produce; computed where numbers allow it."""

from __future__ import annotations

import math

from rast_eval.analysis.divergence import in_released_unit
from rast_eval.inputs.models import known_pairs, known_shapes
from rast_eval.paper import prose, published
from rast_eval.paper.published import BENCHMARKS, Score
from rast_eval.paper.recompute import PROBLEMS, RUNS, SLACK, recovery_of

RELEASED_RUNS = 10
"""Runs a point of Figure 6 in the released script."""


def contradictions() -> tuple[str, ...]:
    """One sentence each."""
    return (
        *_two_figures_of_one_rate(),
        *_unattainable_averages(),
        *_fewer_runs_than_said(),
        _exceeds_rl_everywhere(),
        _a_row_that_is_a_ceiling(),
        _stronger_bases(),
        _other_scores_of_the_same_checkpoints(),
        "Prompt of delta 1.5B: Table 1's † says that the prompt used for RAST does not match the one its small model "
        "was trained with; A.2 says that prompt (b) was chosen for 1.5B to match its training.",
        "Table 1 has one base and one RL row a size, although its deltas use two prompts: "
        "rows with delta 1.5B compare arms under different prompts.",
        f"Appendix D, 14B example: (14B/4) × 2 bytes × 3 models = {14 / 4 * 2 * 3:.0f} GB of weights a GPU follows; "
        f"the about 156 GB of optimiser states in CPU memory do not: 2 × 14B × 4 bytes = {2 * 14 * 4} GB for one "
        f"model, {3 * 2 * 14 * 4} GB for three.",
        *_one_training_on_two_counts_of_cards(),
        _the_unit_of_the_divergence(),
    )


def _cell(system: str, base: str, benchmark: str, delta: str = "") -> Score:
    found = published.score(system, base, benchmark, delta)
    assert found is not None, (system, base, benchmark, delta)
    return found


def _two_figures_of_one_rate() -> list[str]:
    found = []
    for point in published.figure4():
        cell = published.score("rast", point.base, "math500", point.delta)
        if cell is None or cell.recovery is None:
            continue
        if abs(cell.recovery.value - point.recovery.value) > cell.recovery.half + point.recovery.half + SLACK:
            found.append(
                f"Recovery of {point.base} + delta {point.delta} on MATH500: {cell.recovery.value:.1f} in Table 1, "
                f"{point.recovery.value:.1f} in Figure 4."
            )
    return found


def _unattainable_averages() -> list[str]:
    """Averages that no count of right answers gives: base greedy over N problems, the others over 32 · N outputs."""
    found = []
    for cell in published.table1():
        outputs = PROBLEMS[cell.benchmark] * (1 if cell.system == "base" else RUNS)
        below = math.floor(cell.average.high * outputs / 100 + SLACK)
        if 100 * below / outputs < cell.average.low - SLACK:
            found.append(
                f"Table 1, {cell.base} {cell.system} on {cell.benchmark}: {cell.average.value} % is no share of "
                f"{outputs} outputs ({below} right are {100 * below / outputs:.2f}, {below + 1} are "
                f"{100 * (below + 1) / outputs:.2f}), so it is not one greedy run over them."
            )
    return found


def _fewer_runs_than_said() -> list[str]:
    """Figure 6's caption says 32 runs; shares of 10 runs lie on a coarser grid, which chance hits every other time."""
    outputs = PROBLEMS["math500"] * RELEASED_RUNS
    points = published.figure6()
    hits = sum(abs(p.average.value * outputs / 100 - round(p.average.value * outputs / 100)) < SLACK for p in points)
    if hits < 0.9 * len(points):
        return []
    return [
        f"Figure 6: the caption says {RUNS} runs a point, the released script makes {RELEASED_RUNS}; {hits} of the "
        f"{len(points)} printed values are multiples of 1/{outputs:,}, where every other one would be by chance."
    ]


def _exceeds_rl_everywhere() -> str:
    points = published.figure3()
    below = [f"{p.benchmark} k = {p.k}: {p.rast} < {p.rl}" for p in points if p.rast < p.rl]
    return (
        f"§3.3 says that RAST's pass@k equals or exceeds RL's in all benchmarks: in Figure 3 it is lower at "
        f"{len(below)} of {len(points)} points ({'; '.join(below)})."
    )


def _a_row_that_is_a_ceiling() -> str:
    low, high = (_cell(system, "7b", "gsm8k").average.value for system in ("base", "rl"))
    return (
        f"§3.2 has 7B with delta 7B go from {low} to {high}: Table 1 has no such row, and {high} is the RL ceiling of "
        "7B on GSM8K, which a delta of the base's own size gives at λ = 1 by definition."
    )


def _stronger_bases() -> str:
    means = {
        base: math.fsum(recovery_of(base, "1.5b", benchmark)[0] for benchmark in BENCHMARKS) / len(BENCHMARKS)
        for base in ("32b", "14b", "7b")
    }
    return (
        "§3.2 says that stronger bases recover more: with delta 1.5B the mean of the recomputed rates is "
        + ", ".join(f"{mean:.1f} on {base}" for base, mean in means.items())
        + "."
    )


def _one_training_on_two_counts_of_cards() -> list[str]:
    """Table 4, where one row's ceiling is another row's expert."""
    rows = published.table4()
    return [
        f"Table 4: training {below.base} takes {below.rl_gb.value:.0f} GB on {below.rl_gpus} as the ceiling of "
        f"{below.base} + delta {below.delta}; {above.base} + delta {above.delta}, which needs it for its expert, takes "
        f"{above.rast_gb.value:.0f} GB on {above.rast_gpus}."
        for above in rows
        for below in rows
        if above.delta == below.base and above.rast_gpus != below.rl_gpus
    ]


def _other_scores_of_the_same_checkpoints() -> str:
    """Where SimpleRL-Zoo's own README has other numbers for the same checkpoints by the same grader."""
    shown = {}
    for cell in published.simplerl():
        if cell.benchmark == "minerva":
            own = _cell(cell.system, cell.base, cell.benchmark).average.value
            shown[f"{cell.base} {cell.system}"] = (cell.average.value, own)
    gaps = [theirs - ours for theirs, ours in shown.values()]
    listed = ", ".join(f"{name} {theirs} against {ours}" for name, (theirs, ours) in shown.items())
    return (
        f"Minerva: SimpleRL-Zoo's README has the same checkpoints {min(gaps):.0f} to {max(gaps):.0f} points above "
        f"Table 1 ({listed}); a run that follows SimpleRL's own evaluation will not meet Table 1 there."
    )


def _the_unit_of_the_divergence() -> str:
    columns = known_shapes()[known_pairs()["qwen2.5-32b"].base.path].vocab_size
    unit = in_released_unit(1.0, columns)
    return (
        f"§4.2, Figure 5: a KL of {prose.KL_PEAK} at {prose.KL_PEAK_TOKEN!r} in nats would need a probability near "
        f"e^-{prose.KL_PEAK:.0f}, which float32 cannot represent. The released similarity.py holds, commented out, the "
        f"mean over the vocabulary of KL(RAST ‖ base) times 1e9: over {columns:,} columns {prose.KL_PEAK} is then "
        f"{prose.KL_PEAK / unit:.3f} nats, and ordinary tokens stay below {prose.KL_ORDINARY / unit:.2g} nats."
    )
