"""`rast-eval completion SHELL`: what the Tab key offers after `rast-eval`, names of models and benchmarks among it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import EnumType, StrEnum
from typing import Annotated, Any, get_args

import typer

from rast_eval.arms import Arm


class Shell(StrEnum):
    """Whose script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


SCRIPTS = {
    Shell.bash: """\
_rast_eval() {
    local IFS=$'\\n'
    COMPREPLY=($(rast-eval completion bash --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *, ]] && compopt -o nospace
}
complete -o default -F _rast_eval rast-eval
""",
    Shell.zsh: """\
#compdef rast-eval
_rast_eval() {
    local -a found
    found=("${(@f)$(rast-eval completion zsh --words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n $found ]] && compadd -Q -- $found || _files
}
compdef _rast_eval rast-eval
""",
    Shell.fish: """\
function __rast_eval
    rast-eval completion fish --words (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c rast-eval -a '(__rast_eval)'
""",
}
"""Each gives the words up to the cursor to `--words`, and takes a candidate a line."""

CONTEXT_SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def completion(
    shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")],
    words: Annotated[bool, typer.Option("--words", help="Print what may follow the words, one a line.")] = False,
    typed: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Print a script that completes commands, flags and names: `eval "$(rast-eval completion bash)"` in ~/.bashrc."""
    if not words and typed and typed[0] == "--words":  # options end at the shell's name
        words, typed = True, typed[1:]
    typer.echo("\n".join(candidates(typed or [""])) if words else SCRIPTS[shell], nl=words)


def candidates(words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word; nothing where a file may.

    Args:
        words: those after `rast-eval`, the last one as far as it is typed.
    """
    from rast_eval.cli import GROUPS, _command

    *before, word = words
    commands = [name for names in GROUPS.values() for name in names]
    if not before:
        return _beginning(word, [*commands, "--help", "--version"])
    if before[0] not in commands:
        return []
    command: Any = _command(before[0])
    for name in before[1:]:
        command = getattr(command, "commands", {}).get(name, command)
    if below := getattr(command, "commands", {}):
        return _beginning(word, list(below))
    flags = {flag: param for param in command.params for flag in param.opts if flag.startswith("-")}
    if word.startswith("-"):
        return _beginning(word, [*(flag for flag in flags if flag.startswith("--")), "--help"])
    param = flags.get(before[-1])
    if param is None or getattr(param, "is_flag", False):
        return []
    return _listed(word, _values(param))


def _values(param: Any) -> Sequence[str]:
    """Every value of a flag that is a name."""
    described = getattr(param, "type_descriptor", None)  # of a typer with its own click; others have the choices
    kind = (
        next((a for a in get_args(described.annotation) or (described.annotation,) if a), None) if described else None
    )
    choices = list(kind) if isinstance(kind, EnumType) else getattr(getattr(param, "type", None), "choices", ())
    named = {flag.lstrip("-") for flag in param.opts} & NAMES.keys()
    return [getattr(c, "value", str(c)) for c in choices] if choices else NAMES[named.pop()]() if named else []


def _models() -> list[str]:
    from rast_eval.inputs.models import known_pairs

    pairs = known_pairs()
    return [*dict.fromkeys(pair.name for pair in pairs.values()), *pairs]


def _benchmarks() -> list[str]:
    from rast_eval.inputs import benchmarks

    return list(benchmarks.registry())


def _prompts() -> list[str]:
    from rast_eval.inputs import prompts

    return prompts.names()


def _formats() -> list[str]:
    from rast_eval.logs.layouts import FORMATS

    return [name for name, form in FORMATS.items() if form.writes]


def _scorers() -> list[str]:
    from rast_eval.scoring.registry import SCORERS

    return list(SCORERS)


def _backends() -> list[str]:
    from rast_eval.decoding.engine import BACKENDS

    return list(BACKENDS)


def _dtypes() -> Sequence[str]:
    from rast_eval.cli.parsing import KNOWN_DTYPES

    return KNOWN_DTYPES


def _presets() -> list[str]:
    from rast_eval.inputs.presets import PRESETS

    return list(PRESETS)


NAMES: Mapping[str, Callable[[], Sequence[str]]] = {
    **dict.fromkeys(("base", "expert", "antiexpert", "rl"), _models),
    "delta": lambda: [*_models(), "none"],
    **dict.fromkeys(("benchmark", "benchmarks", "tasks"), _benchmarks),
    **dict.fromkeys(("arm", "arms"), lambda: list(Arm.LOOKS)),
    "prompt": _prompts,
    "scorer": _scorers,
    "to": _formats,
    "backend": _backends,
    "dtype": _dtypes,
    "preset": _presets,
    "speculate": lambda: ["auto", "off"],
}
"""Names that a flag takes, by the flag."""


def _listed(word: str, names: Sequence[str]) -> list[str]:
    """Candidates for the last of the names with commas between them."""
    head, comma, last = word.rpartition(",")
    taken = set(head.split(","))
    return [head + comma + name for name in _beginning(last, [name for name in names if name not in taken])]


def _beginning(word: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith(word)]
