"""The best of several settings on the same problems: what choosing it costs, and what each gains over one of them.

The largest of K scores is too high even where all K settings are equally good: it was chosen for its luck. So the
score of the choice is taken on problems that had no part in choosing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rast_eval.statistics.intervals import Estimate, Float, share_bounds, share_estimate
from rast_eval.statistics.paired import Difference, holm, paired_difference

SPLITS = 200


@dataclass(frozen=True)
class Choice:
    """The best of K settings.

    Attributes:
        index: which setting is chosen on all problems; the first of equal ones.
        naive: its score on the problems that chose it: too high.
        honest: the score of settings so chosen on problems that had no part in choosing.
        optimism: naive.value − honest.value: what choosing on the same problems adds. It may be negative by chance.
        settings: K.
    """

    index: int
    naive: Estimate
    honest: Estimate
    optimism: float
    settings: int


def choose_best(scores: Sequence[ArrayLike], level: float = 0.95, splits: int = SPLITS, seed: int = 0) -> Choice:
    """The setting with the highest mean score, and an honest estimate of what it is worth.

    In each of `splits` seeded halvings the best setting of one half is scored on the other half and the reverse; a
    problem's honest score is its mean over all halvings, equal settings share. The interval has the spread of the
    chosen setting, so that the choice of a half, which is more even, does not narrow it.

    Args:
        scores: K vectors, float [N], share of right samples by problem, row i the same problem in all.

    Raises:
        ValueError: no setting, other problems, or fewer than two problems.
    """
    table = _table(scores)
    means = table.mean(axis=1)
    index = int(np.argmax(means > means.max() - 1e-12))
    naive = share_estimate(table[index], level=level)
    honest = float(_held_out(table, splits, seed).mean())
    problems = table.shape[1]
    binary = bool(((table[index] == 0) | (table[index] == 1)).all())
    low, high = share_bounds(honest, naive.se, problems, problems, binary, level)
    return Choice(index, naive, Estimate(honest, low, high, naive.se, "wilson"), naive.value - honest, len(table))


@dataclass(frozen=True)
class Gain:
    """What a setting adds to the reference, on the same problems.

    Attributes:
        holm: p-value adjusted over the settings compared; NaN for the reference itself, which has no difference.
    """

    difference: Difference | None
    holm: float


def gains_over(settings: Sequence[ArrayLike], reference: int, level: float = 0.95, seed: int = 0) -> tuple[Gain, ...]:
    """Each setting minus the reference, paired by problem, in the order given.

    Args:
        settings: K matrices, bool [N, n_k], row i the same problem in all; for a sweep one for each λ.
        reference: index of the setting to compare with; for a sweep λ = 1.
    """
    differences = [
        None if k == reference else paired_difference(matrix, settings[reference], level, seed)
        for k, matrix in enumerate(settings)
    ]
    adjusted = holm([math.nan if d is None else d.p_value for d in differences])
    return tuple(Gain(d, p) for d, p in zip(differences, adjusted, strict=True))


def _held_out(table: Float, splits: int, seed: int) -> Float:
    rng = np.random.default_rng(seed)
    problems = table.shape[1]
    total = np.zeros(problems)
    for _ in range(splits):
        first = np.zeros(problems, dtype=bool)
        first[rng.permutation(problems)[: problems // 2]] = True
        for chooses in (first, ~first):
            sums = table[:, chooses].sum(axis=1)
            best = sums >= sums.max() - 1e-9
            total[~chooses] += table[best][:, ~chooses].mean(axis=0)
    return np.asarray(total / splits, dtype=np.float64)


def _table(scores: Sequence[ArrayLike]) -> Float:
    rows = [np.asarray(row, dtype=np.float64) for row in scores]
    if not rows or any(row.ndim != 1 or row.shape != rows[0].shape for row in rows):
        raise ValueError("the settings must be vectors over the same problems")
    if rows[0].size < 2:
        raise ValueError("choosing and scoring need two problems at least")
    return np.stack(rows)
