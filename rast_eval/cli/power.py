"""`rast-eval power`: can a benchmark answer, and with how many samples?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options, parsing
from rast_eval.cli.output import Format, FormatFlag, show_all


def power(
    benchmarks: options.Benchmarks = None,
    detect: Annotated[str, typer.Option(metavar="POINTS", help="RAST − base to be found.")] = "2",
    source: Annotated[
        Path | None, typer.Option("--from", help="A pilot run; its arms show how much problems and samples vary.")
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(metavar="POINTS", help="RL ceiling − base that a recovery rate shall be bounded for, assumed."),
    ] = None,
    accuracy: Annotated[float, typer.Option(help="Of the base in percent, assumed.")] = 50.0,
    dispersion: Annotated[
        float, typer.Option(help="0: all problems equally hard; 1: each always right or always wrong; assumed.")
    ] = 0.5,
    correlation: Annotated[float, typer.Option(help="Of the arms' accuracies over problems, assumed.")] = 0.9,
    target: Annotated[float, typer.Option(help="Chance in percent with which it shall be found.")] = 80.0,
    include_path: options.IncludePath = None,
    format: FormatFlag = Format.table,
) -> None:
    """Problems and samples that a difference of accuracies, or a bounded recovery rate, needs; nothing is generated."""
    from rast_eval.errors import UsageError
    from rast_eval.inputs import benchmarks as known
    from rast_eval.report.power_view import power_table
    from rast_eval.results import questions
    from rast_eval.results.reader import load_run
    from rast_eval.runs.grading import benchmark_of

    names = parsing.split_names(benchmarks)
    pilot = load_run(source) if source is not None else None
    if not names and pilot is not None:
        names = tuple(dict.fromkeys(cell.benchmark for cell in pilot.cells))
    if not names:
        raise UsageError("No benchmark is named.", "Type for instance -b aime24, or --from with a pilot run.")
    if not 0 < target < 100:
        raise UsageError(f"--target {target:g} is no chance between 0 and 100.", "Type for instance --target 80.")
    share = parsing.parse_points(detect, "--detect") / 100
    wide = parsing.parse_points(gap, "--gap") / 100 if gap is not None else None
    folder = parsing.existing_folder(include_path, "--include-path")
    found = []
    for benchmark in (benchmark_of(pilot, name, folder) if pilot else known.get(name, folder) for name in names):
        size = (benchmark.name, share)
        if pilot is not None:
            found += questions.ask_pilot(pilot, *size, benchmark.count, target / 100)
        else:
            assumed = (accuracy / 100, dispersion, correlation)
            found += questions.ask_assumed(*size, wide, benchmark.count, target / 100, *assumed)
    show_all([power_table(question) for question in found], format, found)
