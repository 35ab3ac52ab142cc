"""Whether stored samples answer what is asked now; those that do not are neither continued nor graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rast_eval.errors import StoreError
from rast_eval.results.store import Store
from rast_eval.types import Cell

RESTORE = "Restore what the samples were made from, or type another -o DIR, or --overwrite to replace them."


@dataclass(frozen=True)
class Asked:
    """What a benchmark asks now, as digests by problem id.

    Attributes:
        problems: of question and gold, of all rows.
        prompts: of the token ids, of the rows that were rendered.
    """

    problems: Mapping[str, str]
    prompts: Mapping[str, str] = field(default_factory=dict)

    def change(self, problem_id: str, problem_sha256: str, prompt_sha256: str) -> str | None:
        """What became of the problem that a sample answered; None where it is the same."""
        if problem_id not in self.problems:
            return "is no longer there"
        if self.problems[problem_id] != problem_sha256:
            return "has another question or gold now"
        if self.prompts.get(problem_id, prompt_sha256) != prompt_sha256:
            return "has another prompt now"
        return None


def held_samples(
    store: Store, cell: Cell, asked: Asked, hint: str = RESTORE, *, mend: bool = False
) -> set[tuple[str, int]]:
    """Keys (problem_id, sample) of the cell's stored samples.

    Args:
        hint: what to type where they are stale.
        mend: set damaged lines aside, so that they are generated again.

    Raises:
        StoreError: one of them answers another problem or prompt than today's; names the first.
    """
    held: set[tuple[str, int]] = set()
    changed: dict[str, str] = {}
    for row in store.resume(cell) if mend else store.heads(cell):
        held.add((row["problem_id"], row["sample"]))
        change = asked.change(row["problem_id"], row["problem_sha256"], row["prompt_sha256"])
        if change is not None:
            changed.setdefault(row["problem_id"], change)
    if changed:
        first = next((problem for problem in asked.problems if problem in changed), next(iter(changed)))
        many = f" ({len(changed)} problems in all)" if len(changed) > 1 else ""
        raise StoreError(
            f"{store.root} holds samples of {cell.arm} on {cell.benchmark} that answer other rows: problem {first!r} "
            f"{changed[first]}{many}.",
            hint,
        )
    return held
