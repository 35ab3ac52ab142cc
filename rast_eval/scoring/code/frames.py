"""The result pipe's frames, cut out of whatever pieces arrive; a candidate may have written any of it."""

from __future__ import annotations

from collections.abc import Iterator

MAX_FRAME = 256 << 20


class Frames:
    """Incremental reader: `push` pieces in, iterate (kind, body) out.

    `broken` is set at an empty line, or one longer than `most`, after which nothing more comes.
    """

    def __init__(self, most: int = MAX_FRAME) -> None:
        self._most = most
        self._begun: list[bytes] = []
        self._length = 0
        self.broken = False

    def push(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Frames that `piece` completes, in order: kind `=` with tagged JSON, or `!` with an error's name."""
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun, self._length = [], 0
        self._begun.append(rest)
        self._length += len(rest)
        for line in lines:
            if not 0 < len(line) <= self._most:
                self.broken = True
                return
            yield chr(line[0]), line[1:]
        self.broken = self._length > self._most
