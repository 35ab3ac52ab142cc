"""`rast-eval score RUN`: grade stored outputs again, perhaps by another scorer."""

from __future__ import annotations

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.names import quoted


@grouped
def score(
    *,
    run: options.RunFolder,
    scorer: options.ScorerName = None,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Grade every stored sample of a run and write its report; nothing is generated and no output is changed."""
    import sys

    from rast_eval.errors import StoreError
    from rast_eval.report.run_report import write_report
    from rast_eval.results.metrics import evaluate_run
    from rast_eval.runs.grading import grade_run

    count = grade_run(run, scorer, grading.workers, sources.data_dir, sources.include_path, grading.code)
    try:
        own = evaluate_run(run)
    except StoreError:  # by its own scorer no problem is graded as a whole
        own = None
    if own is not None:
        write_report(own, run)
    ending = f" --scorer {scorer}" if scorer else ""
    print(f"{count} samples graded; `rast-eval report {quoted(run)}{ending}` shows them.", file=sys.stderr)
