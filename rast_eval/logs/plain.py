"""Rows of one's own, and ours: `{"problem_id": "3", "output": "…", "gold": "18"}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rast_eval.logs.answers import Answered, BadRow, Origin, ending, first_of, named, texts_in, whole

OUTPUTS, GOLDS, IDS = "output", "gold", "problem_id"


def knows(row: Mapping[str, Any]) -> bool:
    """Whether a row holds text under `output`."""
    return bool(texts_in(row.get(OUTPUTS)))


def answers(row: Mapping[str, Any]) -> list[Answered]:
    """See `Layout.answers`; a list of texts is several samples."""
    return Keys().answers(row)


def origin(path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
    """From fields of the first row."""
    return Origin(str(row.get("benchmark") or ""), str(first_of(row, "system", "model") or ""))


@dataclass(frozen=True)
class Keys:
    """A layout told by its keys; `doc.answer` is the key `answer` inside of `doc`.

    Attributes:
        output, gold, id: of the output, its gold answer, the problem's id; None for what `OUTPUTS` … say.
    """

    output: str | None = None
    gold: str | None = None
    id: str | None = None

    def knows(self, row: Mapping[str, Any]) -> bool:
        """Whether a row holds text at the output's key."""
        return bool(texts_in(_at(row, self.output or OUTPUTS)))

    def answers(self, row: Mapping[str, Any]) -> list[Answered]:
        """See `Layout.answers`.

        Raises:
            BadRow: no text at the output's key.
        """
        outputs = texts_in(_at(row, self.output or OUTPUTS))
        if not outputs:
            where = f"`{self.output}`" if self.output else "`output`, `model_output` or `resps`"
            raise BadRow(f"no text under {where}")
        return [
            Answered(
                output,
                gold=_at(row, self.gold or GOLDS),
                raw=row.get("gold_raw"),
                problem_id=named(_at(row, self.id) if self.id else first_of(row, IDS, "task_id")),
                alias=named(first_of(row, "doc_id", "id")),
                question=str(first_of(row, "question", "problem", "prompt") or ""),
                tokens=whole(row.get("num_tokens")),
                finish=ending(row.get("finish_reason")),
            )
            for output in outputs
        ]

    def origin(self, path: Path, header: Mapping[str, Any], row: Mapping[str, Any]) -> Origin:
        """See `Layout.origin`."""
        return origin(path, header, row)


def _at(row: Any, key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    if isinstance(row, Mapping) and key in row:
        return row[key]
    head, _, rest = key.partition(".")
    return _at(row.get(head), rest) if rest and isinstance(row, Mapping) else None
