"""`rast-eval grade FILE`: grades for any JSONL of outputs, on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped


@grouped
def grade(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSONL of outputs; - reads standard input.")],
    benchmark: options.BenchmarkName = None,
    scorer: options.ScorerName = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="Prompt the outputs answer; its stop words cut them.", show_default="qwen-boxed"),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Counts and accuracy on stderr at the end.")] = False,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Grade outputs; every row comes back in order with `prediction`, `correct` and `status`.

    A row holds `output` (or `model_output`, or lm-eval's `resps`) and one of `gold`, `gold_raw`, `problem_id`; with
    none of these its position in the benchmark counts. Exit code 1 if a line could not be graded.
    """
    from rast_eval.inputs import benchmarks, prompts
    from rast_eval.inputs.rows import Adapter
    from rast_eval.runs.grade_file import Tally, grade_lines, open_lines
    from rast_eval.scoring.registry import DEFAULT, for_benchmarks

    known = benchmarks.get(benchmark, sources.include_path) if benchmark else None
    name = for_benchmarks([known], scorer)[known.name] if known else scorer or DEFAULT
    template = prompts.get(prompt or prompts.DEFAULT, sources.include_path)
    adapter = Adapter(known, sources.data_dir, template, sources.include_path)
    tally = Tally()
    for path in files:
        with open_lines(path) as lines:
            for line in grade_lines(lines, adapter, name, grading.workers, tally, str(path), grading.code):
                print(line)
    if summary:
        typer.echo(tally.summary(), err=True)
    if tally.bad_lines:
        raise typer.Exit(1)
