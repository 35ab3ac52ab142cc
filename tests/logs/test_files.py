"""What holds the rows: lines, documents, archives, tables, packed or broken off."""

from __future__ import annotations

import gzip
import json
import zipfile

import pandas as pd
import pytest

from rast_eval.errors import DataError
from rast_eval.logs.files import opened
from rast_eval.logs.rows import parse_row

ROWS = [{"output": str(n), "gold": "7"} for n in range(12)]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()


def rows(path):
    with opened(path) as log:
        return [parse_row(row) if isinstance(row, bytes) else row for row in log.rows], log.header


def archive(path, **packing):
    with zipfile.ZipFile(path, "w", **packing) as out:
        out.writestr("header.json", '{"eval": {"model": "m"}}')
        for number, row in enumerate(ROWS):
            out.writestr(f"samples/{number}_epoch_1.json", json.dumps(row))
        out.writestr("summaries.json", "[]")


def test_the_same_rows_from_every_holder(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=1))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(ROWS).encode()))
    (tmp_path / "lines.json").write_bytes(LINES)
    (tmp_path / "log.json").write_text(json.dumps({"eval": {"model": "m"}, "samples": ROWS}))
    archive(tmp_path / "log.eval")
    pd.DataFrame(ROWS).to_parquet(tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        found, header = rows(path)
        assert found == ROWS, path
        assert header == ({"eval": {"model": "m"}} if path.stem == "log" else {})


def test_a_file_that_breaks_off_is_named(tmp_path):
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(LINES)[:-9])
    archive(tmp_path / "whole.eval")
    (tmp_path / "cut.eval").write_bytes((tmp_path / "whole.eval").read_bytes()[:-200])
    for name in ("cut.jsonl.gz", "cut.eval", "missing.jsonl"):
        with pytest.raises(DataError, match=rf"{name} cannot be read"):
            rows(tmp_path / name)


def test_what_is_done_with_a_row_fails_as_itself(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES)

    def reader():
        with opened(tmp_path / "a.jsonl") as log:
            next(log.rows)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        reader()


def test_a_packing_that_python_lacks_says_what_to_type(tmp_path, monkeypatch):
    archive(tmp_path / "log.eval")

    def refuse(*_):
        raise NotImplementedError("That compression method is not supported")

    monkeypatch.setattr(zipfile.ZipFile, "read", refuse)
    with pytest.raises(DataError, match="Zstandard") as caught:
        rows(tmp_path / "log.eval")
    assert "inspect log convert" in caught.value.hint
