"""What runs in the forked child: loads the candidate, feeds it inputs, sends back what it returned as data.

Nothing here is trusted by the other side. A candidate may rewrite every function of this module; all it gains is to
say what it returned, and the expected outputs are not in this process, its parent or any file it can see.

Frames on the result pipe are lines: `=` and tagged JSON, or `!` and an error's name.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import os
import sys
import time
import types
from typing import Any

import codec

_PRELUDE = """
from string import *
from re import *
from datetime import *
from collections import *
from heapq import *
from bisect import *
from copy import *
from math import *
from random import *
from statistics import *
from itertools import *
from functools import *
from operator import *
from io import *
from sys import *
from json import *
from builtins import *
from typing import *
import string, re, datetime, collections, heapq, bisect, copy, math, random
import statistics, itertools, functools, operator, io, sys, json
sys.setrecursionlimit(50000)
"""
"""Names that LiveCodeBench puts before every program; a later line wins over an earlier one."""

prelude = compile(_PRELUDE, "<names>", "exec")
builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # normally the work of `site`, which is off
_FLUSH_CHARACTERS = 1 << 16


class Results:
    """Buffered frames on file descriptor `fd`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._parts: list[str] = []
        self._size = 0

    def send(self, kind: str, text: str) -> None:
        """Queue one frame, or write it if it is large; `text` holds no line break."""
        if len(text) >= _FLUSH_CHARACTERS:
            self.flush()
            data = text.encode("utf-8", "backslashreplace")
            for piece in (kind.encode(), data, b"\n"):
                self._write(piece)
            return
        self._parts += (kind, text, "\n")
        self._size += len(text) + 2
        if self._size >= _FLUSH_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what is queued."""
        self._write("".join(self._parts).encode("utf-8", "backslashreplace"))
        self._parts, self._size = [], 0

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def run(payload: bytes, result_fd: int, progress: Any, stdin_fd: int | None) -> int:
    """Carry out the order in `payload`: a line of JSON, then the inputs as tagged JSON. Returns the exit code."""
    head, _, inputs = payload.partition(b"\n")
    order = json.loads(head)
    if order["mode"] == "program":
        return run_program(order, result_fd, stdin_fd)
    results = Results(result_fd)
    try:
        runner = run_mocked if order["mode"] == "mocked" else run_calls
        runner(order, codec.decode(inputs), results, progress)
        code = 0
    except BaseException as problem:
        results.send("!", type(problem).__name__.replace("\n", " "))
        code = 3
    results.flush()
    return code


def _load(order: dict[str, Any], code: Any, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    if order.get("prelude"):
        exec(prelude, module.__dict__)
    exec(compile(code, "<solution>", "exec", dont_inherit=True), module.__dict__)
    return module


def run_calls(order: dict[str, Any], inputs: list[Any], results: Results, progress: Any) -> None:
    """Call `order["entry"]` on each argument list. `progress` holds 2i+1 during call i, 2i+2 after it."""
    module = _load(order, order["code"], "solution")
    in_class = order.get("solution_class") and "class Solution" in order["code"]
    owner = module.Solution() if in_class else module
    function = getattr(owner, order["entry"])
    as_set, timed, fresh = order.get("as_set"), order.get("timed"), order.get("fresh") and in_class
    clock, encode = time.process_time, codec.encode
    for index, arguments in enumerate(inputs):
        progress[0] = 2 * index + 1
        started = clock() if timed else 0.0
        if fresh:
            function = getattr(module.Solution(), order["entry"])
        value = function(*arguments)
        if as_set:
            value = set(value)
        seconds = clock() - started if timed else 0.0
        progress[0] = 2 * index + 2
        results.send("=", encode(value))
        if timed:
            results.send("=", repr(seconds))


def run_mocked(order: dict[str, Any], inputs: list[str], results: Results, progress: Any) -> None:
    """As LiveCodeBench's checker does: the program becomes a function, called once a test with replaced streams."""
    original = _Stream("")
    sys.stdin = original  # what `from sys import stdin` binds when the module loads
    entry, code = _wrapped(order["code"])
    module = _load(order, code, "solution")
    function = getattr(module, entry)
    for index, text in enumerate(inputs):
        progress[0] = 2 * index + 1
        original.refill(text)
        sys.stdin, stdout = _Mock(text), sys.stdout
        sys.stdout = captured = _Captured()
        try:
            function()
        except SystemExit:
            pass
        finally:
            sys.stdout, sys.stdin = stdout, original
        progress[0] = 2 * index + 2
        results.send("=", codec.encode(captured.getvalue()))


def _wrapped(code: str) -> tuple[str, Any]:
    """The program as `def program(): …` below its imports; a main guard is inlined only as the last statement."""
    tree = ast.parse(code)
    body = tree.body
    last = body[-1] if body else None
    if isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'":
        body = body[:-1] + last.body
    imports = [line for line in body if isinstance(line, (ast.Import, ast.ImportFrom))]
    rest = [line for line in body if not isinstance(line, (ast.Import, ast.ImportFrom))]
    shell = ast.parse("def wrapped_function(): pass").body[0]
    assert isinstance(shell, ast.FunctionDef)
    shell.body = rest or shell.body
    wrapped = ast.Module(body=[*imports, shell], type_ignores=[])
    return "wrapped_function", ast.unparse(ast.fix_missing_locations(wrapped))


class _Captured(io.StringIO):
    """Text-only stdout: no `buffer`, and closing it keeps what was printed."""

    def close(self) -> None:
        pass


class _Bytes:
    """The official stand-in for `sys.stdin.buffer`: every call starts at the first byte."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()

    def read(self, *_: Any) -> bytes:
        return self._bytes

    def readline(self, *_: Any) -> bytes:
        return self._bytes.split(b"\n")[0] + b"\n"


class _Mock:
    """The official stand-in for `sys.stdin`: `read` and `readlines` replay everything, it cannot be iterated."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = io.StringIO(text)
        self.buffer = _Bytes(text)

    def read(self, *_: Any) -> str:
        return self._text

    def readline(self, *sizes: Any) -> str:
        return self._lines.readline(*sizes)

    def readlines(self, *_: Any) -> list[str]:
        return self._text.split("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)


class _Stream(io.StringIO):
    """The stream that was `sys.stdin` at load time: its three readers are patched, everything else is empty."""

    def refill(self, text: str) -> None:
        self._all = text
        self._left = iter(text.split("\n"))

    def read(self, *_: Any) -> str:
        return self._all

    def readline(self, *_: Any) -> str:  # type: ignore[override]
        return next(self._left)

    def readlines(self, *_: Any) -> list[str]:  # type: ignore[override]
        return self._all.split("\n")

    def __iter__(self) -> Any:
        return iter(())


def run_program(order: dict[str, Any], result_fd: int, stdin_fd: int | None) -> int:
    """Run the code as `__main__` with a real pipe on descriptor 0 and the result pipe on descriptor 1."""
    if stdin_fd is not None:
        os.dup2(stdin_fd, 0)
        os.close(stdin_fd)
    os.dup2(result_fd, 1)
    os.close(result_fd)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), encoding="utf-8")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8")  # type: ignore[misc]
    sys.argv = ["main.py"]
    code = 0
    try:
        _load(order, order["code"], "__main__")
    except SystemExit:
        pass  # the contest sites look at what was printed, and so does the official checker
    except BaseException:
        code = 3
    try:
        import atexit
        import threading

        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        if not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException:
        code = 3
    return code
