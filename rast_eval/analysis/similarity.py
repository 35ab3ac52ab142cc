"""Do the deltas of two model sizes point the same way? (Eq. 6, Figure 4)

ΔR^{(t)} = logits of S_RL − logits of S_base after T_{<t}; the similarity is the mean over t of their cosine.
Beside the paper's raw cosine stands a weighted, centred one: columns weighted by the probability that the
larger pair gives them, so that tokens nobody would say do not decide.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from rast_eval import statistics
from rast_eval.analysis.forcing import TeacherForcer, Trajectory
from rast_eval.inputs.models import shape_of
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


def measure(
    forcer: TeacherForcer, deltas: Mapping[str, Pair], paths: Sequence[Trajectory], scratch: Path | None = None
) -> list[Similarity]:
    """Similarity of every two deltas along the paths.

    One pair of models is loaded at a time; the logits of the pairs before it wait on disk.

    Args:
        deltas: by name, from the largest to the smallest.
        scratch: folder for those logits, bytes as `kept_bytes` says; None for the system's temporary one.
    """
    names, columns = list(deltas), _shared_columns(deltas)
    series: dict[tuple[str, str], list[Tensor]] = {pair: [] for pair in combinations(names, 2)}
    with TemporaryDirectory(prefix="logits-", dir=scratch) as folder:
        for index, name in enumerate(names):
            forcer.keep(deltas[name])
            for number, path in enumerate(paths):
                held = [KeptLogits(Path(folder) / f"{i}-{number}") for i in range(index + 1)]
                before, own = dict(zip(names, held[:-1], strict=False)), held[-1]
                parts: dict[str, list[Tensor]] = {larger: [] for larger in before}
                for start, logits in forcer.stream(path, deltas[name]):
                    expert, antiexpert = (part.cpu() for part in logits)
                    if name != names[-1]:
                        own.append(expert, antiexpert)
                    for larger, kept in before.items():
                        parts[larger].append(_compare(kept.read(start, len(expert)), (expert, antiexpert), columns))
                for larger, found in parts.items():
                    series[larger, name].append(torch.cat(found))
    return [_summary(pair, rows) for pair, rows in series.items()]


def _shared_columns(deltas: Mapping[str, Pair]) -> int | None:
    """Columns of the narrowest of all models, so that every row of a table is over the same vocabulary."""
    shapes = [shape_of(ref) for pair in deltas.values() for ref in pair]
    return min((shape.vocab_size for shape in shapes if shape), default=None)


def _compare(larger: tuple[Tensor, Tensor], smaller: tuple[Tensor, Tensor], columns: int | None) -> Tensor:
    """Raw and weighted cosine of two deltas at each step: float64 [c, 2].

    Args:
        larger, smaller: logits [c, V] of expert and antiexpert.
        columns: those beyond are left out, and those beyond the narrower pair's in any case.
    """
    width = min(columns or sys.maxsize, *(part.shape[-1] for part in (*larger, *smaller)))
    expert, antiexpert, small_expert, small_antiexpert = (part[:, :width].float() for part in (*larger, *smaller))
    weights = (expert.softmax(-1) + antiexpert.softmax(-1)) / 2
    shift, small_shift = expert - antiexpert, small_expert - small_antiexpert
    return torch.stack([cosine(shift, small_shift), cosine(shift, small_shift, weights)], dim=-1)


def _summary(pair: tuple[str, str], rows: Sequence[Tensor]) -> Similarity:
    """Means over the paths, each a mean over its steps, and over their first steps."""
    means, first = [row.mean(0).tolist() for row in rows], [row[0].tolist() for row in rows]
    raw, weighted = (statistics.mean_estimate([mean[i] for mean in means]) for i in (0, 1))
    opening, opening_weighted = (sum(step[i] for step in first) / len(first) for i in (0, 1))
    return Similarity(*pair, raw, weighted, opening, opening_weighted)


class KeptLogits:
    """Logits of two models along one path in a file, in their own dtype, read back a part at a time."""

    def __init__(self, file: Path) -> None:
        self._file, self._shape = file, file.with_suffix(".pt")

    def append(self, expert: Tensor, antiexpert: Tensor) -> None:
        """Add the logits [c, V_1] and [c, V_2] of the next steps, cut to the narrower one."""
        width = min(expert.shape[-1], antiexpert.shape[-1])
        rows = torch.stack([expert[:, :width], antiexpert[:, :width]], dim=1).contiguous()
        torch.save((width, rows.dtype), self._shape)
        with self._file.open("ab") as stream:
            stream.write(rows.view(torch.uint8).numpy().tobytes())

    def read(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Logits [count, V] of both models from step `start`."""
        width, dtype = torch.load(self._shape)
        size = 2 * width * dtype.itemsize
        with self._file.open("rb") as stream:
            stream.seek(start * size)
            rows = torch.frombuffer(bytearray(stream.read(count * size)), dtype=dtype).view(count, 2, width)
        return rows[:, 0], rows[:, 1]


def similarity_table(title: str, found: Sequence[Similarity]) -> Table:
    """A row a pair of deltas."""
    rows = []
    for s in found:
        means = (f"{e.value:.3f} ± {e.half_width:.3f}" for e in (s.raw, s.weighted))
        rows.append((f"Δ{s.larger}, Δ{s.smaller}", *means, f"{s.first_raw:.3f}", f"{s.first_weighted:.3f}"))
    header = ("deltas", "cosine", "weighted", "first token", "first, weighted")
    return Table(title, header, tuple(rows), NOTE)
