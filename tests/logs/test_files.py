"""What holds the rows: lines, documents, archives, tables, packed or broken off."""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
import zlib

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


def zstandard(path):
    """The archive as Inspect packs it: stored by zipfile, then each member's numbers are those of its packing."""
    pyarrow = pytest.importorskip("pyarrow")
    archive(path)
    with zipfile.ZipFile(path) as plain:
        contents = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, content in contents.items():
            out.writestr(name, pyarrow.compress(content, codec="zstd", asbytes=True))
        for member in out.infolist():
            content = contents[member.filename]
            member.compress_type, member.file_size, member.CRC = 93, len(content), zlib.crc32(content)


def test_an_archive_packed_with_zstandard(tmp_path):
    archive(tmp_path / "plain.eval")
    zstandard(tmp_path / "log.eval")
    assert rows(tmp_path / "log.eval") == rows(tmp_path / "plain.eval")


def test_a_damaged_one_is_told(tmp_path):
    zstandard(tmp_path / "log.eval")
    content = bytearray((tmp_path / "log.eval").read_bytes())
    content[60:64] = b"\0\0\0\0"
    (tmp_path / "log.eval").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        rows(tmp_path / "log.eval")


def test_a_packing_that_python_lacks_says_what_to_type(tmp_path, monkeypatch):
    zstandard(tmp_path / "log.eval")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    if sys.version_info >= (3, 14):
        return
    with pytest.raises(DataError, match="Zstandard") as caught:
        rows(tmp_path / "log.eval")
    assert "inspect log convert" in caught.value.hint
