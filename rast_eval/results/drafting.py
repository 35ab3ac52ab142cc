"""What became of drafted tokens in a run, as its sessions recorded it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rast_eval.decoding.speculation import Acceptance
from rast_eval.results.reader import Run
from rast_eval.types import Arm


@dataclass(frozen=True)
class Drafting:
    """One arm's, over all sessions that drafted in the same way.

    Attributes:
        drafter: the expert, by its label.
        drafted: tokens a pass as typed, `auto` or a number.
        runner: vLLM's model runner, empty with transformers.
        certificate: file that says that sampling so is exact here; empty where none is needed, as for greedy decoding.
    """

    arm: Arm
    drafter: str
    drafted: str
    runner: str
    certificate: str
    acceptance: Acceptance = field(compare=False)


def draftings(run: Run) -> Iterator[Drafting]:
    """Every arm's of a run, in the order of its cells."""
    sessions = run.manifest.get("sessions", [])
    for arm, label in dict.fromkeys((cell.arm, cell.system.label) for cell in run.cells):
        found: list[Drafting] = []
        for session in sessions:
            told = session.get("engines", {}).get(label, {}).get("speculation")
            if told is None or not any(name.startswith(f"{arm}/") for name in session["cells"]):
                continue
            texts = {key: str(told.get(key) or "") for key in ("drafter", "drafted", "runner", "certificate")}
            one = Drafting(arm, **texts, acceptance=Acceptance())
            if one not in found:
                found.append(one)
            found[found.index(one)].acceptance.add(Acceptance(**told["acceptance"]))
        yield from found
