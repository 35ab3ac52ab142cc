import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from full_disk import error_when_full
from run_writer import Judge
from small_store import CELL, FACTS, REQUEST, append, completion, keys, outputs

from rast_eval.errors import StoreError
from rast_eval.results.grades import fresh_grades
from rast_eval.results.samples import key_of
from rast_eval.results.store import Store
from rast_eval.types import Arm, Grade

COLDER = replace(CELL, fingerprint="e" * 16, sampling=replace(CELL.sampling, temperature=0.7))


def test_samples_come_back_by_key_also_odd_text(tmp_path):
    odd = "lone \ud800, null \0, line \u2028 and λ"
    append(Store(tmp_path), ("0", 0), output=odd)
    append(Store(tmp_path), ("0", 1), ("0", 1))
    assert keys(Store(tmp_path)) == [("0", 0), ("0", 1)]
    assert outputs(Store(tmp_path))["0", 0] == odd


def test_a_torn_last_line_is_dropped_and_overwritten(tmp_path):
    store = Store(tmp_path)
    append(store, ("0", 0))
    path = tmp_path / "samples" / "rast" / "sums.jsonl"
    with path.open("ab") as handle:
        handle.write(b'{"fingerprint": "ffff", "probl' + b"x" * 200_000)
    assert len(keys(store)) == 1
    append(store, ("0", 1))
    assert len(keys(store)) == 2
    assert len(path.read_bytes().splitlines()) == 2


def test_a_damaged_line_is_left_out_by_readers_and_set_aside_by_the_writer(tmp_path):
    store = Store(tmp_path)
    append(store, ("0", 0), ("0", 1), ("0", 2))
    path = tmp_path / "samples" / "rast" / "sums.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    bad = lines[1].replace(b"boxed{1}", b"boxed{2}")
    path.write_bytes(lines[0] + bad + lines[2])
    before = path.read_bytes()
    with pytest.warns(UserWarning, match=r"sums.jsonl holds 1 damaged line \(line 2: .*Left out here"):
        assert keys(store) == [("0", 0), ("0", 2)]
    assert path.read_bytes() == before
    with pytest.warns(UserWarning, match=r"Set aside in sums.jsonl.damaged"), store.locked():
        assert {key_of(row) for row in store.resume(CELL)} == {("0", 0), ("0", 2)}
    assert path.read_bytes() == lines[0] + lines[2]
    assert path.with_name("sums.jsonl.damaged").read_bytes() == bad
    append(store, ("0", 1))
    assert path.read_bytes() == lines[0] + lines[2] + lines[1]


def test_a_shard_sets_aside_lines_of_its_own_file_only(tmp_path):
    for index in range(2):
        append(Store(tmp_path, (index, 2)), (str(index), 0))
    files = sorted((tmp_path / "samples/rast").iterdir())
    for file in files:
        file.write_bytes(b"null\n" + file.read_bytes())
    store = Store(tmp_path, (0, 2))
    with pytest.warns(UserWarning, match="damaged line") as told, store.locked():
        assert {key_of(row) for row in store.resume(CELL)} == {("0", 0), ("1", 0)}
    assert ["Set aside" in str(one.message) for one in told] == [True, False]
    assert [file.read_bytes().startswith(b"null") for file in files] == [False, True]


def test_shards_are_read_as_one(tmp_path):
    for index in range(2):
        append(Store(tmp_path, (index, 2)), (str(index), 0))
    assert keys(Store(tmp_path)) == [("0", 0), ("1", 0)]


def test_two_processes_on_one_run_are_refused(tmp_path):
    for one, other in ((None, None), (None, (0, 2)), ((0, 2), None), ((0, 2), (0, 2))):
        with (
            Store(tmp_path, one).locked(),
            pytest.raises(StoreError, match="Another process"),
            Store(tmp_path, other).locked(),
        ):
            pass
    with Store(tmp_path, (0, 2)).locked(), Store(tmp_path, (1, 2)).locked(), Store(tmp_path).grading():
        pass


def test_a_killed_process_leaves_no_lock_and_loses_no_whole_line(tmp_path):
    code = f"""
import os, signal, sys
from run_writer import Judge
from small_store import *
from pathlib import Path
from rast_eval.results.store import Store
store = Store(Path({str(tmp_path)!r}))
with store.locked():
    for number in range(3):
        store.append(CELL, REQUEST, completion(sample=number))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    helpers = os.pathsep.join(path for path in sys.path if path.endswith("helpers"))
    environment = {**os.environ, "PYTHONPATH": f"{helpers}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == -9
    store = Store(tmp_path)
    append(store, ("0", 3))
    assert keys(store) == [("0", sample) for sample in range(4)]


def test_other_settings_are_refused_by_name_and_replaced_on_request(tmp_path):
    store = Store(tmp_path)
    store.begin([CELL], FACTS, overwrite=False)
    append(store, ("0", 0))
    with pytest.raises(StoreError, match=r"temperature 1\.0 there, 0\.7 here"):
        store.begin([COLDER], FACTS, overwrite=False)
    assert len(keys(store)) == 1
    store.begin([replace(CELL, arm=Arm("base"))], FACTS, overwrite=False)
    assert [cell["arm"] for cell in store.manifest()["cells"]] == ["rast", "base"]
    store.begin([COLDER], FACTS, overwrite=True)
    assert not keys(store)


def test_overwriting_happens_once_however_often_the_command_is_typed(tmp_path, capsys):
    store = Store(tmp_path)
    for output in ("old", "new"):
        store.begin([CELL], FACTS, overwrite=True)
        append(store, ("0", 0), output=output)
        store.note(status="complete")
    assert outputs(store) == {("0", 0): "new"}
    store.begin([CELL], FACTS, overwrite=True)
    append(store, ("0", 0), output="newer")
    store.begin([CELL], FACTS, overwrite=True)  # the same command after an interrupt
    assert "goes on where the overwriting stopped" in capsys.readouterr().err
    append(store, ("0", 1), output="newer")
    store.begin([CELL], FACTS, overwrite=False)  # the same without the flag
    assert outputs(store) == {("0", 0): "newer", ("0", 1): "newer"}
    store.begin([COLDER], FACTS, overwrite=True)  # another command: nothing of it is there yet
    assert not keys(store, CELL)
    append(store, ("0", 0), cell=COLDER)
    store.begin([CELL], FACTS, overwrite=True)
    assert not keys(store, COLDER)


def test_a_shard_overwrites_its_own_file_only(tmp_path):
    for index in range(2):
        store = Store(tmp_path, (index, 2))
        store.begin([CELL], FACTS, overwrite=True)
        append(store, (str(index), 0), output="old")
        store.note(status="complete")
    Store(tmp_path, (0, 2)).begin([CELL], FACTS, overwrite=True)
    assert outputs(Store(tmp_path)) == {("1", 0): "old"}
    Store(tmp_path).begin([CELL], FACTS, overwrite=True)
    assert not outputs(Store(tmp_path))


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(StoreError, match="holds no run"):
        Store(tmp_path).manifest()
    for content, reason in (("", "damaged: it is empty"), ("{", "damaged: it is no JSON"), ("[]", "lacks what a run")):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(StoreError, match=reason):
            Store(tmp_path).manifest()


@pytest.mark.parametrize(("content", "told"), [({"schema": 1}, "has format 1"), ({"cells": []}, "has no format")])
def test_a_manifest_of_another_format_is_refused(tmp_path, content, told):
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(StoreError, match=f"{told}, and this version reads format 2") as caught:
        Store(tmp_path).manifest()
    assert "another -o DIR" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b'{"cells": [', b"\0\0\0", b"[]", b'{"schema": 2, "cells": [{}]}', b"\xff"])
def test_a_damaged_manifest_is_kept_aside_and_written_anew(tmp_path, content):
    store = Store(tmp_path)
    store.begin([CELL, replace(CELL, arm=Arm("base"), fingerprint="b")], FACTS, overwrite=False)
    append(store, ("0", 0))
    append(store, ("0", 0), cell=replace(CELL, arm=Arm("base"), fingerprint="b"))
    store.manifest_path.write_bytes(content)
    with pytest.warns(UserWarning, match="base on sums also models, sampling"):
        store.begin([CELL], FACTS, overwrite=False)
    assert (tmp_path / "manifest.json.damaged").read_bytes() == content
    assert [cell["arm"] for cell in store.manifest()["cells"]] == ["rast"]
    assert keys(store) == [("0", 0)]


def test_other_settings_are_refused_without_a_manifest_too(tmp_path):
    store = Store(tmp_path)
    store.begin([CELL], FACTS, overwrite=False)
    append(store, ("0", 0))
    store.manifest_path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StoreError, match="no longer says which"), pytest.warns(UserWarning, match="is empty"):
            store.begin([COLDER], FACTS, overwrite=False)
    assert keys(store) == [("0", 0)]


KEYS = [("0", 0), ("0", 1), ("1", 0)]


def _whole_run(root):
    store = Store(root)
    with store.locked():
        store.begin([CELL], FACTS, overwrite=False)
        held = {key_of(row) for row in store.resume(CELL)}
        for problem, sample in KEYS:
            if (problem, sample) not in held:
                store.append(CELL, REQUEST, completion(problem, sample, f"output {problem} {sample}"))
        with (
            store.open_samples(CELL) as stored,
            fresh_grades(store.grades_file(CELL, "simplerl"), Judge("simplerl")) as fresh,
        ):
            for problem in ("0", "1"):
                samples = [sample for p, sample in KEYS if p == problem]
                fresh.add(problem, [(Grade(problem, j, "7", True, "ok"), stored.digest((problem, j))) for j in samples])
            with store.grading():
                fresh.merge(["0", "1"], stored)
        store.note(status="complete")


def _content(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def _forget_sessions(root):
    """Whether it was interrupted is the one thing in which a run may differ."""
    manifest = Store(root).manifest()
    assert manifest.pop("sessions")
    (root / "manifest.json").write_text(json.dumps(manifest))


def test_a_disk_that_fills_at_any_write_costs_one_sentence_and_no_sample(tmp_path):
    whole = tmp_path / "whole"
    _whole_run(whole)
    _forget_sessions(whole)
    for number in range(1000):
        root = tmp_path / str(number)
        error, _ = error_when_full(number, lambda root=root: _whole_run(root))
        if error is None:
            break
        held = outputs(Store(root))
        _whole_run(root)
        assert held.items() <= outputs(Store(root)).items()
        _forget_sessions(root)
        assert _content(root) == _content(whole)
    assert 20 < number < 1000


def test_a_failed_fsync_is_a_failed_sample(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with store.locked():
        store.append(CELL, REQUEST, completion())

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="disk is full"):
            store.append(CELL, REQUEST, completion(sample=1))
    assert keys(store) == [("0", 0)]
    assert json.loads((tmp_path / "samples/rast/sums.jsonl").read_text().splitlines()[0])["sample"] == 0
