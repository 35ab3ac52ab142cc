"""How long a plan takes, by what earlier runs of the same cells took on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rast_eval.errors import StoreError
from rast_eval.results.store import Store
from rast_eval.runs.plan import Plan
from rast_eval.runs.progress import clock


def line(plan: Plan, root: Path) -> str:
    """One line on the time; empty where no run beside `root` generated all of the plan's cells.

    A cell's fingerprint says neither limit nor n, so a smaller run of it has the same.
    """
    wanted = {cell.fingerprint for cell in plan.cells}
    covered: set[str] = set()
    samples = tokens = 0
    seconds = 0.0
    for folder in sorted(path for path in root.parent.glob("*") if path.is_dir()):
        for session, made_by in _sessions(folder):
            if session["made"]["samples"] and made_by and made_by <= wanted:
                covered |= made_by
                samples += session["made"]["samples"]
                tokens += session["made"]["tokens"]
                seconds += session["wall_seconds"]
    if covered != wanted:
        return ""
    asked = sum(cell.problem_count * cell.n for cell in plan.cells)
    return (
        f"Time by runs of these cells in {root.parent}: {tokens / seconds:,.0f} tokens/s and "
        f"{tokens / samples:,.0f} tokens an output, loading included; {asked:,} outputs take "
        f"{clock(asked * seconds / samples)}."
    )


def _sessions(folder: Path) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Commands of a run that ended, with the fingerprints of their cells."""
    try:
        manifest = Store(folder).manifest()
    except StoreError:
        return
    known = {f"{cell['arm']}/{cell['benchmark']}": str(cell["fingerprint"]) for cell in manifest["cells"]}
    for session in manifest["sessions"]:
        if session.get("wall_seconds") and session.get("made"):
            yield session, {known[name] for name in session["cells"] if name in known}
