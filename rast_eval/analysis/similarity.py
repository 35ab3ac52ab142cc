"""Do the deltas of two model sizes point the same way? (Eq. 6, Figure 4)

ΔR^{(t)} = logits of S_RL − logits of S_base after T_{<t}; the similarity is the mean over t of their cosine.
Beside the paper's raw cosine stands a weighted, centred one: columns weighted by the probability that the
larger pair gives them, so that tokens nobody would say do not decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from rast_eval import statistics
from rast_eval.analysis.forcing import TeacherForcer, Trajectory
from rast_eval.report.table import Table
from rast_eval.statistics import Estimate
from rast_eval.types import ModelRef

NOTE = (
    "cosine = mean over the tokens of a path of cos(ΔR₁, ΔR₂) over the shared vocabulary, then over paths (Eq. 6); "
    "weighted = the same with columns centred and weighted by the mean probability under the larger pair's two models; "
    "first token = at the first token of each path. ± = half of the 95 % interval over paths."
)

Pair = tuple[ModelRef, ModelRef]
"""(expert, antiexpert)."""


@dataclass(frozen=True)
class Similarity:
    """Two deltas, the larger first.

    Attributes:
        raw: Eq. 6; weighted: centred and weighted by probability.
        first_raw, first_weighted: at the first token of the paths only.
    """

    larger: str
    smaller: str
    raw: Estimate
    weighted: Estimate
    first_raw: float
    first_weighted: float


def cosine(a: Tensor, b: Tensor, weights: Tensor | None = None) -> Tensor:
    """Row-wise cosine similarity.

    Args:
        a, b: float [c, V].
        weights: float [c, V] summing to 1 a row: centre both by their weighted mean, then weigh each column.

    Returns:
        float64 [c].
    """
    a, b = a.to(torch.float64), b.to(torch.float64)
    if weights is None:
        return torch.nn.functional.cosine_similarity(a, b, dim=-1)
    w = weights.to(torch.float64)
    a = a - (w * a).sum(-1, keepdim=True)
    b = b - (w * b).sum(-1, keepdim=True)
    norm = ((w * a * a).sum(-1) * (w * b * b).sum(-1)).sqrt()
    return (w * a * b).sum(-1) / norm.clamp_min(1e-300)


def measure(forcer: TeacherForcer, deltas: Mapping[str, Pair], paths: Sequence[Trajectory]) -> list[Similarity]:
    """Similarity of every two deltas along the paths.

    Args:
        deltas: by name, from the largest to the smallest.
    """
    names = list(deltas)
    models = list(dict.fromkeys(ref for pair in deltas.values() for ref in pair))
    pairs = list(combinations(names, 2))
    values: dict[tuple[str, str], list[list[float]]] = {pair: [] for pair in pairs}
    first: dict[tuple[str, str], list[list[float]]] = {pair: [] for pair in pairs}
    for path in paths:
        rows: dict[tuple[str, str], list[Tensor]] = {pair: [] for pair in pairs}
        for _, logits in forcer.stream(path, models):
            width = min(part.shape[-1] for part in logits)
            by_model = {ref: part[:, :width].to(torch.float32) for ref, part in zip(models, logits, strict=True)}
            shift = {name: by_model[rl] - by_model[own] for name, (rl, own) in deltas.items()}
            for larger, smaller in pairs:
                expert, anti = (torch.softmax(by_model[ref], dim=-1) for ref in deltas[larger])
                weights = (expert + anti) / 2
                raw, weighted = (cosine(shift[larger], shift[smaller], w) for w in (None, weights))
                rows[larger, smaller].append(torch.stack([raw, weighted], dim=-1))
        for pair, parts in rows.items():
            joined = torch.cat(parts)
            values[pair].append(joined.mean(dim=0).tolist())
            first[pair].append(joined[0].tolist())
    found = []
    for pair in pairs:
        mean, mean_weighted = (statistics.mean_estimate([v[i] for v in values[pair]]) for i in (0, 1))
        opening, opening_weighted = (sum(v[i] for v in first[pair]) / len(first[pair]) for i in (0, 1))
        found.append(Similarity(*pair, mean, mean_weighted, opening, opening_weighted))
    return found


def similarity_table(title: str, found: Sequence[Similarity]) -> Table:
    """A row a pair of deltas."""
    rows = []
    for s in found:
        means = (f"{e.value:.3f} ± {e.half_width:.3f}" for e in (s.raw, s.weighted))
        rows.append((f"Δ{s.larger}, Δ{s.smaller}", *means, f"{s.first_raw:.3f}", f"{s.first_weighted:.3f}"))
    header = ("deltas", "cosine", "weighted", "first token", "first, weighted")
    return Table(title, header, tuple(rows), NOTE)
