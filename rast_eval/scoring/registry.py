"""Every scorer by its name. Adding one is one file and one line here.

A scorer is a class with `grade` of `types.Scorer` and these facts:

    name, version     `version` changes with every change that can move a grade
    judges            what it reads; scorers that read the same may replace each other
    options           fields of `CodeScoring` that it takes
    has_votes         whether it groups equal answers for majority@k, and takes `votes`
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rast_eval.config import DEFAULT_CODE, CodeScoring
from rast_eval.errors import DataError, UnknownName, UsageError

if TYPE_CHECKING:
    from rast_eval.inputs.benchmark_file import Benchmark
    from rast_eval.types import Scorer

ANSWERS = "answers"
"""What scorers of benchmarks of the kind `math` judge."""

LETTERS = "letters"
"""What the scorer of those with `choices` judges."""

DEFAULT = "simplerl"
"""Where no benchmark names one."""

SCORERS = {
    "simplerl": "rast_eval.scoring.math.simplerl:SimpleRLScorer",
    "strict": "rast_eval.scoring.math.strict:StrictScorer",
    "letter": "rast_eval.scoring.math.letter:LetterScorer",
    "evalplus": "rast_eval.scoring.code.evalplus:EvalPlus",
    "livecodebench": "rast_eval.scoring.code.livecodebench:LiveCodeBench",
}


def scorer_type(name: str) -> Any:
    """The class of the scorer called `name`, imported when asked for.

    Raises:
        UnknownName: no scorer has this name.
    """
    if name not in SCORERS:
        raise UnknownName("scorer", name, SCORERS)
    module, _, kind = SCORERS[name].partition(":")
    return getattr(importlib.import_module(module), kind)


def get_scorer(name: str, code: CodeScoring = DEFAULT_CODE, *, votes: bool = True, **options: Any) -> Scorer:
    """The scorer called `name`; its libraries are imported when it first needs them.

    Args:
        code: how programs are judged.
        votes: group equal answers, which costs comparisons; for scorers that can.
        options: further arguments of the scorer, such as `cpu_seconds`.

    Raises:
        UnknownName: no scorer has this name, or it does not know what `code` names.
        SandboxError: it judges programs and cannot isolate them here.
    """
    kind = scorer_type(name)
    given = {field: getattr(code, field) for field in kind.options}
    scorer: Scorer = kind(**given | ({"votes": votes} if kind.has_votes else {}) | options)
    return scorer


def alternatives(name: str) -> list[str]:
    """Scorers that read what the one called `name` reads, itself among them."""
    return [other for other in SCORERS if scorer_type(other).judges == scorer_type(name).judges]


def chosen(own: str, asked: str | None) -> str:
    """The scorer asked for, where it can judge what a benchmark's own one does; else the own one.

    So `--scorer strict` is for the math benchmarks of a run and leaves its code benchmarks alone.
    """
    return asked if asked and scorer_type(asked).judges == scorer_type(own).judges else own


def for_benchmarks(benchmarks: Iterable[Benchmark], asked: str | None = None) -> dict[str, str]:
    """The scorer of each benchmark by the benchmark's name: the one asked for where it can judge it.

    Raises:
        UnknownName: no scorer is called so.
        DataError: a YAML names a scorer that does not read what the benchmark's rows hold.
        UsageError: `asked` can judge none of them.
    """
    own = {benchmark.name: benchmark for benchmark in benchmarks}
    for benchmark in own.values():
        if (scorer_type(benchmark.scorer).judges in (ANSWERS, LETTERS)) != (benchmark.kind == "math"):
            raise DataError(
                f"The scorer {benchmark.scorer} cannot judge {benchmark.name}, whose kind is {benchmark.kind}.",
                f"Name another `scorer` or `kind` in {benchmark.name}.yaml.",
            )
    found = {name: chosen(benchmark.scorer, asked) for name, benchmark in own.items()}
    if own and asked and asked not in found.values():
        first = next(iter(own.values()))
        raise UsageError(
            f"The scorer {asked} cannot judge {first.name}.",
            f"Type --scorer with one of {', '.join(alternatives(first.scorer))}.",
        )
    return found
