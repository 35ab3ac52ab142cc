"""The `compose` command on the embedded family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rast_eval.tiny
from rast_eval.cli.compose import compose
from rast_eval.errors import UsageError

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


def test_short_names_and_paths_give_the_same_composite(tmp_path, capsys):
    compose("tiny-m", tmp_path / "names", delta=["tiny-s:0.5"])
    compose(
        str(TINY / "m-base"),
        tmp_path / "paths",
        expert=str(TINY / "s-rl"),
        antiexpert=str(TINY / "s-base"),
        weight=0.5,
    )
    names, paths = (json.loads((tmp_path / kind / "config.json").read_text()) for kind in ("names", "paths"))
    assert names == paths
    assert capsys.readouterr().out.split() == [str(tmp_path / "names"), str(tmp_path / "paths")]


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weight_must_be_finite(tmp_path, weight):
    with pytest.raises(UsageError, match="finite"):
        compose("tiny-m", tmp_path, delta=["tiny-s"], weight=weight)
