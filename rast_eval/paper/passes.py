"""Cards and disk that the passes over fixed paths need: Figures 1, 4 and 5."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rast_eval.inputs.models import find_pair, resolve_models, shape_of
from rast_eval.paper.cost import ASSUMED, OTHERWISE
from rast_eval.paper.scale import Scale
from rast_eval.paper.sizing import model_bytes
from rast_eval.report.table import DASH, Table
from rast_eval.types import ModelRef

DTYPE_BYTES = 2
"""Of a logit as the checkpoints give it on a GPU, bfloat16."""


@dataclass(frozen=True)
class Pass:
    """Whole models that are loaded together.

    Attributes:
        waiting: bytes of logits that this pass leaves on disk for the next one.
    """

    figure: str
    what: str
    models: Sequence[ModelRef]
    waiting: float = 0.0


def passes(scale: Scale, figures: Collection[str]) -> list[Pass]:
    """What is loaded together for some of the figures; Figure 1 on vLLM is an engine like any other."""
    base, delta = scale.main_pair
    rast = resolve_models(base, [delta]).system("rast")
    found = []
    if "figure1" in figures and scale.backend == "hf":
        found.append(Pass("figure1", f"{base} + Δ{delta}", rast.members))
    if "figure4" in figures:
        pairs = [pair for name in scale.similar if (pair := find_pair(name))]
        tokens = scale.path_problems * ASSUMED.get(scale.sweep_benchmark, OTHERWISE)
        for index, pair in enumerate(pairs):
            models = [ref for ref in (pair.base, pair.rl) if ref]
            shape = shape_of(pair.base)
            columns = shape.vocab_size if shape and index < len(pairs) - 1 else 0
            found.append(Pass("figure4", f"delta {pair.name}", models, tokens * columns * len(models) * DTYPE_BYTES))
    if "figure5" in figures:
        found.append(Pass("figure5", f"{base} + Δ{delta}", rast.members))
    return found


def passes_table(scale: Scale, figures: Collection[str]) -> Table | None:
    """A row a pass; None without any."""
    rows = tuple(
        (p.figure, p.what, f"{model_bytes(p.models) / 1e9:,.1f}", str(scale.cards.whole(p.models)),
         f"{p.waiting / 1e9:,.1f}" if p.waiting else DASH)
        for p in passes(scale, figures)
    )  # fmt: skip
    if not rows:
        return None
    header = ("figure", "loaded together", "weights GB", f"{scale.cards.gb:g} GB cards", "logits on disk, GB")
    note = (
        f"Whole logits along {scale.path_problems} paths, on transformers: layers over as many cards as hold them. "
        "Figure 4 loads one pair at a time; the logits of the pairs before it wait on disk."
    )
    return Table("Passes over fixed paths", header, rows, note, keys=2)
