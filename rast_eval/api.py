"""What `import rast_eval` offers beside the settings: run, load, look at and grade, without the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rast_eval.config import RunConfig
from rast_eval.inputs import prompts
from rast_eval.inputs.models import resolve_models as models
from rast_eval.logs.rows import Adapter
from rast_eval.report.run_report import write_report
from rast_eval.results.cell_metrics import Estimator
from rast_eval.results.frames import frame
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import Run, iter_grades, iter_samples, load_run, scorer_of
from rast_eval.scoring.registry import get_scorer
from rast_eval.types import Cell, Grade

__all__ = ["LoadedRun", "grade", "load", "models", "run"]

SAMPLE_COLUMNS = ("problem_id", "sample", "output", "num_tokens", "finish_reason", "stop_reason", "seed")
GRADE_COLUMNS = ("problem_id", "sample", "prediction", "correct", "status", "vote")


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run directory as tables; it may still be growing, and each call reads what is there.

    >>> import rast_eval
    >>> config = rast_eval.RunConfig(rast_eval.models("tiny-s", ["none"]), arms=("base",), limit=3, n=1, max_tokens=4)
    >>> ours = rast_eval.run(config, "results/base")
    >>> ours.cells[0].system.label
    'tiny-s'
    >>> ours.samples().merge(ours.grades()).shape
    (3, 14)
    """

    def samples(self, arm: str | None = None, benchmark: str | None = None) -> pd.DataFrame:
        """One row a sample: arm, benchmark and `SAMPLE_COLUMNS`.

        Args:
            arm, benchmark: only these.

        Raises:
            StoreError: a damaged line.
        """
        rows = (
            [cell.arm, cell.benchmark, *(row.get(name) for name in SAMPLE_COLUMNS)]
            for cell in self._chosen(arm, benchmark)
            for row in iter_samples(self, cell)
        )
        return pd.DataFrame(rows, columns=["arm", "benchmark", *SAMPLE_COLUMNS])

    def grades(self, arm: str | None = None, benchmark: str | None = None, scorer: str | None = None) -> pd.DataFrame:
        """One row a graded sample: arm, benchmark, scorer and `GRADE_COLUMNS`; cells without grades have none.

        A grade that was given to another output than the one that is there is left out, as in every report.

        Args:
            arm, benchmark: only these.
            scorer: a math scorer in place of the run's own.

        Raises:
            StoreError: a damaged line.
        """
        rows = [
            [cell.arm, cell.benchmark, scorer_of(cell, scorer), *(row.get(name) for name in GRADE_COLUMNS)]
            for cell in self._chosen(arm, benchmark)
            for row in iter_grades(self, cell, scorer)
        ]
        found = pd.DataFrame(rows, columns=["arm", "benchmark", "scorer", *GRADE_COLUMNS])
        return found.astype({"vote": "Int64"})

    def metrics(
        self, scorer: str | None = None, estimator: Estimator | None = None, ks: Sequence[int] | None = None
    ) -> pd.DataFrame:
        """One row a figure, as `rast-eval report --format csv` prints them: fractions with their intervals.

        Args:
            scorer, estimator, ks: as `results.metrics.evaluate_runs` takes them.

        Raises:
            StoreError: nothing is graded yet.
            UsageError: a cell has no grades by `scorer`.
        """
        return frame(evaluate_run(self.path, scorer, estimator, ks))

    def _chosen(self, arm: str | None, benchmark: str | None) -> Iterator[Cell]:
        return (cell for cell in self.cells if arm in (None, cell.arm) and benchmark in (None, cell.benchmark))


def load(path: str | Path) -> LoadedRun:
    """The run in a directory that `run` or `rast-eval run` wrote.

    Raises:
        StoreError: it holds none.

    >>> import rast_eval
    >>> config = rast_eval.RunConfig(rast_eval.models("tiny-s", ["none"]), arms=("base",), limit=3, n=1, max_tokens=4)
    >>> made = rast_eval.run(config, "results/base")
    >>> rast_eval.load("results/base").samples()[["arm", "problem_id", "num_tokens"]]
        arm problem_id  num_tokens
    0  base          0           4
    1  base          1           4
    2  base          2           4
    """
    found = load_run(Path(path))
    return LoadedRun(found.path, found.manifest, found.cells, found.notes)


def run(
    config: RunConfig,
    output_dir: str | Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
) -> LoadedRun:
    """Generate, grade and report as `rast-eval run` does; called again it continues where it stopped.

    Args:
        output_dir: the run directory itself.
        overwrite: replace samples that were made with other settings.
        workers: grading processes, None for one a core.

    Raises:
        RastEvalError: what the command line would print.

    >>> import rast_eval
    >>> config = rast_eval.RunConfig(rast_eval.models("tiny-m", ["tiny-s"]), arms=("rast",), limit=4, n=1)
    >>> found = rast_eval.run(config, "results/rast").metrics()
    >>> found[found.metric == "accuracy"][["arm", "system", "problems", "samples"]]
        arm            system  problems  samples
    0  rast  tiny-m + Δtiny-s         4        1
    """
    from rast_eval.runs import plan, runner

    root = Path(output_dir)
    runner.run(plan.build(config), root, overwrite=overwrite, workers=workers)
    write_report(evaluate_run(root), root)
    return load(root)


def grade(
    outputs: Iterable[str],
    golds: Iterable[Any],
    *,
    scorer: str = "simplerl",
    prompt: str = "qwen-boxed",
    workers: int | None = None,
) -> list[Grade]:
    r"""Grade outputs of math problems, each against its gold answer; nothing a model wrote is evaluated.

    Args:
        golds: answers as a benchmark prints them, or numbers.
        scorer: `simplerl`, or `strict` for mathematical equivalence.
        prompt: the template that the outputs answer; its stop words cut them.
        workers: processes, None for one a core.

    Returns:
        Grades in the order of `outputs`.

    Raises:
        ValueError: not one gold for each output.
        UnknownName: no such scorer or prompt.

    >>> import rast_eval
    >>> found = rast_eval.grade([r"So it is \boxed{\frac{1}{2}}.", "no idea"], [0.5, 7])
    >>> [(one.prediction, one.correct, one.status) for one in found]
    [('\\frac{1}{2}', True, 'ok'), ('', False, 'no_answer')]
    """
    adapter = Adapter(prompt=prompts.get(prompt))
    pairs = zip(outputs, golds, strict=True)
    samples = [adapter.samples({"output": text, "gold": gold}, at)[0] for at, (text, gold) in enumerate(pairs)]
    judge = get_scorer(scorer, votes=False)
    return judge.grade(samples, workers)
