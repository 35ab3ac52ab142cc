"""The `compose` command on the embedded family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rast_eval.tiny
from rast_eval.cli import dispatch

TINY = Path(rast_eval.tiny.__file__).parent / "checkpoints"


def compose(*arguments):
    return dispatch(["compose", *map(str, arguments)])


def test_short_names_and_paths_give_the_same_composite(tmp_path, capsys):
    paths = ["--base", TINY / "m-base", "--expert", TINY / "s-rl", "--antiexpert", TINY / "s-base", "--lambda", "0.5"]
    assert compose("--base", "tiny-m", "--delta", "tiny-s:0.5", "-o", tmp_path / "names") == 0
    assert compose(*paths, "-o", tmp_path / "paths") == 0
    names, paths = (json.loads((tmp_path / kind / "config.json").read_text()) for kind in ("names", "paths"))
    assert names == paths
    assert capsys.readouterr().out.split() == [str(tmp_path / "names"), str(tmp_path / "paths")]


@pytest.mark.parametrize("weight", ["nan", "inf"])
def test_weight_must_be_finite(tmp_path, capsys, weight):
    assert compose("--base", "tiny-m", "--delta", "tiny-s", "--lambda", weight, "-o", tmp_path / "x") == 2
    assert "not a finite number" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_base_alone_is_no_composite(tmp_path, capsys):
    assert compose("--base", "tiny-m", "--delta", "none", "-o", tmp_path / "x") == 2
    assert "--delta" in capsys.readouterr().err
