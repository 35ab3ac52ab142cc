"""`rast-eval view RUN [RUN2]`: every sample in a browser, with its question, its grades and what it differs from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rast_eval.cli import options
from rast_eval.cli.flags import grouped


@grouped
def view(
    *,
    run: options.RunFolder,
    second: Annotated[Path | None, typer.Argument(metavar="[RUN2]", help="A run to set beside it.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="On 127.0.0.1.", show_default="8421, else a free one")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write one file that needs no server and no network.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-L", min=1, help="Problems in a bundle.")] = None,
    sources: options.SourceFlags,
) -> None:
    """Look at every sample: question, gold, arms side by side, where they part; finished, growing or imported runs."""
    from rast_eval.view.bundle import write_bundle
    from rast_eval.view.data import Sources, Viewed
    from rast_eval.view.server import ViewServer

    paths = [run, *([second] if second else [])]
    shown = Viewed(paths, Sources(sources.data_dir, sources.include_path))
    if bundle is not None:
        write_bundle(shown, bundle, limit)
        typer.echo(bundle)
        return
    with ViewServer(shown, port) as server:
        typer.echo(f"{server.url}   (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("", err=True)
