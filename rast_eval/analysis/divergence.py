"""Where RAST moves the base: KL of their distributions at every prefix of a RAST output (§4.2, Figure 5).

The paper names KL(base, RAST) and no unit. Printed here: KL(base ‖ RAST) and KL(RAST ‖ base) in nats, and the
quantity that the released code holds in a line commented out, in its own unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rast_eval.report.table import Table
from rast_eval.types import System

if TYPE_CHECKING:
    from torch import Tensor

    from rast_eval.analysis.forcing import TeacherForcer, Trajectory

RELEASED_SCALE = 1e9

NOTE = (
    "In nats over the shared vocabulary, before temperature and top-p, at each token of RAST's own greedy output. "
    "released unit = KL(RAST ‖ base) / columns of the vocabulary × 1e9, what the released code holds in a line "
    "commented out. token = mean over its occurrences, of those seen at least twice."
)


@dataclass(frozen=True)
class Divergence:
    """One output.

    Attributes:
        kl: nats, one a token: KL(base ‖ RAST) where the token was chosen.
        reverse: nats, KL(RAST ‖ base) there.
        base_choices: the base's own greedy token there.
        columns: of the vocabulary that both were compared over.
    """

    problem_id: str
    tokens: tuple[int, ...]
    kl: tuple[float, ...]
    reverse: tuple[float, ...]
    base_choices: tuple[int, ...]
    columns: int

    @property
    def released(self) -> tuple[float, ...]:
        """`reverse` in the released code's unit."""
        return tuple(in_released_unit(value, self.columns) for value in self.reverse)


def in_released_unit(nats: float, columns: int) -> float:
    """A KL in the released code's unit: its mean over the vocabulary, times 1e9."""
    return nats / columns * RELEASED_SCALE


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(softmax(p) ‖ softmax(q)) a row, over the columns both have.

    Args:
        p, q: float [c, V_1] and [c, V_2].

    Returns:
        float64 [c], nats, never below 0 by more than rounding.
    """
    import torch

    width = min(p.shape[-1], q.shape[-1])
    first = torch.log_softmax(p[:, :width].to(torch.float64), dim=-1)
    second = torch.log_softmax(q[:, :width].to(torch.float64), dim=-1)
    return (first.exp() * (first - second)).sum(-1)


def measure(forcer: TeacherForcer, rast: System, paths: Sequence[Trajectory]) -> list[Divergence]:
    """Divergence along every path, which RAST itself should have generated."""
    systems = {"base": System(rast.base), "rast": rast}
    found = []
    for path in paths:
        kl: list[float] = []
        reverse: list[float] = []
        choices: list[int] = []
        columns = 0
        for _, logits in forcer.stream_systems(path, systems):
            kl += kl_divergence(logits["base"], logits["rast"]).tolist()
            reverse += kl_divergence(logits["rast"], logits["base"]).tolist()
            choices += logits["base"].argmax(dim=-1).tolist()
            columns = min(x.shape[-1] for x in logits.values())
        found.append(Divergence(path.problem_id, path.tokens, tuple(kl), tuple(reverse), tuple(choices), columns))
    return found


def top_tokens(found: Sequence[Divergence], count: int = 10) -> list[tuple[int, list[tuple[float, float, float]]]]:
    """Tokens by their mean KL(base ‖ RAST), the largest first, seen at least twice.

    Returns:
        (token, its (kl, reverse, released) at each occurrence).
    """
    by_token: dict[int, list[tuple[float, float, float]]] = {}
    for output in found:
        for token, *values in zip(output.tokens, output.kl, output.reverse, output.released, strict=True):
            by_token.setdefault(token, []).append((values[0], values[1], values[2]))
    often = [(token, values) for token, values in by_token.items() if len(values) > 1]
    return sorted(often, key=lambda item: -sum(value[0] for value in item[1]) / len(item[1]))[:count]


def divergence_table(title: str, found: Sequence[Divergence], decode: Callable[[list[int]], str]) -> Table:
    """Quantiles over all tokens, then the tokens that move most."""
    values = np.array([row for d in found for row in zip(d.kl, d.reverse, d.released, strict=True)]).reshape(-1, 3)
    rows = [
        (name, *_shown(np.quantile(values, q, axis=0).tolist()), str(len(values)))
        for name, q in (("median over tokens", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("maximum", 1.0))
    ]
    rows += [
        (f"token {decode([token])!r}", *_shown(np.mean(seen, axis=0).tolist()), str(len(seen)))
        for token, seen in top_tokens(found)
    ]
    header = ("", "KL(base ‖ RAST)", "KL(RAST ‖ base)", "released unit", "tokens")
    return Table(title, header, tuple(rows), NOTE)


def _shown(values: Sequence[float]) -> tuple[str, str, str]:
    kl, reverse, released = values
    return f"{kl:.4f}", f"{reverse:.4f}", f"{released:,.1f}"
