"""One line of a file of samples or grades: how it is written, read, and known to be damaged.

    {"fingerprint": "9f2c…", "problem_id": "0", "sample": 3, …, "output_sha256": "ab3c…", "output": "…"}

The output stands last and its digest before it, so a line is checked and its other facts are read without decoding the
output: a gigabyte takes seconds. Lines that others wrote in another order, or without a digest, are decoded.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from rast_eval.results.digests import is_sealed

Row = dict[str, Any]
Read = TypeVar("Read")

BUFFER_BYTES = 1 << 20
_OUTPUT = b', "output": "'
_HEAD = {
    "fingerprint": str,
    "session": str,
    "problem_id": str,
    "sample": int,
    "problem_sha256": str,
    "prompt_sha256": str,
    "num_tokens": int,
    "finish_reason": str,
}
_GRADE = {
    "problem_id": str,
    "sample": int,
    "prediction": str,
    "correct": bool,
    "status": str,
    "details": dict,
    "scorer_version": str,
}
_NAMED = 5
_DECODE = json.JSONDecoder().raw_decode  # without the search for white space about it, a third of its time


class Damaged(Exception):
    """A line or file that does not hold what it should; says why in a few words."""


class Place(NamedTuple):
    """Where a line lies: its number from 1, its first byte, its bytes with the line break."""

    number: int
    offset: int
    length: int


class Damage(NamedTuple):
    """A damaged line."""

    place: Place
    reason: str


def output_sha256(output: str) -> str:
    """SHA-256 of an output as it stands in its line: a JSON string in ASCII."""
    return hashlib.sha256(json.dumps(output).encode()).hexdigest()


def encode_sample(facts: Row, output: str) -> bytes:
    """The line of a sample: its facts, the output's digest, the output."""
    return json.dumps({**facts, "output_sha256": output_sha256(output), "output": output}).encode() + b"\n"


def read_head(line: bytes) -> Row:
    """What a sample's line says beside its output, `output_sha256` always included.

    Raises:
        Damaged: it is no sample, or its output is not the one that its digest names.
    """
    split = line.find(_OUTPUT)
    if split > 0 and line.endswith(b'"}\n'):
        head = (line[:split] + b"}").decode(errors="replace")
        try:
            facts, end = _DECODE(head)
        except (ValueError, RecursionError):
            facts, end = None, 0
        output = memoryview(line)[split + len(_OUTPUT) - 1 : -2]
        whole = end == len(head) and isinstance(facts, dict)
        if whole and facts.get("output_sha256") == hashlib.sha256(output).hexdigest():
            return _checked(facts)
    row = read_sample(line)
    del row["output"]
    return row


def read_sample(line: bytes) -> Row:
    """A sample's line in full, `output_sha256` always included.

    Raises:
        Damaged: as `read_head`.
    """
    row = _checked(_object(line))
    if type(row.get("output")) is not str:
        raise Damaged("it lacks output")
    digest = output_sha256(row["output"])
    if row.setdefault("output_sha256", digest) != digest:
        raise Damaged("its output is not the one that its digest names")
    return row


def read_grade(line: bytes) -> Row:
    """A grade's line, `vote` and `details` always included, and `sealed`: whether it is as it was written.

    Raises:
        Damaged: it is no grade.
    """
    row = _object(line)
    row["sealed"] = is_sealed(line)
    row.setdefault("details", {})
    if row.setdefault("vote", None) is not None and type(row["vote"]) is not int:
        raise Damaged("its vote is no int")
    return _typed(row, _GRADE)


def read_lines(handle: IO[bytes], read: Callable[[bytes], Read], damage: list[Damage]) -> Iterator[tuple[Place, Read]]:
    """Complete lines of a file by `read`; damaged ones go to `damage`, a torn last one and empty ones are left out."""
    offset = 0
    for number, line in enumerate(handle, 1):
        if not line.endswith(b"\n"):
            return
        place = Place(number, offset, len(line))
        offset += len(line)
        if line.isspace():
            continue
        try:
            yield place, read(line)
        except Damaged as error:
            damage.append(Damage(place, str(error)))


def name_damage(path: Path, damage: Sequence[Damage], fate: str) -> None:
    """Warn of damaged lines by number and reason; nothing without any.

    Args:
        fate: what becomes of them, a sentence.
    """
    if damage:
        told = [f"line {place.number}: {reason}" for place, reason in damage[:_NAMED]]
        rest = f"; {len(damage) - _NAMED} more" if len(damage) > _NAMED else ""
        many = "1 damaged line" if len(damage) == 1 else f"{len(damage)} damaged lines"
        warnings.warn(f"{path} holds {many} ({'; '.join(told)}{rest}). {fate}", stacklevel=2)


def _object(line: bytes) -> Row:
    try:
        text = line.decode().strip()
        row, end = _DECODE(text)
        if end != len(text):
            raise ValueError("more than one value")
    except UnicodeDecodeError as error:
        raise Damaged("it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Damaged("it is not JSON") from error
    if not isinstance(row, dict):
        raise Damaged("it is no JSON object")
    return row


def _checked(row: Row) -> Row:
    row = _typed(row, _HEAD)
    if row["sample"] < 0:
        raise Damaged("its sample is negative")
    return row


def _typed(row: Row, kinds: Mapping[str, type]) -> Row:
    if tuple(map(type, map(row.get, kinds))) != tuple(kinds.values()):
        key, kind = next((key, kind) for key, kind in kinds.items() if type(row.get(key)) is not kind)
        raise Damaged(f"it lacks {key}" if key not in row else f"its {key} is no {kind.__name__}")
    return row
