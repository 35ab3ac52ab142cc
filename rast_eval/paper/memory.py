"""GPU memory of RAST against RL training, by the formulas of the paper's Appendix D (Table 4).

    training, a GPU    parameters / TP × 2 bytes × 3 models (policy, reference, critic) + activations + buffers
    training, CPU      2 × parameters × 4 bytes of Adam states a trained model, offloaded
    RAST               the three models' weights at inference; before that, training of the small expert

The paper names the critic as the third model; GRPO, by which SimpleRL-Zoo trained, has none, and its third copy is
the rollout engine's. It gives ranges for activations (12–25 GB a GPU, with checkpointing) and buffers (5–8 GB) and
leaves tensor parallelism open, so a total is a range as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rast_eval.paper import published
from rast_eval.paper.published import Memory
from rast_eval.report.table import DASH, Table

BYTES = 2
TRAINED_COPIES = 3
ACTIVATIONS_GB = (12.0, 25.0)
BUFFERS_GB = (5.0, 8.0)
CARD_GB = (40, 80)

NOTE = (
    "GB = 10⁹ bytes, parameters as in the models' names. expert, RL of base = training them: TP × (parameters / TP "
    "× 2 bytes × 3 models + activations 12–25 + buffers 5–8), the range. RAST needs the larger of training its expert "
    "and of inference with three models, one after the other; n×40, n×80 = cards of so many GB that hold the least of "
    "it, under the paper's totals the cards that it names. TP is not stated in the paper; 2, 4 and 8 for 7B, 14B and "
    "32B are the values whose ranges hold the printed totals. KV cache is not counted, as in the paper."
)


@dataclass(frozen=True)
class TrainingMemory:
    """GRPO training of one model; GB.

    Attributes:
        low, high: total over `tp` GPUs with the least and the most of activations and buffers.
        optimizer_cpu: Adam states of the trained model in CPU memory.
    """

    billions: float
    tp: int
    weights_per_gpu: float
    low: float
    high: float
    optimizer_cpu: float


@dataclass(frozen=True)
class RastMemory:
    """RAST with a base and one delta; GB.

    Attributes:
        inference: weights of base, expert and antiexpert.
        expert: training of the expert.
        ceiling: training of the base itself, what RAST avoids.
        paper: Table 4's row, None where it has no such.
    """

    base: str
    delta: str
    inference: float
    expert: TrainingMemory
    ceiling: TrainingMemory
    paper: Memory | None

    @property
    def low(self) -> float:
        """Least memory that both phases of RAST fit into."""
        return max(self.inference, self.expert.low)

    @property
    def high(self) -> float:
        """The same with the most of activations and buffers."""
        return max(self.inference, self.expert.high)


def default_tp(billions: float) -> int:
    """Smallest power of two that keeps three copies of the weights within 24 GB a GPU."""
    return power_of_two(billions * BYTES * TRAINED_COPIES / 24)


def training_memory(billions: float, tp: int | None = None) -> TrainingMemory:
    """Memory of GRPO training for a model of so many billion parameters."""
    tp = tp or default_tp(billions)
    weights = billions / tp * BYTES * TRAINED_COPIES
    low, high = (
        tp * (weights + extra) for extra in (ACTIVATIONS_GB[0] + BUFFERS_GB[0], ACTIVATIONS_GB[1] + BUFFERS_GB[1])
    )
    return TrainingMemory(billions, tp, weights, low, high, 2 * billions * 4)


def rast_memory(base: str, delta: str, tp: int | None = None) -> RastMemory:
    """Memory of `base` + `delta`, named by size as in `32b` and `1.5b`."""
    large, small = billions_of(base), billions_of(delta)
    row = next((m for m in published.table4() if (m.base, m.delta) == (base, delta)), None)
    return RastMemory(
        base=base,
        delta=delta,
        inference=BYTES * (large + 2 * small),
        expert=training_memory(small, tp),
        ceiling=training_memory(large, tp),
        paper=row,
    )


def billions_of(size: str) -> float:
    """32.0 for `32b` or `llama3.1-32b`.

    Raises:
        UsageError: the name does not end in a size.
    """
    from rast_eval.errors import UsageError

    try:
        return float(size.rpartition("-")[2].lower().removesuffix("b"))
    except ValueError:
        raise UsageError(f"{size!r} does not end in a size such as 7b.", "Type for instance `--base 32b`.") from None


def cards(gigabytes: float, card: int) -> int:
    """GPUs of `card` GB that hold so much, rounded up to a power of two."""
    return power_of_two(gigabytes / card)


def power_of_two(value: float) -> int:
    """Smallest power of two that is at least `value` and 1."""
    return 1 << max(0, math.ceil(math.log2(max(1.0, value))))


def memory_table(rows: Sequence[RastMemory]) -> Table:
    """A row a pair, ours beside the paper's."""
    lines = []
    for row in rows:
        lines.append(
            (
                f"{row.base} + Δ{row.delta}",
                f"{row.inference:.0f}",
                f"{row.expert.low:.0f}–{row.expert.high:.0f}\nTP {row.expert.tp}",
                f"{row.low:.0f}–{row.high:.0f}\n" + ", ".join(f"{cards(row.low, card)}×{card}" for card in CARD_GB),
                f"{row.paper.rast_gb.value:.0f}\n{row.paper.rast_gpus}" if row.paper else DASH,
                f"{row.ceiling.low:.0f}–{row.ceiling.high:.0f}\nTP {row.ceiling.tp}",
                f"{row.paper.rl_gb.value:.0f}\n{row.paper.rl_gpus}" if row.paper else DASH,
                f"{row.paper.averaged_recovery.value:.1f}" if row.paper else DASH,
            )
        )
    header = ("system", "inference", "expert", "RAST", "paper", "RL of base", "paper", "paper's RR.")
    return Table("GPU memory in GB by Appendix D", header, tuple(lines), NOTE)
