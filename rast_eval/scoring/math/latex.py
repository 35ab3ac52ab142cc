"""An answer's text as a mathematical object: three parsers in turn, and a test that the first of them works."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rast_eval.errors import BackendError
from rast_eval.scoring.math.expression import parse_expression

_SELF_TEST = {
    r"\frac{1}{2}+\sqrt{3}": "1/2+sqrt(3)",
    r"2^{10}-\binom{5}{2}": "2**10-binomial(5,2)",
    r"x_1\cdot\log_2 8": "log(8,2)*Symbol('x_{1}')",
}


@lru_cache(maxsize=4096)
def parse(text: str) -> Any:
    """`text` by the first of three parsers that takes it (sympy's LaTeX, Python-style, latex2sympy), else `text`.

    Each parser is tried with doubled backslashes halved first, then on the text as it is. None of them runs the text.
    """
    halved = text.replace("\\\\", "\\")
    for parser in (_parse_latex, parse_expression, _latex2sympy):
        for form in (halved, text) if halved != text else (text,):
            try:
                return parser(form)
            except Exception:
                continue
    return text


def load() -> None:
    """Import the parsers and run each once: seconds that belong to no answer."""
    selftest()
    for text in ("(1, 2)", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"):
        parse(text)


def selftest() -> None:
    """Check that sympy's LaTeX parser reads three known formulas.

    Under a mismatched antlr runtime it raises on every input, and each symbolic comparison would then silently fall
    through to weaker parsers.

    Raises:
        BackendError: it does not.
    """
    for latex, expected in _SELF_TEST.items():
        try:
            correct = bool((_parse_latex(latex).doit() - parse_expression(expected).doit()).equals(0))
        except Exception as error:
            raise _broken(f"{type(error).__name__}: {error}") from error
        if not correct:
            raise _broken(f"it reads {latex} as {_parse_latex(latex)}")


def _broken(reason: str) -> BackendError:
    return BackendError(
        f"sympy's LaTeX parser does not work here ({reason}), so math verdicts would be wrong.",
        "Type `pip install 'antlr4-python3-runtime==4.11.*' 'sympy>=1.13,<1.15'`.",
    )


def _parse_latex(text: str) -> Any:
    from sympy.parsing.latex import parse_latex

    return parse_latex(text)


def _latex2sympy(text: str) -> Any:
    from latex2sympy2_extended import latex2sympy
    from sympy import Set, Tuple

    value = latex2sympy(text)
    if isinstance(value, Set | Tuple):  # the latex2sympy of SimpleRL knows no lists of answers and fails here
        raise TypeError("a collection")
    return value
