"""`rast-eval verify RUN`: is a run what it says?"""

from __future__ import annotations

from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped
from rast_eval.cli.output import Format, FormatFlag
from rast_eval.cli.terminal import echo


@grouped
def verify(
    *,
    run: options.RunFolder,
    regenerate: Annotated[int, typer.Option(min=0, help="Samples of each cell to generate again.")] = 3,
    grading: options.GradingFlags,
    sources: options.SourceFlags,
    format: FormatFlag = Format.table,
) -> None:
    """Compute every digest, seed, grade and figure of a run again, and generate a few samples again.

    One line a claim: ok, FAILED, or not checkable and why. Exit code 1 if one failed; nothing is written.
    """
    from dataclasses import asdict
    from itertools import chain

    from rast_eval.cli.output import show
    from rast_eval.names import printable
    from rast_eval.report.table import Table
    from rast_eval.runs import regenerate as regeneration
    from rast_eval.runs.verify import Verification

    verification = Verification(
        run,
        workers=grading.workers,
        data_dir=sources.data_dir,
        include_path=sources.include_path,
        code=grading.code,
    )
    claims = []
    for claim in chain(verification.claims(), regeneration.claims(verification, regenerate) if regenerate else ()):
        claims.append(claim)
        if format is Format.table:
            echo(printable(f"{claim.status:<14}{claim.name}: {claim.found}"))
    if format is not Format.table:
        rows = tuple((claim.status, claim.name, claim.found) for claim in claims)
        show(Table(f"{run.name}: claims", ("status", "claim", "found"), rows), format, [asdict(c) for c in claims])
    failed = sum(claim.status == "FAILED" for claim in claims)
    unchecked = sum(claim.status == "not checkable" for claim in claims)
    echo(f"{len(claims)} claims, {failed} failed, {unchecked} not checkable here.", err=True)
    if failed:
        raise typer.Exit(1)
