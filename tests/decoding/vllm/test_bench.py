"""The benchmark measures every engine and prints one JSON object; no number of it is asserted."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("vllm")

from rast_eval.inputs.shapes import ModelShape
from tools.bench import decode, speculate

pytestmark = [pytest.mark.vllm, pytest.mark.slow]


@pytest.mark.parametrize("flag", ["--together", "--no-together"])
def test_every_engine_is_timed(flag, capfd, monkeypatch):
    monkeypatch.setattr(decode, "SMALL_BASE", ModelShape(64, 2, 2, 2, 32, 128, 512, 1024))
    monkeypatch.setattr(decode, "SMALL_DELTA", ModelShape(32, 1, 1, 1, 32, 64, 448, 1024))
    decode.main(["--json", "--steps", "8", "--batch", "2", flag])
    result = json.loads(capfd.readouterr().out)
    assert set(result["ms_per_step"]) == {"base", "expert", "antiexpert", "fused", "hf"}
    assert all(value > 0 for value in result["ms_per_step"].values())
    assert result["ratio_fused_to_sum"] > 0
    assert result["tokens_per_second"]["base"] == pytest.approx(2000 / result["ms_per_step"]["base"], rel=0.01)


@pytest.mark.usefixtures("drafts")
def test_speculation_takes_turns_with_plain_decoding(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(speculate, "BASE", ModelShape(64, 2, 2, 2, 32, 128, 512, 2048, attention_bias=True))
    monkeypatch.setattr(speculate, "SMALL", ModelShape(64, 1, 2, 2, 32, 64, 512, 2048, attention_bias=True))
    flags = ["--acceptance", "0.7", "--batches", "2", "--drafts", "2", "--tokens", "16", "--rounds", "2", "--no-tiny"]
    speculate.main([*flags, "--json", "--plot", str(tmp_path / "plot.png")])
    rows = json.loads(capfd.readouterr().out)["0.7"]
    assert [row["engine"] for row in rows] == ["plain", "base alone", "auto", "γ = 2"]
    assert rows[0]["ratio"] == 1.0
    assert 1 < rows[-1]["tokens_per_pass"] <= 3
    assert 0.3 < rows[-1]["accepted"] <= 1
    assert (tmp_path / "plot.png").stat().st_size > 0
