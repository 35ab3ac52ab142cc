import json
from dataclasses import replace

import pytest

from rast_eval.errors import StoreError
from rast_eval.results.store import Store
from rast_eval.types import Arm, Cell, Completion, ModelRef, Request, Sampling, System

CELL = Cell(Arm("rast"), System(ModelRef("b")), "sums", "simplerl", Sampling(1.0, 0.95, 8), "tiny", (), 4, 2, "f" * 16)
REQUEST = Request("0", 0, (1, 2), 5)


def completion(problem="0", sample=0, output="\\boxed{1}"):
    return Completion(problem, sample, output, 3, "stop")


FACTS = {"seed": 0, "backend": "hf", "dtype": "auto"}
COLDER = replace(CELL, fingerprint="e" * 16, sampling=replace(CELL.sampling, temperature=0.7))


def test_samples_come_back_by_key_also_odd_text(tmp_path):
    store = Store(tmp_path)
    odd = "lone \ud800, null \0, line \u2028 and λ"
    with store.locked():
        store.append(CELL, REQUEST, completion(output=odd))
        store.append(CELL, REQUEST, completion(sample=1))
    samples = Store(tmp_path).samples(CELL)
    assert set(samples) == {("0", 0), ("0", 1)}
    assert samples["0", 0]["output"] == odd


def test_a_torn_last_line_is_dropped_and_overwritten(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        store.append(CELL, REQUEST, completion())
    path = tmp_path / "samples" / "rast" / "sums.jsonl"
    with path.open("ab") as handle:
        handle.write(b'{"fingerprint": "ffff", "probl' + b"x" * 200_000)
    assert len(store.samples(CELL)) == 1
    with store.locked():
        store.append(CELL, REQUEST, completion(sample=1))
    assert len(store.samples(CELL)) == 2
    assert len(path.read_bytes().splitlines()) == 2


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "samples" / "rast" / "sums.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("garbage\n")
    with pytest.raises(StoreError, match="Line 1"):
        Store(tmp_path).samples(CELL)


def test_shards_are_read_as_one(tmp_path):
    for index in range(2):
        store = Store(tmp_path, (index, 2))
        with store.locked():
            store.append(CELL, REQUEST, completion(problem=str(index)))
    assert set(Store(tmp_path).samples(CELL)) == {("0", 0), ("1", 0)}


def test_two_processes_on_one_run_are_refused(tmp_path):
    with Store(tmp_path).locked(), pytest.raises(StoreError, match="Another process"), Store(tmp_path).locked():
        pass
    with Store(tmp_path).locked(), Store(tmp_path, (0, 2)).locked():
        pass


def test_other_settings_are_refused_by_name_and_replaced_on_request(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        store.begin([CELL], FACTS, overwrite=False)
        store.append(CELL, REQUEST, completion())
    with pytest.raises(StoreError, match=r"temperature 1\.0 there, 0\.7 here"):
        store.begin([COLDER], FACTS, overwrite=False)
    assert len(store.samples(CELL)) == 1
    store.begin([replace(CELL, arm=Arm("base"))], FACTS, overwrite=False)
    assert [cell["arm"] for cell in store.manifest()["cells"]] == ["rast", "base"]
    store.begin([COLDER], FACTS, overwrite=True)
    assert not store.samples(CELL)


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(StoreError, match="holds no run"):
        Store(tmp_path).manifest()
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path).manifest()


def test_a_full_disk_keeps_what_was_written(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with store.locked():
        store.append(CELL, REQUEST, completion())

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="disk is full"):
            store.append(CELL, REQUEST, completion(sample=1))
    assert ("0", 0) in store.samples(CELL)
    assert json.loads((tmp_path / "samples/rast/sums.jsonl").read_text().splitlines()[0])["sample"] == 0
