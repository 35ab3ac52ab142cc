"""Whole targets on the embedded family at the smallest size."""

import dataclasses
import json

import pytest

from rast_eval.errors import UnknownName
from rast_eval.inputs import benchmarks
from rast_eval.paper import targets
from rast_eval.paper.runs import Reproduction
from rast_eval.paper.scale import paper, tiny

ALL = (
    *("table1", "table2", "table3", "table4", "table5", "table6", "figure1", "figure3", "figure4", "figure5"),
    *("figure6", "figure8", "figure9", "figure10", "appendix-e"),
)


def test_every_target_of_the_makefile_exists():
    assert tuple(targets.TARGETS) == ALL
    assert [t.name for t in targets.select(["paper"])] == list(ALL)
    assert [t.name for t in targets.select(["figure3", "figure3"])] == ["figure3"]
    with pytest.raises(UnknownName, match="table or figure"):
        targets.select(["table9"])


def test_runs_are_shared_between_targets():
    specs = targets.needed_runs(targets.select(["paper"]), paper())
    names = [spec.name for spec in specs]
    assert len(names) == len(set(names))
    assert {"32b", "32b+14b", "ensemble", "sweep/lambda=0.5,temperature=1"} <= set(names)
    assert len(specs) == 3 + 6 + 2 + 1 + 25 + 1


@pytest.mark.slow
def test_the_page_is_complete(tmp_path):
    scale = tiny()
    small = dataclasses.replace(
        scale,
        pairs=scale.pairs[:1],
        n=2,
        limit=4,
        sweep_n=1,
        sweep_limit=3,
        path_problems=3,
        weights=(0.5, 1.0),
        temperatures=(1.0,),
        ensemble=None,
    )
    targets.make(["paper"], Reproduction(small, tmp_path))
    text = (tmp_path / "paper.md").read_text()
    html = (tmp_path / "paper.html").read_text()
    for target in targets.TARGETS.values():
        assert f"## {target.title}" in text
        assert f'id="{target.name}"' in html
        assert (tmp_path / f"{target.name}.md").is_file()
    for name in ("figure1", "figure1b", "figure3", "figure4", "figure5", "figure6", "figure8", "figure9", "figure10"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert (tmp_path / f"{name}.pdf").is_file()
    assert benchmarks.get("tiny-arith").title in text
    assert "<span" in (tmp_path / "figure5.html").read_text()
    coverage = json.loads((tmp_path / "analysis/figure1.json").read_text())
    base = small.bases[0]
    assert len(coverage[base]["base"]) == 3
