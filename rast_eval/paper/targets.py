"""Targets by name, each a section; together one page as markdown and HTML."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rast_eval.errors import UnknownName
from rast_eval.files import replace_file
from rast_eval.paper import figures, runs, tables, trajectory_figures, word_figures
from rast_eval.paper.runs import NamedRun, Reproduction
from rast_eval.paper.scale import Scale
from rast_eval.report.page import Block, Heading, Text, to_html, to_markdown


@dataclass(frozen=True)
class Target:
    """One table or figure.

    Attributes:
        needs: the runs it is made of.
    """

    name: str
    title: str
    build: Callable[[Reproduction], list[Block]]
    needs: Callable[[Scale], Sequence[NamedRun]]


def _main(scale: Scale) -> list[NamedRun]:
    base, delta = scale.main_pair
    return [runs.base_run(scale, base), runs.pair_run(scale, base, delta)]


def _pairs(scale: Scale) -> list[NamedRun]:
    return [
        *(runs.base_run(scale, base) for base in scale.bases),
        *(runs.pair_run(scale, *pair) for pair in scale.pairs),
    ]


def _sweeps(scale: Scale) -> list[NamedRun]:
    return [
        *(runs.sweep_run(scale, weight, 1.0) for weight in scale.weights),
        *(runs.sweep_run(scale, 0.5, temperature) for temperature in scale.temperatures),
    ]


def _ensemble(scale: Scale) -> list[NamedRun]:
    named = runs.ensemble_run(scale)
    if named is None or scale.ensemble is None:
        return []
    base, deltas = scale.ensemble
    return [runs.base_run(scale, base), *(runs.pair_run(scale, base, delta) for delta in deltas), named]


def _nothing(_: Scale) -> list[NamedRun]:
    return []


TARGETS = {
    target.name: target
    for target in (
        Target("table1", "Table 1: accuracy and recovery rate by size and delta", tables.table1, _pairs),
        Target("table2", "Table 2: a base without a ceiling", tables.table2, runs.bare_runs),
        Target("table3", "Table 3: greedy, code", tables.table3, lambda scale: [runs.code_run(scale)]),
        Target("table4", "Table 4: GPU memory", tables.table4, _pairs),
        Target("table5", "Table 5: decoding", tables.table5, lambda scale: [*_pairs(scale), runs.code_run(scale)]),
        Target("table6", "Table 6: response length", tables.table6, _pairs),
        Target("figure1", "Figure 1: path coverage", trajectory_figures.figure1, _nothing),
        Target("figure3", "Figure 3: pass@k", figures.figure3, _main),
        Target("figure4", "Figure 4: similarity of deltas", trajectory_figures.figure4, _pairs),
        Target("figure5", "Figure 5: divergence a token", trajectory_figures.figure5, _nothing),
        Target("figure6", "Figure 6: λ and temperature", figures.figure6, _sweeps),
        Target("figure8", "Figure 8: majority@k", figures.figure8, _main),
        Target("figure9", "Figure 9: reasoning words", word_figures.figure9, _main),
        Target("figure10", "Figure 10: reasoning behaviours", word_figures.figure10, _main),
        Target("appendix-e", "Appendix E: ensemble of deltas", tables.appendix_e, _ensemble),
    )
}


def select(names: Sequence[str], known: Mapping[str, Target] = TARGETS) -> list[Target]:
    """Targets by name; `paper` is all of them.

    Raises:
        UnknownName: nobody is called so.
    """
    chosen: dict[str, Target] = {}
    for name in names:
        if name != "paper" and name not in known:
            raise UnknownName("table or figure", name, [*known, "paper"])
        chosen.update(known if name == "paper" else {name: known[name]})
    return list(chosen.values())


def needed_runs(targets: Sequence[Target], scale: Scale) -> list[NamedRun]:
    """Runs of several targets, each once."""
    return list({named.name: named for target in targets for named in target.needs(scale)}.values())


def make(names: Sequence[str], reproduction: Reproduction, known: Mapping[str, Target] = TARGETS) -> list[Block]:
    """Build targets, write `<target>.md` each, and `paper.md` and `paper.html` for all of them.

    Args:
        known: targets by name.

    Returns:
        The blocks of every section, in order.
    """
    targets = select(names, known)
    reproduction.root.mkdir(parents=True, exist_ok=True)
    reproduction.prepare(needed_runs(targets, reproduction.scale))
    page: list[Block] = []
    for target in targets:
        started = time.monotonic()
        section: list[Block] = [Heading(target.title, target.name), *target.build(reproduction)]
        text = to_markdown("", [*reproduction.marks(), *section], reproduction.root)
        replace_file(reproduction.root / f"{target.name}.md", text)
        print(f"{target.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        page += section
    if "paper" in names:
        title = f"RAST (arXiv 2506.15710), reproduced at scale {reproduction.scale.name}"
        page = [*reproduction.marks(), *(Text(caveat) for caveat in reproduction.scale.caveats), *page]
        replace_file(reproduction.root / "paper.md", to_markdown(title, page, reproduction.root))
        replace_file(reproduction.root / "paper.html", to_html(title, page))
    return page
