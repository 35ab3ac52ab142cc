"""pass@k and majority@k of a run as figures, a panel a benchmark; matplotlib is loaded when there is one to draw."""

from __future__ import annotations

from pathlib import Path

from rast_eval.report.page import Picture
from rast_eval.results.metrics import RunMetrics

SUBSETS = {"pass@k": "pass_at", "majority@k": "majority_at"}


def subset_figures(metrics: RunMetrics, folder: Path) -> list[Picture]:
    """Write a figure for each of `SUBSETS` that some arm has for several k."""
    drawn = [cell for cell in metrics.cells if cell.samples > 1]
    if not drawn:
        return []
    from rast_eval.report.figures import Panel, estimated, line_panels, save

    pictures = []
    for title, attribute in SUBSETS.items():
        panels = []
        for benchmark in metrics.benchmarks:
            cells = sorted((c for c in drawn if c.benchmark == benchmark), key=lambda cell: cell.arm.order)
            series = [
                estimated(cell.arm.label, cell.arm, list(values.items()))
                for cell in cells
                if len(values := getattr(cell, attribute)) > 1
            ]
            panels += [Panel(benchmark, series)] if series else []
        if panels:
            figure = line_panels(panels, "k", f"{title}, %", log2=True)
            stem = folder / title.replace("@", "_at_")
            save(figure, stem)
            pictures.append(
                Picture(stem.with_suffix(".png"), f"{title} by arm; bands are 95 % intervals over problems.")
            )
    return pictures
