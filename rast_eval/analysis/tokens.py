"""The delta microscope: along stored outputs, what base, expert, antiexpert and RAST would have said at each token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rast_eval.analysis.divergence import kl_divergence
from rast_eval.decoding.fusion import fuse
from rast_eval.errors import StoreError
from rast_eval.files import replacing
from rast_eval.report.table import Table
from rast_eval.results.store import Store
from rast_eval.results.token_rows import TokenRow, token_file
from rast_eval.runs.plan import prompt_sha256
from rast_eval.runs.verify import Verification
from rast_eval.types import Cell, ModelRef, System

if TYPE_CHECKING:
    from torch import Tensor

    from rast_eval.analysis.forcing import TeacherForcer, Trajectory

TOP = 5
DIGITS = 6

NOTE = (
    "Along each stored output, encoded again; before temperature and top-p. flipped = RAST's most probable token is "
    "another than the base's; KL(RAST ‖ base) and entropy of RAST in nats; size = standard deviation of the delta's "
    "logits over the vocabulary. `rast-eval view` shows each token."
)


@dataclass(frozen=True)
class TokenSummary:
    """Means over the tokens of a cell's analysed samples; fractions, nats, logits."""

    benchmark: str
    arm: str
    samples: int
    tokens: int
    flipped: float
    kl: float
    entropy: float
    size: float


@dataclass(frozen=True)
class Walked:
    """What was found at each token of a path of T tokens; see `TokenRow`."""

    top: dict[str, tuple[tuple[tuple[int, float], ...], ...]]
    kl: tuple[float, ...]
    entropy: tuple[float, ...]
    size: tuple[float, ...]
    push: tuple[float, ...]
    flips: tuple[bool, ...]


def member_names(system: System) -> dict[str, ModelRef]:
    """`base`, `expert` and `antiexpert`, numbered from the second delta on."""
    named = {"base": system.base}
    for i, delta in enumerate(system.deltas, 1):
        number = f" {i}" if i > 1 else ""
        named |= {f"expert{number}": delta.expert, f"antiexpert{number}": delta.antiexpert}
    return named


def walk(forcer: TeacherForcer, system: System, path: Trajectory) -> Walked:
    """What every member, and all of them fused, would have said along a path."""
    index = {ref.key: i for i, ref in enumerate(system.members)}
    names = {name: index[ref.key] for name, ref in member_names(system).items()}
    top: dict[str, list[Any]] = {name: [] for name in [*names, "RAST"]}
    columns: dict[str, list[Any]] = {name: [] for name in ("kl", "entropy", "size", "push", "flips")}
    for start, logits in forcer.stream(path, system.members):
        fused = fuse(logits, system.weights)
        base = logits[0][:, : fused.shape[-1]].to(fused.dtype)
        moved = fused - base
        said = moved.gather(1, fused.new_tensor(path.tokens[start : start + len(fused)]).long()[:, None])[:, 0]
        logs = fused.log_softmax(-1)
        columns["kl"] += _rounded(kl_divergence(fused, base))
        columns["entropy"] += _rounded(-(logs.exp() * logs).nansum(-1))
        columns["size"] += _rounded(moved.std(-1, correction=0))
        columns["push"] += _rounded(said - moved.mean(-1))
        columns["flips"] += (fused.argmax(-1) != base.argmax(-1)).tolist()
        for name, place in names.items():
            top[name] += _top(logits[place][:, : fused.shape[-1]])
        top["RAST"] += _top(fused)
    return Walked({name: tuple(rows) for name, rows in top.items()}, **{k: tuple(v) for k, v in columns.items()})


def _rounded(values: Tensor) -> list[float]:
    return [round(value, DIGITS) for value in values.tolist()]


def _top(logits: Tensor) -> list[tuple[tuple[int, float], ...]]:
    shares, ids = logits.float().softmax(-1).topk(TOP)
    rows = zip(ids.tolist(), shares.tolist(), strict=True)
    return [tuple(zip(row, (float(f"{p:.{DIGITS}g}") for p in ps), strict=True)) for row, ps in rows]


def write_tokens(
    verification: Verification,
    cells: Sequence[Cell],
    problems: int,
    samples: int,
    forcer: TeacherForcer,
    told: Callable[[str], None],
) -> list[TokenSummary]:
    """Walk along the first samples of each cell and keep what was found in the run, a file a cell.

    Args:
        cells: of arms that need not be RAST: its members then read what another system wrote.
        problems, samples: the first ones.
        told: takes a sentence for each cell that is being read.

    Raises:
        StoreError: the run has no deltas, or its samples answer other prompts than today's.
    """
    run = verification.run
    system = next((cell.system for cell in run.cells if cell.system.deltas and not cell.member_prompts), None)
    if system is None:
        raise StoreError(f"{run.path} holds no arm with a delta.", "Type a run that has the arm rast.")
    found = []
    for cell in cells:
        told(f"{cell.arm.label} on {cell.benchmark}: reading with {len(system.members)} models")
        rows = []
        with replacing(token_file(run.path, cell)) as write:
            for row in _rows(verification, cell, system, (problems, samples), forcer):
                write(row.line())
                rows.append((len(row.tokens), sum(row.flips), sum(row.kl), sum(row.entropy), sum(row.size)))
        if rows:
            tokens, *sums = np.array(rows).sum(axis=0).tolist()
            means = [value / tokens for value in sums]
            found.append(TokenSummary(cell.benchmark, str(cell.arm), len(rows), int(tokens), *means))
    return found


def _rows(
    verification: Verification, cell: Cell, system: System, wanted: tuple[int, int], forcer: TeacherForcer
) -> Iterator[TokenRow]:
    from rast_eval.analysis.forcing import Trajectory

    prompts, tokenizer = verification.prompt_ids(cell), verification.tokenizer()
    chosen = set(list(prompts)[: wanted[0]])
    for row in Store(verification.run.path).iter_samples(cell):
        problem, sample = row["problem_id"], row["sample"]
        if problem not in chosen or sample >= min(wanted[1], cell.n):
            continue
        if prompt_sha256(prompts[problem]) != row["prompt_sha256"]:
            raise StoreError(
                f"{cell.name}: problem {problem!r} has another prompt now than the one that was answered.",
                "Type --data-dir or --include-path with the rows that the samples were made from.",
            )
        tokens = tuple(tokenizer(row["output"], add_special_tokens=False)["input_ids"])
        if not tokens:
            continue
        walked = walk(forcer, system, Trajectory(problem, prompts[problem], tokens))
        ids = {id for rows in walked.top.values() for top in rows for id, _ in top} | set(tokens)
        texts = {id: tokenizer.decode([id]) for id in sorted(ids)}
        again = len(tokens) != row["num_tokens"]
        yield TokenRow(problem, sample, row["output_sha256"], again, tokens, **vars(walked), texts=texts)


def tokens_table(title: str, found: Sequence[TokenSummary]) -> Table:
    """A row a cell."""
    rows = tuple(
        (x.benchmark, x.arm, f"{x.samples}", f"{x.tokens}", f"{100 * x.flipped:.1f} %", f"{x.kl:.3f}",
         f"{x.entropy:.3f}", f"{x.size:.2f}")
        for x in found
    )  # fmt: skip
    header = ("benchmark", "arm", "samples", "tokens", "flipped", "KL", "entropy", "size")
    return Table(title, header, rows, NOTE, keys=2)
