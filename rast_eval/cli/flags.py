"""Groups of flags: a frozen dataclass of annotated fields stands in a command's signature for all of them.

    @dataclass(frozen=True)
    class EngineFlags:
        dtype: Annotated[str, typer.Option(help="…")] = "auto"

    @grouped
    def run(engine: EngineFlags, limit: Limit = None) -> None: ...

typer sees `run(*, dtype="auto", limit=None)`; the function receives `EngineFlags(dtype="auto")` and `limit`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from inspect import Parameter
from typing import Any, TypeVar, get_type_hints

import typer

Result = TypeVar("Result")

HELP = {"help_option_names": ["-h", "--help"]}


def new_app(help: str | None = None) -> typer.Typer:
    """A typer application in the house's form; with `help` it holds several commands."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=help is not None,
        help=help,
        context_settings=HELP,
    )


def grouped(function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` with every parameter that is a dataclass replaced by the dataclass's fields.

    Raises:
        ValueError: two of them declare one flag.
    """
    shown: list[Parameter] = []
    groups: dict[str, type[Any]] = {}
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            shown += _parameters(hints[name])
        else:
            shown.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[name]))

    def call(**values: Any) -> Result:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        return function(**values)

    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    call.__name__, call.__doc__, call.__module__ = function.__name__, function.__doc__, function.__module__
    return call


def _parameters(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
