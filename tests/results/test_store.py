import json
from dataclasses import replace

import pytest

from rast_eval.errors import StoreError
from rast_eval.results.samples import key_of
from rast_eval.results.store import Store
from rast_eval.types import Arm, Cell, Completion, ModelRef, Request, Sampling, System

CELL = Cell(Arm("rast"), System(ModelRef("b")), "sums", "simplerl", Sampling(1.0, 0.95, 8), "tiny", (), 4, 2, "f" * 16)
REQUEST = Request("0", 0, (1, 2), 5, "a" * 64, "b" * 64)


def completion(problem="0", sample=0, output="\\boxed{1}"):
    return Completion(problem, sample, output, 3, "stop")


def held(store, cell=CELL):
    return {key_of(row): row for row in store.iter_samples(cell)}


FACTS = {"seed": 0, "backend": "hf", "dtype": "auto"}
COLDER = replace(CELL, fingerprint="e" * 16, sampling=replace(CELL.sampling, temperature=0.7))


def test_samples_come_back_by_key_also_odd_text(tmp_path):
    store = Store(tmp_path)
    odd = "lone \ud800, null \0, line \u2028 and λ"
    with store.locked():
        store.append(CELL, REQUEST, completion(output=odd))
        store.append(CELL, REQUEST, completion(sample=1))
    samples = held(Store(tmp_path))
    assert set(samples) == {("0", 0), ("0", 1)}
    assert samples["0", 0]["output"] == odd


def test_a_torn_last_line_is_dropped_and_overwritten(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        store.append(CELL, REQUEST, completion())
    path = tmp_path / "samples" / "rast" / "sums.jsonl"
    with path.open("ab") as handle:
        handle.write(b'{"fingerprint": "ffff", "probl' + b"x" * 200_000)
    assert len(held(store)) == 1
    with store.locked():
        store.append(CELL, REQUEST, completion(sample=1))
    assert len(held(store)) == 2
    assert len(path.read_bytes().splitlines()) == 2


def test_a_damaged_line_in_the_middle_is_named_and_set_aside_by_whoever_continues(tmp_path):
    store, path = Store(tmp_path), tmp_path / "samples" / "rast" / "sums.jsonl"
    with store.locked():
        for sample in range(3):
            store.append(CELL, REQUEST, completion(sample=sample))
    kept = path.read_bytes().splitlines(keepends=True)
    for damage in (b"garbage\n", b"null\n", b"{}\n", b"\xff\xfe\n", kept[1].replace(b"boxed{1}", b"boxed{2}")):
        path.write_bytes(kept[0] + damage + kept[2])
        with pytest.warns(UserWarning, match="line 2"):
            assert set(held(store)) == {("0", 0), ("0", 2)}
        assert path.read_bytes() == kept[0] + damage + kept[2]  # a reader changes nothing
        with store.locked(), pytest.warns(UserWarning, match="Set aside"):
            assert {key_of(row) for row in store.resume(CELL)} == {("0", 0), ("0", 2)}
        assert path.read_bytes() == kept[0] + kept[2]
        assert path.with_name("sums.jsonl.damaged").read_bytes().endswith(damage)


def test_shards_are_read_as_one(tmp_path):
    for index in range(2):
        store = Store(tmp_path, (index, 2))
        with store.locked():
            store.append(CELL, REQUEST, completion(problem=str(index)))
    assert set(held(Store(tmp_path))) == {("0", 0), ("1", 0)}


def test_two_processes_on_one_run_are_refused(tmp_path):
    with Store(tmp_path).locked(), pytest.raises(StoreError, match="Another process"), Store(tmp_path).locked():
        pass
    with Store(tmp_path).locked(), pytest.raises(StoreError, match="Another"), Store(tmp_path, (0, 2)).locked():
        pass
    with Store(tmp_path, (0, 2)).locked(), Store(tmp_path, (1, 2)).locked():
        pass


def test_other_settings_are_refused_by_name_and_replaced_on_request(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        store.begin([CELL], FACTS, overwrite=False)
        store.append(CELL, REQUEST, completion())
    with pytest.raises(StoreError, match=r"temperature 1\.0 there, 0\.7 here"):
        store.begin([COLDER], FACTS, overwrite=False)
    assert len(held(store)) == 1
    store.begin([replace(CELL, arm=Arm("base"))], FACTS, overwrite=False)
    assert [cell["arm"] for cell in store.manifest()["cells"]] == ["rast", "base"]
    store.begin([COLDER], FACTS, overwrite=True)
    assert not held(store)
    store.append(COLDER, REQUEST, completion())
    store.begin([COLDER], FACTS, overwrite=True)  # interrupted, typed again: what it has made stays
    assert len(held(store, COLDER)) == 1
    store.note(status="complete")
    store.begin([COLDER], FACTS, overwrite=True)
    assert not held(store, COLDER)


def test_a_shard_that_overwrites_removes_its_own_samples_only(tmp_path):
    for index in range(2):
        store = Store(tmp_path, (index, 2))
        with store.locked():
            store.begin([CELL], FACTS, overwrite=False)
            store.append(CELL, REQUEST, completion(problem=str(index)))
    with Store(tmp_path, (0, 2)).locked():
        Store(tmp_path, (0, 2)).begin([CELL], FACTS, overwrite=True)
    assert set(held(Store(tmp_path))) == {("1", 0)}


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
    assert ("0", 0) in held(store)
    assert json.loads((tmp_path / "samples/rast/sums.jsonl").read_text().splitlines()[0])["sample"] == 0
