"""Two scales of one reproduction: the same targets, other models and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from rast_eval.errors import UnknownName
from rast_eval.inputs import benchmarks as known_benchmarks
from rast_eval.inputs.models import known_pairs, shape_of
from rast_eval.paper import prose
from rast_eval.paper.sizing import H100, Cards
from rast_eval.scoring.pool import usable_cores

MATH = ("math500", "aime24", "amc23", "minerva", "olympiadbench", "gsm8k")
CODE = ("humaneval_plus", "mbpp_plus", "livecodebench")


@cache
def title_of(benchmark: str) -> str:
    """`AMC 2023` for amc23, as tables and figures show it."""
    return known_benchmarks.get(benchmark).title


@dataclass(frozen=True)
class Scale:
    """What stands for the paper's models and settings.

    Attributes:
        pairs: (base, delta) of Table 1, largest base first, nearest delta first.
        bare: (base, delta) without a ceiling, Table 2.
        code: (base, delta) of Table 3, on `code_benchmarks`, greedy.
        ensemble: base and deltas of Appendix E, each weighted by one over their number; None with fewer than two.
        sweep_benchmark: benchmark of Figure 6, of the paths of Figures 1, 4 and 5, and of Appendix E.
        n, limit: samples and problems of the main runs; None takes the benchmark's.
        sweep_n, sweep_limit: the same for each point of Figure 6.
        processes: runs generated side by side, each in a process of its own.
        dissimilar: sizes that Figure 4 leaves out.
        cases: problems that Figure 1 and Figure 5 show, by figure; one that is missing is chosen among the drawn.
        caveats: what a reader must know before reading any number.
        cards: of the machine that it runs on.
        mark: written on every page and figure; empty where models were asked.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    bare: tuple[str, str]
    code: tuple[str, str]
    ensemble: tuple[str, tuple[str, ...]] | None
    benchmarks: tuple[str, ...]
    code_benchmarks: tuple[str, ...]
    sweep_benchmark: str
    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    n: int | None
    limit: int | None
    sweep_n: int | None
    sweep_limit: int | None
    path_problems: int
    backend: str
    processes: int
    caveats: tuple[str, ...]
    dissimilar: tuple[str, ...] = ()
    cases: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    cards: Cards = H100

    @property
    def main_pair(self) -> tuple[str, str]:
        """The pair that Figures 3, 5, 6, 8, 9 and 10 show: the largest base with its nearest delta."""
        return self.pairs[0]

    @property
    def bases(self) -> tuple[str, ...]:
        """Bases of Table 1."""
        return tuple(dict.fromkeys(base for base, _ in self.pairs))

    @property
    def similar(self) -> tuple[str, ...]:
        """Sizes whose deltas Figure 4 compares, the largest first; the largest one's RL model walks the paths."""
        names = dict.fromkeys(name for pair in self.pairs for name in pair)
        return tuple(name for name in names if name not in self.dissimilar)

    @property
    def ks(self) -> tuple[int, ...]:
        """k of Figures 3 and 8."""
        return (1, 2, 4, 8, 16, 32)


def paper() -> Scale:
    """The paper's own models."""
    return Scale(
        name="paper",
        pairs=(("32b", "14b"), ("32b", "7b"), ("32b", "1.5b"), ("14b", "7b"), ("14b", "1.5b"), ("7b", "1.5b")),
        bare=("llama3.1-70b", "llama3.1-8b"),
        code=("14b-1m", "7b-1m"),
        ensemble=("32b", ("14b", "7b", "1.5b")),
        benchmarks=MATH,
        code_benchmarks=CODE,
        sweep_benchmark="math500",
        weights=tuple(i / 10 for i in range(1, 16)),
        temperatures=tuple(i / 10 for i in range(5, 16)),
        n=None,
        limit=None,
        sweep_n=None,
        sweep_limit=None,
        path_problems=50,
        backend="vllm",
        processes=1,
        caveats=(),
        dissimilar=("1.5b",),
        cases={"figure1": prose.COVERAGE_CASE, "figure5": prose.DIVERGENCE_CASE},
    )


def tiny() -> Scale:
    """The embedded family, whatever sizes it has: few problems and samples, minutes on a laptop."""
    embedded = [e for e in known_pairs().values() if e.family == "tiny" and e.rl is not None]
    sized = {e.name: shape.parameters for e in embedded if (shape := shape_of(e.base)) is not None}
    names = sorted(sized, key=lambda name: -sized[name])
    pairs = tuple((base, delta) for i, base in enumerate(names) for delta in names[i + 1 :])
    listed = ", ".join(f"{name} {sized[name] / 1e3:,.0f}k" for name in names)
    limit, n, sweep_limit, sweep_n, paths = 50, 32, 60, 4, 30
    return Scale(
        name="tiny",
        pairs=pairs,
        bare=(names[0], names[-1]),
        code=pairs[0],
        ensemble=(names[0], tuple(names[1:])) if len(names) > 2 else None,
        benchmarks=("tiny-arith",),
        code_benchmarks=("tiny-arith",),
        sweep_benchmark="tiny-arith",
        weights=(0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
        temperatures=(0.5, 0.75, 1.0, 1.25, 1.5),
        n=n,
        limit=limit,
        sweep_n=sweep_n,
        sweep_limit=sweep_limit,
        path_problems=paths,
        backend="hf",
        processes=usable_cores(),
        caveats=(
            f"The embedded family ({listed} parameters) stands for the paper's models, and its generated word "
            "problems for the benchmarks. Nothing here is evidence about the paper's models; no value of the paper "
            "is set beside a measured one.",
            f"Sizes are cut to fit minutes on a laptop: {limit} problems × {n} samples in the main runs, "
            f"{sweep_limit} × {sweep_n} at each point of Figure 6, {paths} paths in Figures 1, 4 and 5. "
            "The intervals say what that leaves open.",
            "The tiny models write no code and have no model without a ceiling: Table 3 and Table 2 show the same "
            "way through the program on the family's own problems.",
        ),
    )


def get(name: str) -> Scale:
    """The scale called `name`.

    Raises:
        UnknownName: nobody is called so.
    """
    known = {"tiny": tiny, "paper": paper}
    if name not in known:
        raise UnknownName("scale", name, known)
    return known[name]()
