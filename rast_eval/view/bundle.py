"""A run as one file: everything that the viewer's server would answer, gathered into the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rast_eval.errors import UsageError
from rast_eval.files import replace_file
from rast_eval.view.data import Viewed
from rast_eval.view.page import make_page

MOST_BYTES = 200 << 20
"""Of samples: what a browser opens as one page."""


def write_bundle(shown: Viewed, file: Path, limit: int | None = None) -> None:
    """Write the page with the first `limit` problems of each benchmark in it; it opens from disk, without a network.

    Raises:
        UsageError: the samples are too many for one page.
        StoreError: the file cannot be written.
    """
    replace_file(file, make_page(" | ".join(run.name for run in shown.runs), gather(shown, limit)).html)


def gather(shown: Viewed, limit: int | None = None) -> dict[str, Any]:
    """What `source.js` asks of a bundle.

    Raises:
        UsageError: the samples are too many for one page.
    """
    overview = shown.overview()
    lists = {name: shown.rows(name) for name in shown.benchmarks}
    for held in lists.values():
        held["rows"] = held["rows"][:limit]
    problems = {name: [row["id"] for row in held["rows"]] for name, held in lists.items()}
    size = sum(shown.size(name, set(ids)) for name, ids in problems.items())
    if size > MOST_BYTES:
        raise UsageError(
            f"These samples are {size >> 20} MB, too much for one page.",
            "Type --limit with fewer problems, or `rast-eval view` without --bundle.",
        )
    return {
        "overview": overview,
        "tables": shown.tables(),
        "rows": lists,
        "problems": {name: {one: shown.problem(name, one) for one in ids} for name, ids in problems.items()},
        "samples": {name: {one: _samples(shown, name, one) for one in ids} for name, ids in problems.items()},
    }


def _samples(shown: Viewed, benchmark: str, problem: str) -> list[list[dict[str, Any] | None]]:
    """Every column's samples of a problem; None for one that is not there."""
    return [
        [
            shown.sample(benchmark, c, problem, s) if column.index.holds(problem, s) else None
            for s in range(column.cell.n)
        ]
        for c, column in enumerate(shown.columns(benchmark))
    ]
