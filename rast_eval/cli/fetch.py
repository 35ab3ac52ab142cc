"""`rast-eval fetch`: bring weights, tokenizers and rows once, so that runs need no network."""

from __future__ import annotations

from rast_eval.cli import options, parsing
from rast_eval.cli.flags import grouped


@grouped
def fetch(
    names: options.ModelFlags,
    rl: options.Ceiling = None,
    chosen: options.Benchmarks = None,
    sources: options.SourceFlags = options.SourceFlags(),
) -> None:
    """Bring every checkpoint and benchmark of a run into the hub's cache, at the commit it has now.

    The same flags given to `rast-eval run --offline` then touch no network. What is there already is not asked for
    again, and half a download goes on where it stopped.
    """
    from rast_eval.decoding.fetching import fetch_checkpoint
    from rast_eval.inputs import benchmarks, hub

    models = options.pinned(names.models(rl=rl))
    hub.reachable()
    hub.check_disk(list(models.checkpoints))
    for ref in dict.fromkeys(models.checkpoints):
        path = ref.path if hub.is_local(ref) else fetch_checkpoint(ref)
        print(f"{ref.label}\t{ref.revision or 'local'}\t{path}", flush=True)
    for name in parsing.split_names(chosen) or models.benchmarks:
        benchmark = benchmarks.get(name, sources.include_path)
        rows = benchmarks.load(benchmark, sources.data_dir)
        revision = benchmark.hub.revision if benchmark.hub else "local"
        print(f"{name}\t{revision}\t{len(rows)} rows", flush=True)
