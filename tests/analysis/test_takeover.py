"""Tokens that another model chooses: none is the writer alone, all are the other alone, and a run goes on."""

import pytest

pytest.importorskip("torch")

from rast_eval.analysis.takeover import draw, measure, takeover_table
from rast_eval.cli import dispatch
from rast_eval.config import RunConfig
from rast_eval.errors import UsageError
from rast_eval.inputs.models import resolve_models
from rast_eval.results.reader import iter_samples, load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("takeover") / "run"
    assert dispatch(["run", "--limit", "3", "--n", "1", "--max-tokens", "60", "--backend", "hf", "-o", str(path)]) == 0
    return load_run(path)


def outputs(run):
    return {cell.arm: [row["output"] for row in iter_samples(run, cell)] for cell in run.cells}


GIVEN = RunConfig(resolve_models(), n=1, limit=3)


def test_the_ends_are_the_two_models_and_between_them_more_tokens_change_hands(run, tmp_path):
    found = measure(run, "rl", GIVEN, (0.0, 0.5, 1.0))
    assert [(row.writer, row.chooser, row.threshold) for row in found] == [
        (*arms, t) for arms in (("base", "rl"), ("rl", "base")) for t in (1.0, 0.5, 0.0)
    ]
    alone = outputs(run)
    for writer, chooser in (("base", "rl"), ("rl", "base")):
        rows = [row for row in found if row.writer == writer]
        assert [row.share for row in (rows[0], rows[2])] == [0, 1]
        assert 0 < rows[1].share < 0.5
        folder = run.path / "takeover" / f"{chooser}-in-{writer}" / "tiny-arith"
        for threshold, arm in ((1, writer), (0, chooser)):
            assert outputs(load_run(folder / f"gated,disagreement={threshold}"))["rast"] == alone[arm]
    assert [len(row) for row in takeover_table("t", found).rows] == [7] * 6
    assert draw(found, tmp_path / "figure").is_file()
    assert repr(measure(run, "rl", GIVEN, (0.0, 0.5, 1.0))) == repr(found)


def test_rast_takes_over_where_the_small_pair_disagrees(run):
    found = measure(run, "rast", GIVEN, (0.0, 1.0))
    assert [row.share for row in found] == [0, 1]
    folder = run.path / "takeover" / "rast-in-base" / "tiny-arith" / "gated,disagreement=0"
    assert outputs(load_run(folder))["rast"] == outputs(run)["rast"]


def test_what_cannot_take_over_is_refused(run):
    with pytest.raises(UsageError, match="lack 0 or 1"):
        measure(run, "rl", GIVEN, (0.5, 1.0))
    with pytest.raises(UsageError, match="no benchmark with base and expert"):
        measure(run, "expert", GIVEN, (0.0, 1.0))
