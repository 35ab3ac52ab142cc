"""pass@k and majority@k: what k of the n samples of a problem are worth.

All functions return one value a problem, float64 [N]; the mean is the figure, `mean_estimate` its interval.
k > n is undefined and gives NaN: samples are never padded or drawn twice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rast_eval.statistics.intervals import Float

PAPER_DRAWS = 10


def pass_at_k(correct: ArrayLike, k: int) -> Float:
    """Unbiased probability that k samples hold a right one: 1 − C(n−c, k)/C(n, k), in product form.

    Source: Chen et al. 2021 (arXiv 2107.03374).

    Args:
        correct: bool [N, n].
    """
    grades = _matrix(correct)
    problems, samples = grades.shape
    if k > samples:
        return np.full(problems, np.nan)
    wrong = samples - grades.sum(axis=1, keepdims=True)
    step = np.arange(_positive(k))
    # Π (wrong − j)/(n − j): the chance that k draws without replacement are all wrong.
    all_wrong: Float = np.prod(np.clip(wrong - step, 0, None) / (samples - step), axis=1)
    return np.asarray(1.0 - all_wrong, dtype=np.float64)


def pass_at_k_paper(correct: ArrayLike, k: int, seed: int = 0) -> Float:
    """The paper's pass@k: 10 draws of k of the n runs, the same runs for all problems (1 draw if k = n).

    Its expectation is the unbiased value; its noise is larger.
    """
    grades = _matrix(correct)
    problems, samples = grades.shape
    if k > samples:
        return np.full(problems, np.nan)
    hits = [grades[:, draw].any(axis=1) for draw in _paper_draws(samples, k, seed)]
    return np.asarray(np.mean(hits, axis=0), dtype=np.float64)


def majority_at_k(correct: ArrayLike, votes: ArrayLike, k: int, subsets: int = 256, seed: int = 0) -> Float:
    """Expected grade of the majority of k samples, over subsets of the n.

    Tied classes share the win: the value is the share of them that is right. The empty class wins only
    where no other was voted for.

    Args:
        correct: bool [N, n].
        votes: int [N, n], equivalence class of each answer within its problem; negative = no answer.
        subsets: all subsets are taken where there are at most this many, else so many seeded ones.
    """
    grades, classes = _matrix(correct), np.asarray(votes)
    if classes.shape != grades.shape:
        raise ValueError(f"votes {classes.shape} and grades {grades.shape} differ in shape")
    problems, samples = grades.shape
    if k > samples:
        return np.full(problems, np.nan)
    chosen = _subsets(samples, _positive(k), subsets, seed)  # [S, n], 0/1
    return np.array([_majority(grades[i], classes[i], chosen) for i in range(problems)], dtype=np.float64)


def majority_at_k_paper(correct: ArrayLike, answers: Sequence[Sequence[Hashable]], k: int, seed: int = 0) -> Float:
    """The paper's majority@k: equal strings, ties to the first met in draw order, empty strings vote too.

    Args:
        answers: N lists of n extracted answers, compared by equality.
    """
    grades = _matrix(correct)
    problems, samples = grades.shape
    if k > samples:
        return np.full(problems, np.nan)
    draws = _paper_draws(samples, k, seed)
    value = np.zeros(problems)
    for i, row in enumerate(answers):
        for draw in draws:
            counts: dict[Hashable, int] = {}
            for j in draw:
                counts[row[j]] = counts.get(row[j], 0) + 1
            winner = max(counts, key=counts.__getitem__)  # dicts keep draw order, max takes the first
            value[i] += float(grades[i, next(j for j in draw if row[j] == winner)])
    return np.asarray(value / len(draws), dtype=np.float64)


def _majority(grades: NDArray[np.bool_], classes: NDArray[np.int_], chosen: Float) -> float:
    labels = np.unique(classes[classes >= 0])
    if labels.size == 0:
        return 0.0
    if labels.size == 1 and classes.min() >= 0:  # all agree: common on easy problems
        return float(grades.mean())
    member = (classes[:, None] == labels[None, :]).astype(np.float64)  # [n, C]
    # One grade a class; a grader whose equivalence is not transitive gives the class's mean.
    right = member.T @ grades.astype(np.float64) / member.sum(axis=0)
    counts = chosen @ member  # [S, C]
    most = counts.max(axis=1, keepdims=True)
    tied = (counts == most) & (most > 0)
    return float(np.mean((tied @ right) / np.maximum(tied.sum(axis=1), 1)))


def _subsets(samples: int, k: int, limit: int, seed: int) -> Float:
    if math.comb(samples, k) <= limit:
        rows = np.array(list(itertools.combinations(range(samples), k)))
    else:
        rng = np.random.default_rng(seed)
        rows = rng.permuted(np.tile(np.arange(samples), (limit, 1)), axis=1)[:, :k]
    mask = np.zeros((len(rows), samples))
    np.put_along_axis(mask, rows, 1.0, axis=1)
    return mask


def _paper_draws(samples: int, k: int, seed: int) -> list[NDArray[np.int_]]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(samples)[: _positive(k)] for _ in range(1 if k == samples else PAPER_DRAWS)]


def _matrix(correct: ArrayLike) -> NDArray[np.bool_]:
    grades = np.asarray(correct, dtype=np.bool_)
    if grades.ndim != 2:
        raise ValueError(f"grades must be a matrix [N, n], not shape {grades.shape}")
    return grades


def _positive(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return k
