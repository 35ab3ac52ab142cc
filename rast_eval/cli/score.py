"""`rast-eval score RUN`: grade stored outputs again, perhaps by another scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options


def score(
    run: Annotated[Path, typer.Argument(help="Folder that `rast-eval run` wrote.", show_default=False)],
    scorer: Annotated[str | None, typer.Option(help="simplerl or strict for math [default: the benchmark's].")] = None,
    workers: options.Workers = None,
    evalplus_rules: options.EvalPlusRules = "master",
    lcb_io: options.LcbIo = "process",
    unsafe: options.Unsafe = False,
    data_dir: options.DataDir = None,
    include_path: options.IncludePath = None,
) -> None:
    """Grade every stored sample of a run and write its report; nothing is generated and no output is changed."""
    import sys

    from rast_eval.config import CodeScoring
    from rast_eval.errors import StoreError
    from rast_eval.report.run_report import write_report
    from rast_eval.results.metrics import evaluate_run
    from rast_eval.run.grading import grade_run

    code = CodeScoring(evalplus_rules, lcb_io, unsafe)
    data_dir = options.existing_folder(data_dir, "--data-dir")
    count = grade_run(run, scorer, workers, data_dir, options.existing_folder(include_path, "--include-path"), code)
    try:
        own = evaluate_run(run)
    except StoreError:  # by its own scorer no problem is graded as a whole
        own = None
    if own is not None:
        write_report(own, run)
    ending = f" --scorer {scorer}" if scorer else ""
    print(f"{count} samples graded; `rast-eval report {run}{ending}` shows them.", file=sys.stderr)
