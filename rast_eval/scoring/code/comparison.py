"""What a program sends against what is expected of it, while it still runs.

As long as the bytes are those of the expected outputs' file, they are compared as they come, without cutting them into
outputs. From the first output that differs, each is read and judged by the problem's rule.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import BinaryIO

from rast_eval.scoring.code.frames import Frames
from rast_eval.scoring.code.truth import Truth


class StreamComparison:
    """The outputs of one program on one list of inputs, compared in order until one is wrong.

    Args:
        truth: what is expected.
        file: its open file.
        accepts: whether an output (tagged JSON) is right, by its index and the expected output.
        verbatim: whether an output that is equal byte for byte is right without asking `accepts`.
        most: bytes of an output beyond which nothing more is read.

    Attributes:
        wrong: an output was not accepted, or there were more than expected.
        errors: names of what the program raised.
    """

    def __init__(
        self, truth: Truth, file: BinaryIO, accepts: Callable[[int, bytes, bytes], bool], verbatim: bool, most: int
    ) -> None:
        self.wrong = False
        self.errors: list[str] = []
        self._truth = truth
        self._fd = file.fileno()
        self._accepts = accepts
        self._ends = list(accumulate(truth.frame_sizes, initial=0))
        self._frames = Frames(most)
        self._verbatim = verbatim
        self._at = 0
        self._judged = 0

    @property
    def passed(self) -> int:
        """Number of outputs that were right."""
        return bisect_right(self._ends, self._at) - 1 if self._verbatim else self._judged

    def consume(self, piece: bytes) -> bool:
        """Take the next piece of the result pipe; False when nothing more can come of it."""
        if self._verbatim:
            if self._expected(self._at, len(piece)) == piece:
                self._at += len(piece)
                return True
            self._judged, self._verbatim = self.passed, False
            start = self._ends[self._judged]
            piece = self._expected(start, self._at - start) + piece
        for kind, output in self._frames.push(piece):
            if kind != "=":
                self.errors.append(output[:100].decode(errors="replace"))
                return False
            self.wrong = not self._is_right(output)
            if self.wrong:
                return False
            self._judged += 1
        return not self._frames.broken

    def _is_right(self, output: bytes) -> bool:
        index = self._judged
        if index >= len(self._truth.sizes):
            return False
        expected = self._expected(self._ends[index], self._truth.frame_sizes[index])
        return self._accepts(index, output, expected[1:-1])

    def _expected(self, start: int, size: int) -> bytes:
        """Bytes of the expected frames, fewer where they end."""
        return os.pread(self._fd, size, self._truth.offset + start)
