import pytest
from run_writer import write_run

from rast_eval.errors import StoreError
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run
from rast_eval.results.repair import UNKNOWN, read_manifest, rebuild_cells
from rast_eval.results.store import Store

CELLS = [
    {"arm": arm, "benchmark": "math500", "accuracy": accuracy, "problems": 6, "n": 3}
    for arm, accuracy in (("base", 0.3), ("rast", 0.6), ("rl", 0.9))
]


def test_samples_tell_the_cells_and_say_what_they_cannot(tmp_path):
    path = write_run(tmp_path / "r", CELLS)
    true = {cell.arm: cell for cell in load_run(path).cells}
    (path / "samples/rast/math500.shard-1-of-2.jsonl").write_text("")
    (path / "samples/nobody").mkdir()
    (path / "samples/nobody/math500.jsonl").write_bytes((path / "samples/rast/math500.jsonl").read_bytes())
    found = rebuild_cells(path)
    assert [cell.arm for cell in found] == ["base", "rast", "rl"]
    for cell in found:
        for fact in ("benchmark", "scorer", "n", "problem_count", "fingerprint"):
            assert getattr(cell, fact) == getattr(true[cell.arm], fact)
        assert cell.prompt == cell.system.label == UNKNOWN


@pytest.mark.parametrize("content", ["", "{", '{"cells": null}'])
def test_a_run_with_a_damaged_manifest_is_read_and_named(tmp_path, content):
    path = write_run(tmp_path / "r", CELLS)
    whole = evaluate_run(path)
    (path / "manifest.json").write_text(content)
    with pytest.warns(UserWarning, match="models, sampling, prompt and stop strings are unknown"):
        found = evaluate_run(path)
    assert [cell.accuracy for cell in found.cells] == [cell.accuracy for cell in whole.cells]
    assert {cell.decoding for cell in found.cells} == {UNKNOWN}
    assert "What the samples tell stands here" in found.warnings[0]
    assert (path / "manifest.json").read_text() == content


def test_another_shards_manifest_stands_in(tmp_path):
    path = write_run(tmp_path / "r", CELLS)
    (path / "manifest.shard-1-of-2.json").write_text((path / "manifest.json").read_text())
    (path / "manifest.json").write_text("")
    assert load_run(path).cells[0].prompt == "qwen-boxed"


def test_a_manifest_that_names_foreign_files_is_refused(tmp_path):
    path = write_run(tmp_path / "r", CELLS)
    text = (path / "manifest.json").read_text().replace('"math500"', '"../../../etc/passwd"')
    (path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match="cannot name a benchmark"):
        Store(path).manifest()


def test_reading_a_manifest_gives_it_back(tmp_path):
    path = write_run(tmp_path / "r", CELLS)
    manifest, cells = read_manifest(path / "manifest.json")
    assert len(manifest["cells"]) == len(cells) == 3
