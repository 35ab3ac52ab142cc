"""Where a run lies without `-o`: the newest folder that it continues, else a new one with today's date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from rast_eval.errors import StoreError
from rast_eval.results.store import Store
from rast_eval.runs.plan import Plan
from rast_eval.types import Models

RESULTS = Path("results")
DATE = r"\d{4}-\d\d-\d\d"


def default_root(name: str, plans: Mapping[str, Plan]) -> Path:
    """`results/<date>-<name>`: the newest that holds a cell of these plans, or today's, with no cell of other settings.

    Args:
        name: what follows the date.
        plans: by the run's folder below the one looked for; `""` is that folder itself.
    """
    for folder in _newest_first(name):
        held = [_agreement(folder / below, plan) for below, plan in plans.items()]
        if any(held) and None not in held:
            return folder
    return next(
        folder
        for folder in _numbered(_today(name))
        if all(_agreement(folder / below, plan) is not None for below, plan in plans.items())
    )


def fresh_root(source: Path) -> Path:
    """A folder that is not there yet, named as `source` with today's date."""
    name = re.sub(rf"^{DATE}-", "", source.resolve().name)
    return next(folder for folder in _numbered(_today(name)) if not folder.exists())


def run_name(models: Models) -> str:
    """`32b+14b`."""
    parts = [models.base, *(delta.expert for delta in models.deltas)]
    return "+".join(ref.label.removesuffix("-rl").replace("/", "--") for ref in parts)


def _today(name: str) -> str:
    return f"{date.today():%Y-%m-%d}-{name}"


def _numbered(stem: str) -> Iterator[Path]:
    number = 1
    while True:
        yield RESULTS / (stem if number == 1 else f"{stem}-{number}")
        number += 1


def _newest_first(name: str) -> list[Path]:
    """Folders of this name by date, then number."""
    pattern = re.compile(rf"({DATE})-{re.escape(name)}(?:-(\d+))?")
    found = []
    for path in RESULTS.glob("*"):
        if match := pattern.fullmatch(path.name):
            found.append((match[1], int(match[2] or 1), path))
    return [path for *_, path in sorted(found, reverse=True)]


def _agreement(folder: Path, plan: Plan) -> int | None:
    """Cells that a run holds with just these settings; None where it holds one with others, or cannot be read."""
    store = Store(folder)
    if store.is_new:
        return 0
    try:
        held = {f"{cell['arm']}/{cell['benchmark']}": cell["fingerprint"] for cell in store.manifest()["cells"]}
    except StoreError:
        return None
    wanted = {cell.name: cell.fingerprint for cell in plan.cells}
    shared = [name for name in wanted if name in held]
    return len(shared) if all(held[name] == wanted[name] for name in shared) else None
