"""The command line: one file a command, imported only when that command is typed."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import zip_longest
from typing import Any

from rast_eval import __version__
from rast_eval.cli.terminal import prepare_streams
from rast_eval.config import LOCAL
from rast_eval.errors import RastEvalError, UnknownName, install
from rast_eval.files import FULL
from rast_eval.names import printable

INTERRUPTED = 130

GROUPS: dict[str, tuple[str, ...]] = {
    "Measure": ("power", "run", "sweep", "slurm", "score", "grade", "import"),
    "Read": ("report", "compare", "drift", "verify", "analyze", "view", "paper", "list", "export"),
    "Serve": ("doctor", "fetch", "compose", "serve", "completion"),
}

HELP = """\
rast-eval: make a large base model reason like an RL-tuned one, without training it, and measure how well.

  rast-eval run                                    the embedded tiny models, on this machine, in a minute
  rast-eval run --base 32b --delta 14b --dry-run   everything a real run would do
  rast-eval report results/NAME                    accuracy, pass@k and recovery rate with intervals

{groups}

  rast-eval COMMAND --help     flags of a command         rast-eval --version"""


EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "datasets", "huggingface_hub", "safetensors", "tokenizers"), "run"),
    "accelerate": "vllm",
    "vllm": "vllm",
    "ray": "ray",
    "pyarrow": "parquet",
}
"""What `pip install 'rast-eval[EXTRA]'` brings, by the package that a command may miss."""


def help_screen() -> str:
    """The first screen: what it is, three commands to copy, the commands in three groups."""
    lines = (f"  {group:<9}{'  '.join(names)}" for group, names in GROUPS.items())
    return HELP.format(groups="\n".join(lines))


def _normalise(arguments: Sequence[str]) -> Iterator[str]:
    """`--max_tokens=8` means `--max-tokens=8`, and `--ray` without an address a Ray of this machine's own."""
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue="-"):
        flag, equals, value = argument.partition("=")
        if argument == "--ray" and following.startswith("-"):
            equals, value = "=", LOCAL
        yield (flag.replace("_", "-") if flag.startswith("--") else flag) + equals + value


def _fail(message: str, hint: str) -> None:
    print(printable(f"rast-eval: {message}\n{hint}"), file=sys.stderr)


def _command(name: str) -> Any:
    """The click command of one module: its `app`, or its function of the same name."""
    import typer

    from rast_eval.cli.flags import HELP, new_app

    module = import_module(f"rast_eval.cli.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app, settings = new_app(), {**HELP, **getattr(module, "CONTEXT_SETTINGS", {})}
        app.command(name, context_settings=settings)(getattr(module, name, None) or getattr(module, f"{name}_"))
    return typer.main.get_command(app)


def dispatch(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Returns:
        0 done, 1 finished with named failures, 2 the user's mistake, 130 interrupted with everything kept.
    """
    # Reading a large run makes millions of small objects and no circles: looking for circles took a sixth of the time.
    gc.set_threshold(50_000)
    name, *rest = arguments
    known = [command for names in GROUPS.values() for command in names]
    try:
        if name not in known:
            raise UnknownName("command", name, known)
        arguments = [*_normalise(rest)]  # `list` is a command here
        result = _command(name).main(arguments, prog_name=f"rast-eval {name}", standalone_mode=False)
        if result == INTERRUPTED:  # typer turns an interrupt into a silent exit code
            return _interrupted()
        return result if isinstance(result, int) else 0
    except RastEvalError as error:
        _fail(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS:
            raise
        _fail(
            f"`rast-eval {name}` needs {missing} here, which is not installed.", f"Type `{install(EXTRAS[missing])}`."
        )
        return 2
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            _fail(f"The disk is full ({error.filename or 'while writing'}).", "Make room, then repeat the command.")
            return 2
        # Typer brings its own copy of click or the installed one, so its usage errors are known by their method.
        if type(error).__name__ == "Abort":
            return _interrupted()
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        _fail(error.format_message().rstrip(".") + ".", f"Type `rast-eval {name} --help` for its flags.")
        return 2


def _interrupted() -> int:
    _fail("Interrupted; everything finished so far is kept.", "Type the same command again to continue.")
    return INTERRUPTED


def _interrupt_on(*numbers: signal.Signals) -> None:
    """Take these signals, of batch systems and closing terminals, as Ctrl-C; one that is ignored stays so."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def main() -> None:
    """Entry point of `rast-eval` and `python -m rast_eval`."""
    prepare_streams()
    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    arguments = sys.argv[1:]
    # Ours are meant for the user; those of libraries are for their developers.
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", category=UserWarning, module="rast_eval")
    warnings.formatwarning = lambda message, *_, **__: printable(f"warning: {message}\n")
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_screen())
        return
    if arguments[0] == "--version":
        print(f"rast-eval {__version__}")
        return
    try:
        code = dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
