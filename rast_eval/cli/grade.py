"""`rast-eval grade FILE`: verdicts for any JSONL of outputs, on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options


def grade(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSONL of outputs; - reads standard input.")],
    benchmark: Annotated[str | None, typer.Option("--benchmark", "-b", help="Where a row's gold comes from.")] = None,
    data_dir: options.DataDir = None,
    scorer: Annotated[
        str | None, typer.Option(help="simplerl or strict for math [default: the benchmark's].", show_default=False)
    ] = None,
    prompt: Annotated[str, typer.Option(help="Prompt the outputs answer; its stop words cut them.")] = "qwen-boxed",
    workers: options.Workers = None,
    evalplus_rules: options.EvalPlusRules = "master",
    lcb_io: options.LcbIo = "process",
    unsafe: options.Unsafe = False,
    summary: Annotated[bool, typer.Option("--summary", help="Counts and accuracy on stderr at the end.")] = False,
) -> None:
    """Grade outputs; every row comes back in order with `prediction`, `correct` and `status`.

    A row holds `output` (or `model_output`, or lm-eval's `resps`) and one of `gold`, `gold_raw`, `problem_id`; with
    none of these its position in the benchmark counts. Exit code 1 if a line could not be graded.
    """
    from rast_eval.config import CodeScoring
    from rast_eval.errors import UsageError
    from rast_eval.inputs import benchmarks
    from rast_eval.inputs.rows import Adapter
    from rast_eval.runs.grade_file import Tally, grade_lines, open_lines

    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} is not a number of processes.", "Type --workers 1 or more.")
    known = benchmarks.get(benchmark) if benchmark else None
    adapter = Adapter(known, options.existing_folder(data_dir, "--data-dir"), prompt)
    tally, code = Tally(), CodeScoring(evalplus_rules, lcb_io, unsafe)
    for path in files:
        with open_lines(path) as lines:
            for line in grade_lines(lines, adapter, scorer or adapter.scorer, workers, tally, str(path), code):
                print(line)
    if summary:
        typer.echo(tally.summary(), err=True)
    if tally.bad_lines:
        raise typer.Exit(1)
