"""Where RAST moves the base: KL(P_base ‖ P_RAST) in nats at every prefix of a RAST output (§4.2, Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rast_eval.analysis.forcing import TeacherForcer, Trajectory
from rast_eval.report.table import Table
from rast_eval.types import System

NOTE = (
    "KL(base ‖ RAST) in nats over the shared vocabulary, before temperature and top-p, at each token of RAST's own "
    "greedy output. The paper reports 837.9 at one token and below 1.0 at ordinary ones; it states no unit and no "
    "definition of the distributions."
)


@dataclass(frozen=True)
class Divergence:
    """One output.

    Attributes:
        kl: nats, one a token: how far the base's distribution lies from RAST's where the token was chosen.
        base_choices: the base's own greedy token there.
    """

    problem_id: str
    tokens: tuple[int, ...]
    kl: tuple[float, ...]
    base_choices: tuple[int, ...]


def kl_divergence(base: Tensor, fused: Tensor) -> Tensor:
    """KL(softmax(base) ‖ softmax(fused)) a row, over the columns both have.

    Args:
        base, fused: float [c, V_1] and [c, V_2].

    Returns:
        float64 [c], nats, never below 0 by more than rounding.
    """
    width = min(base.shape[-1], fused.shape[-1])
    p = torch.log_softmax(base[:, :width].to(torch.float64), dim=-1)
    q = torch.log_softmax(fused[:, :width].to(torch.float64), dim=-1)
    return (p.exp() * (p - q)).sum(-1)


def measure(forcer: TeacherForcer, rast: System, paths: Sequence[Trajectory]) -> list[Divergence]:
    """Divergence along every path, which RAST itself should have generated."""
    systems = {"base": System(rast.base), "rast": rast}
    found = []
    for path in paths:
        kl: list[float] = []
        choices: list[int] = []
        for _, logits in forcer.stream_systems(path, systems):
            kl += kl_divergence(logits["base"], logits["rast"]).tolist()
            choices += logits["base"].argmax(dim=-1).tolist()
        found.append(Divergence(path.problem_id, path.tokens, tuple(kl), tuple(choices)))
    return found


def top_tokens(found: Sequence[Divergence], tokenizer: object, count: int = 10) -> list[tuple[str, float, int]]:
    """Tokens by their mean divergence: (text, mean nats, occurrences), the largest first; seen at least twice."""
    by_token: dict[int, list[float]] = {}
    for output in found:
        for token, value in zip(output.tokens, output.kl, strict=True):
            by_token.setdefault(token, []).append(value)
    often = {token: values for token, values in by_token.items() if len(values) > 1}
    ranked = sorted(often.items(), key=lambda item: -sum(item[1]) / len(item[1]))[:count]
    decode = tokenizer.decode  # type: ignore[attr-defined]
    return [(decode([token]), sum(values) / len(values), len(values)) for token, values in ranked]


def divergence_table(title: str, found: Sequence[Divergence], tokenizer: object) -> Table:
    """Quantiles over all tokens, then the tokens that move most."""
    values = torch.tensor([value for output in found for value in output.kl], dtype=torch.float64)
    rows = [
        (name, f"{values.quantile(q).item():.4f}", str(len(values)))
        for name, q in (("median over tokens", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("maximum", 1.0))
    ]
    rows += [(f"token {text!r}", f"{mean:.4f}", str(n)) for text, mean, n in top_tokens(found, tokenizer)]
    return Table(title, ("", "KL, nats", "tokens"), tuple(rows), NOTE)
