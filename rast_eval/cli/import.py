"""`rast-eval import FILE… -o RUN`: logs of other programs as an ordinary run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.names import quoted


@grouped
def import_(
    *,
    files: options.LogFiles,
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", metavar="RUN", help="The run that they become.")],
    benchmark: options.BenchmarkName = None,
    arm: Annotated[
        str | None, typer.Option(help="What made them: base, rast, rl or expert.", show_default="rast with a delta")
    ] = None,
    names: options.ModelFlags,
    weight: options.Lambda = "1.0",
    rl: options.Ceiling = None,
    n: Annotated[int | None, typer.Option(min=1, help="Samples a problem that count.", show_default="all")] = None,
    prompt: options.LoggedPrompt = None,
    scorer: options.ScorerName = None,
    overwrite: options.Overwrite = False,
    keys: options.KeyFlags,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
) -> None:
    """Read logs of lm-eval, Inspect, lighteval, the authors' scripts or rows of your own as a run, and grade it.

    Without -b the logs' own questions and golds become the benchmark. Type the command once an arm: the same RUN takes
    several. `report`, `compare`, `score` and `paper compare` read it as any other.
    """
    from rast_eval.inputs import benchmarks, prompts
    from rast_eval.report.run_report import write_report
    from rast_eval.results.metrics import evaluate_run
    from rast_eval.runs.grading import grade_run
    from rast_eval.runs.importing import ImportConfig, import_logs
    from rast_eval.types import Arm

    typed = names.base or names.expert
    role = Arm(arm or ("rast" if names.delta or names.expert else "base"))
    config = ImportConfig(
        arm=role,
        prompt=prompts.get(prompt or prompts.DEFAULT, sources.include_path),
        benchmark=benchmarks.get(benchmark, sources.include_path) if benchmark else None,
        system=names.models(weight, rl).system(role) if typed else None,
        scorer=scorer,
        keys=keys.layout,
        n=n,
        data_dir=sources.data_dir,
        include_path=sources.include_path,
    )
    import_logs(files, output_dir, config, overwrite=overwrite)
    grade_run(output_dir, scorer, grading.workers, code=grading.code)
    write_report(evaluate_run(output_dir, scorer), output_dir)
    typer.echo(f"`rast-eval report {quoted(output_dir)}` shows it.", err=True)
