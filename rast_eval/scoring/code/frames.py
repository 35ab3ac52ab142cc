"""The result pipe's frames, cut out of whatever pieces arrive; a candidate may have written any of it."""

from __future__ import annotations

from collections.abc import Iterator

MAX_FRAME = 256 << 20


class Frames:
    """Incremental reader: `push` pieces in, iterate (kind, body) out.

    `broken` is set at a length beyond `MAX_FRAME`, after which nothing more comes.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = False

    def push(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Frames that `piece` completes, in order: kind `=` with tagged JSON, or `!` with an error's name."""
        buffer = self._buffer
        buffer += piece
        start = 0
        try:
            while len(buffer) - start >= 4:
                length = int.from_bytes(buffer[start : start + 4], "big")
                if not 0 < length <= MAX_FRAME:
                    self.broken = True
                    return
                if len(buffer) - start - 4 < length:
                    return
                body = bytes(memoryview(buffer)[start + 4 : start + 4 + length])
                start += 4 + length
                yield chr(body[0]), body[1:]
        finally:
            del buffer[:start]
