"""The program in a model's answer, by EvalPlus's rules: longest parseable text, then what the entry point reaches.

Both steps keep EvalPlus 0.3.1's peculiarities, because they decide grades: a function without `return`, a decorated
definition and top-level statements other than imports and assignments are dropped; of two definitions of a name the
first wins. One is left out: EvalPlus also drops generators, and with them the reference solution of Mbpp/630.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from itertools import accumulate

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_INCOMPLETE_FLAG = 0x4000 if sys.version_info >= (3, 11) else 0
"""`PyCF_ALLOW_INCOMPLETE_INPUT` of codeop: an error at the very end of the text says so."""


MAX_CHARACTERS = 500_000
"""Of a text, what is looked at: its tree takes up to a kilobyte a character."""

MAX_WORK = 10_000_000
"""Characters to be parsed in search of the longest run: at most some twenty seconds, where 9 kB could take hours."""

WORK = "rast_eval.scoring.code.sanitize:work"
CPU_SECONDS = 10.0
"""Of the worker that searches one text; an answer of ordinary size takes milliseconds."""


def work(task: tuple[str, str]) -> str:
    """`sanitize` of (text, entry point), for a worker that can be killed."""
    return sanitize(*task)


def sanitize(text: str, entry_point: str) -> str:
    """The code in `text` that `entry_point` needs; the longest parseable text where nothing of it is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are the model's, not the user's
        code = longest_code(text[:MAX_CHARACTERS])
        return _reachable(code, entry_point).strip() or code


def longest_code(text: str) -> str:
    """The run of at least two lines with the most non-blank lines that parses; the first line where none does.

    The same answer as trying every pair of lines in order, found in about n log n parses: if a run of lines is broken
    before its end, every longer run from the same start is broken too. A text made to need more than `MAX_WORK` gets
    the longest run found by then.
    """
    runs = _Runs(text.split("\n"))
    filled, total = runs.filled, len(runs.lines)
    best, most = (0, 0), 0
    for start in range(total - 1):
        if filled[total] - filled[start] <= most or runs.work > MAX_WORK:
            break
        first = runs.lines[start]
        if first[:1] in (" ", "\t") and first.strip() and not first.lstrip().startswith(("#", "\\")):
            continue  # unexpected indent
        for stop in runs.ends(start, most):
            if runs.state(start, stop) == "complete":
                best, most = (start, stop), filled[stop + 1] - filled[start]
                break
            if runs.work > MAX_WORK:
                break
    return "\n".join(runs.lines[best[0] : best[1] + 1])


class _Runs:
    """Runs of `lines`, given by first and last line; `work` is how many characters were parsed so far."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.filled = list(accumulate((bool(line.strip()) for line in lines), initial=0))
        self.work = 0
        self._sizes = list(accumulate((len(line) + 1 for line in lines), initial=0))

    def state(self, start: int, stop: int) -> str:
        """`complete`; `incomplete`: more lines may complete it; `broken`: no more lines can."""
        state, read = _state("\n".join(self.lines[start : stop + 1]))
        end = stop + 1 if read is None else min(start + read, stop + 1)
        self.work += self._sizes[end] - self._sizes[start] + 1
        return state

    def ends(self, start: int, most: int) -> Iterator[int]:
        """Last lines worth trying from `start`, longest first: with more than `most` non-blank, none past a break."""
        low, high = start + 1, len(self.lines) - 1
        reach, step = low, 1
        while self.state(start, reach) != "broken":  # ever longer runs, since most texts break soon
            low = reach
            if reach == high:
                break
            reach, step = min(reach + step, high), 2 * step
        else:
            high = reach - 1
        while low < high:  # the last end that is not broken
            middle = (low + high + 1) // 2
            if self.state(start, middle) == "broken":
                high = middle - 1
            else:
                low = middle
        for stop in range(high, start - 1, -1):
            if self.filled[stop + 1] - self.filled[start] <= most:
                return
            if not self.lines[stop].strip():
                continue  # a blank line at the end adds nothing, save after a continuation or to make two lines
            if stop > start:
                yield stop
            continued = self.lines[stop].endswith("\\")
            if stop + 1 < len(self.lines) and (stop == start or continued):
                yield stop + 1
            if stop + 2 < len(self.lines) and continued:
                yield stop + 2  # a continuation and the end of the text need a blank line each


def _state(text: str) -> tuple[str, int | None]:
    """See `_Runs.state`; and the line at which the parser stopped, None for the end."""
    try:
        ast.parse(text)
        return "complete", None
    except SyntaxError as problem:
        line = problem.lineno
    except (ValueError, MemoryError, RecursionError):  # null bytes, nesting beyond the parser
        return "broken", None
    if not _INCOMPLETE_FLAG:
        return "incomplete", None
    try:
        compile(text + "\n", "<text>", "exec", ast.PyCF_ONLY_AST | _INCOMPLETE_FLAG)
    except SyntaxError as problem:
        return ("incomplete", None) if "incomplete input" in str(problem) else ("broken", line)
    except (ValueError, MemoryError, RecursionError):
        return "broken", None
    return "incomplete", None


def _reachable(code: str, entry_point: str) -> str:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ""
    source = code.encode()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def text(node: ast.stmt) -> str:
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return source[begin:end].decode()

    imports: list[ast.stmt] = []
    definitions: dict[str | None, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            definitions.setdefault(_assigned(node), node)
        elif isinstance(node, _Definition) and not node.decorator_list and _counts(node):
            definitions.setdefault(node.name, node)
    uses = {name: set(_names(node)) for name, node in definitions.items()}
    reached, queue = {entry_point}, [entry_point]
    while queue:
        new = uses.get(queue.pop(), set()) - reached
        reached |= new
        queue += new
    kept = imports + [node for name, node in definitions.items() if name in reached]
    return "\n".join(text(node) for node in kept)


def _counts(node: ast.stmt) -> bool:
    results = (ast.Return, ast.Yield, ast.YieldFrom)
    return isinstance(node, ast.ClassDef) or any(isinstance(inner, results) for inner in ast.walk(node))


def _assigned(node: ast.Assign | ast.AnnAssign) -> str | None:
    """The first bare name among target and value of an assignment, which EvalPlus takes for its name."""
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    if isinstance(target, ast.Name):
        return target.id
    chained = isinstance(node, ast.Assign) and len(node.targets) > 1
    return node.value.id if isinstance(node.value, ast.Name) and not chained else None


def _names(tree: ast.AST) -> Iterator[str]:
    """Every identifier in `tree`, wherever it stands."""
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if field in ("id", "attr", "arg", "name", "names", "asname", "rest", "kwd_attrs", "module"):
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, str):
                        yield from item.split(".")
