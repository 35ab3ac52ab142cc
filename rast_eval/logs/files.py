"""The rows of a log file, whatever holds them: JSON lines, a JSON document, an archive, a table; packed or not."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rast_eval.errors import DataError, install

GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
"""What the files begin with."""

ZSTANDARD = 93
"""Its number among the packings of ZIP."""

Row = bytes | dict[str, Any]
"""A line that is not read yet, or a row that is."""


@dataclass(frozen=True)
class LogFile:
    """An open log.

    Attributes:
        rows: in order; a line of JSON lines comes as it stands.
        header: of a log in one document.
    """

    rows: Iterator[Row]
    header: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[LogFile]:
    """The rows of a file; `-` is standard input.

    Raises:
        DataError: it cannot be read.
    """
    with ExitStack() as held:
        with _readable(path):
            found = _open(path, held)
        yield LogFile(_guarded(path, found.rows), found.header)


def _open(path: Path, held: ExitStack) -> LogFile:
    if str(path) == "-":
        return LogFile(iter(sys.stdin.buffer))
    handle = held.enter_context(path.open("rb"))
    start = handle.peek(4)[:4]  # not read: a pipe cannot go back
    if start == ZIP:
        return _archive(path, held.enter_context(zipfile.ZipFile(handle)))
    if start == PARQUET:
        return LogFile(_table(handle))
    packed = start.startswith(GZIP)
    lines = held.enter_context(gzip.GzipFile(fileobj=handle)) if packed else handle
    return _document(lines.read()) if path.name.removesuffix(".gz").endswith(".json") else LogFile(iter(lines))


def _guarded(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; a file that breaks off is named. What is done with a row in between fails as itself."""
    while True:
        with _readable(path):
            row = next(rows, None)
        if row is None:
            return
        yield row


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{path} cannot be read: {reason}.", "Type a file of outputs that is there and whole."
        ) from error


def _document(content: bytes) -> LogFile:
    """A JSON document: a list of rows, a log with its `samples`, one row; else the lines of a misnamed file."""
    try:
        found = json.loads(content.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError):
        return LogFile(iter(io.BytesIO(content)))
    rows = found["samples"] if isinstance(found, dict) and isinstance(found.get("samples"), list) else found
    if not isinstance(rows, list):
        return LogFile(iter([found if isinstance(found, dict) else content]))
    header = {k: v for k, v in found.items() if k != "samples"} if isinstance(found, dict) else {}
    return LogFile((row if isinstance(row, dict) else json.dumps(row).encode() for row in rows), header)


def _archive(path: Path, archive: zipfile.ZipFile) -> LogFile:
    """Inspect's `.eval`: a header, and a member a sample.

    Raises:
        DataError: its packing is newer than this Python's, and pyarrow is not installed.
    """
    names = sorted((name for name in archive.namelist() if name.startswith("samples/")), key=_natural)

    def member(name: str) -> dict[str, Any]:
        try:
            content = archive.read(name)
        except NotImplementedError:  # Zstandard, which zipfile reads from Python 3.14 on
            content = _unpacked(archive, archive.getinfo(name))
        found = json.loads(content)
        return found if isinstance(found, dict) else {}

    try:
        header = member("header.json") if "header.json" in archive.namelist() else {}
    except ImportError as error:
        raise DataError(
            f"{path} is packed with Zstandard, which this Python's zipfile does not read (3.14 does).",
            f"Type `{install('parquet')}`, or `inspect log convert {path} --to json --output-dir DIR`.",
        ) from error
    return LogFile(map(member, dict.fromkeys(names)), header)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member packed with Zstandard, its bytes found behind its own header (APPNOTE.TXT, 4.3.7)."""
    import pyarrow

    if member.compress_type != ZSTANDARD or archive.fp is None:
        raise zipfile.BadZipFile(f"{member.filename} has packing {member.compress_type}, which is not known")
    archive.fp.seek(member.header_offset + 26)
    archive.fp.seek(sum(struct.unpack("<HH", archive.fp.read(4))), io.SEEK_CUR)
    packed = archive.fp.read(member.compress_size)
    content: bytes = pyarrow.decompress(packed, decompressed_size=member.file_size, codec="zstd", asbytes=True)
    if zlib.crc32(content) != member.CRC:
        raise zipfile.BadZipFile(f"{member.filename} is damaged")
    return content


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers by their size: sample 10 after sample 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _table(handle: IO[bytes]) -> Iterator[Row]:
    from pyarrow.parquet import ParquetFile

    for batch in ParquetFile(handle).iter_batches():
        yield from batch.to_pylist()
