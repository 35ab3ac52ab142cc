"""`rast-eval grade FILE`: grades for any JSONL of outputs, on stdout."""

from __future__ import annotations

from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped


@grouped
def grade(
    *,
    files: options.LogFiles,
    benchmark: options.BenchmarkName = None,
    scorer: options.ScorerName = None,
    prompt: options.LoggedPrompt = None,
    summary: Annotated[bool, typer.Option("--summary", help="Counts and accuracy on stderr at the end.")] = False,
    keys: options.KeyFlags,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Grade outputs; every row comes back in order with `prediction`, `correct` and `status`.

    A row holds `output` and one of `gold`, `gold_raw`, `problem_id`, or is one of lm-eval, Inspect, lighteval or the
    authors' scripts; without a gold its place in the benchmark counts. Exit code 1 if a line could not be graded.
    """
    from rast_eval.inputs import benchmarks, prompts
    from rast_eval.logs.files import opened
    from rast_eval.logs.rows import Adapter
    from rast_eval.runs.grade_file import Tally, grade_lines
    from rast_eval.scoring.registry import DEFAULT, for_benchmarks

    known = benchmarks.get(benchmark, sources.include_path) if benchmark else None
    name = for_benchmarks([known], scorer)[known.name] if known else scorer or DEFAULT
    template = prompts.get(prompt or prompts.DEFAULT, sources.include_path)
    tally = Tally()
    adapter = Adapter(known, sources.data_dir, template, sources.include_path, keys.layout)
    for path in files:
        before = tally.rows
        with opened(path) as log:
            for line in grade_lines(log.rows, adapter, name, grading.workers, tally, str(path), grading.code):
                print(line)
        if tally.rows == before:
            typer.echo(f"warning: {path} holds no row.", err=True)
    for warning in tally.warnings():
        typer.echo(f"warning: {warning}", err=True)
    if summary:
        typer.echo(tally.summary(), err=True)
    if tally.bad_lines:
        raise typer.Exit(1)
