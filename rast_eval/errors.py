"""Every way a command can fail, as one tree.

    RastEvalError                       message + hint, exit code 2
    ├── UsageError                      flags that contradict each other, a λ that is no number
    │   └── UnknownName                 a name nobody knows; carries the nearest ones
    ├── ModelError                      a checkpoint that is missing, gated or does not fit the others
    │   └── TokenizerMismatch           members whose token ids mean different strings
    ├── DataError                       a benchmark file that is missing or malformed
    ├── PromptTooLong                   a prompt that leaves no room in the context window
    ├── StoreError                      a run directory in use, unreadable, or of another configuration
    ├── BackendError                    an engine that is not installed or cannot start
    │   └── OutOfMemory                 weights or KV cache do not fit
    ├── SandboxError                    untrusted code cannot be isolated on this machine
    └── NothingScored                   no answer could be extracted at all, exit code 1

`message` says what happened in one sentence; `hint` says in one sentence what to type next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

LISTED = ("model", "delta", "expert", "antiexpert", "benchmark", "prompt")
"""Kinds of names that `rast-eval list` shows."""


def install(extra: str) -> str:
    """The command that installs a part of the package: make's in a checkout where it has one, else pip's."""
    in_checkout = (Path(__file__).parents[1] / "constraints.txt").is_file()
    targets = {"run": "make setup", "vllm": "make setup-vllm"} if in_checkout else {}
    return targets.get(extra, f"pip install 'rast-eval[{extra}]'")


class RastEvalError(Exception):
    """Base of all errors a user can cause or mend.

    Args:
        message: what happened, one sentence.
        hint: what to type next, one sentence.

    >>> import rast_eval
    >>> try:
    ...     rast_eval.models("33b")
    ... except rast_eval.RastEvalError as error:
    ...     error.message
    "There is no model named '33b'."
    """

    exit_code = 2

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # Made anew without its own arguments, which differ by class: an engine's error crosses processes.
        return _remade, (type(self), self.message, self.hint, self.__dict__)


def _remade(kind: type[RastEvalError], message: str, hint: str, facts: dict[str, object]) -> RastEvalError:
    error = kind.__new__(kind, message)
    RastEvalError.__init__(error, message, hint)
    error.__dict__.update(facts)
    return error


class UsageError(RastEvalError):
    """Flags or arguments that cannot be carried out as typed."""


class UnknownName(UsageError):
    """A name that is in no registry.

    Args:
        kind: what was looked for, e.g. `"benchmark"`.
        name: the name as typed.
        known: every accepted name.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        self.name = name
        self.nearest = difflib.get_close_matches(name.lower(), choices, n=3, cutoff=0.4)
        offered = self.nearest or choices[:12]
        where = "rast-eval --help" if kind == "command" else "rast-eval list" if kind in LISTED else ""
        more = f" `{where}` shows all of them." if where else ""
        lead = "Did you mean" if self.nearest else "Known names:"
        end = "?" if self.nearest else "."
        super().__init__(
            f"There is no {kind} named {name!r}.",
            f"{lead} {', '.join(offered) or 'none'}{end}{more}",
        )


class ModelError(RastEvalError):
    """A checkpoint that is missing, gated, unreadable or unfit."""


class TokenizerMismatch(ModelError):
    """Members whose token ids do not stand for the same strings."""


class DataError(RastEvalError):
    """A benchmark or input file that is missing or malformed."""


class PromptTooLong(RastEvalError):
    """A prompt that leaves no room for an answer in the context window."""


class StoreError(RastEvalError):
    """A run directory that is locked, unreadable or of another configuration."""


class BackendError(RastEvalError):
    """An inference backend that is not installed or cannot start."""


class OutOfMemory(BackendError):
    """Weights or KV cache that do not fit the device."""


class SandboxError(RastEvalError):
    """Untrusted code that cannot be isolated on this machine."""


class NothingScored(RastEvalError):
    """A finished run in which no answer at all could be extracted."""

    exit_code = 1
