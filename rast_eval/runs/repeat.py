"""A stored run again: which commands made it, and whether what they read is still the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from rast_eval.errors import StoreError
from rast_eval.inputs.benchmarks import canonical_sha256
from rast_eval.inputs.identity import changed_parts, identity
from rast_eval.results.reader import Run
from rast_eval.runs.grading import benchmark_of, rows_of
from rast_eval.types import ModelRef


def commands(run: Run) -> list[list[str]]:
    """Flags of the commands whose cells the run holds, in their order, each once and without its shard.

    Raises:
        StoreError: a program made them with models that no flags give.
    """
    if any(session["arguments"] is None for session in run.manifest["sessions"]):
        raise StoreError(
            f"{run.path} was made with models that no flags of `rast-eval run` give.",
            "Repeat the program that made it.",
        )
    last = {name: session["arguments"] for session in run.manifest["sessions"] for name in session["cells"]}
    found: list[list[str]] = []
    for session in run.manifest["sessions"]:
        flags = _without(session["arguments"], "--shard")
        if flags not in found and any(flags == _without(last[name], "--shard") for name in session["cells"]):
            found.append(flags)
    return found


def check_unchanged(run: Run, used: Collection[str], *, rows: bool = True) -> None:
    """Refuse to repeat a run whose checkpoints or rows are others by now.

    Args:
        used: paths of the checkpoints that are to be used again.
        rows: whether its benchmarks are to be read from where it had them.

    Raises:
        StoreError: names what changed.
        DataError, UnknownName: a benchmark is no longer there.
    """
    changes = [*changed_checkpoints(run, used), *(changed_rows(run) if rows else [])]
    if changes:
        raise StoreError(
            f"{run.path} cannot be repeated: {'; '.join(changes)}.",
            "Restore that, or type the flags of the run with what there is now.",
        )


def changed_checkpoints(run: Run, used: Collection[str]) -> Iterator[str]:
    """A sentence for each local checkpoint that is another by now, e.g. `weights of tiny-m changed`."""
    members = {ref.key: ref for cell in run.cells for ref in cell.system.members}
    for key, stored in run.manifest["checkpoints"].items():
        ref = members.get(key, ModelRef(key))
        if "weights" not in stored or ref.path not in used:
            continue  # on the hub its commit is its identity
        if not Path(ref.path).is_dir():
            yield f"{ref.label} is no longer at {ref.path}"
        elif parts := changed_parts(stored, identity(ref)):
            yield f"{', '.join(parts)} of {ref.label} changed"


def changed_rows(run: Run) -> Iterator[str]:
    """A sentence for each benchmark whose rows are others by now."""
    for name, stored in run.manifest["benchmarks"].items():
        if canonical_sha256(rows_of(run, benchmark_of(run, name))) != stored["sha256"]:
            yield f"the rows of {name} changed"


def _without(flags: list[str], flag: str) -> list[str]:
    """Flags without one that takes a value."""
    if flag not in flags:
        return flags
    at = flags.index(flag)
    return [*flags[:at], *flags[at + 2 :]]
