"""An answer's text as a mathematical object: three parsers in turn, and a test that the first of them works."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from types import ModuleType
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
    for parser in (parse_latex, parse_expression, _latex2sympy):
        for form in (halved, text) if halved != text else (text,):
            try:
                return parser(form)
            except Exception:
                continue
    return text


def parse_latex(text: str) -> Any:
    """`sympy.parsing.latex.parse_latex(text)`, an order of magnitude faster.

    The same grammar and conversion, in antlr's two stages: its fast prediction gives the tree of the full one
    wherever it succeeds, so that the full one is needed on a syntax error only.

    Raises:
        Exception: what `parse_latex` raises.
    """
    from antlr4.atn.PredictionMode import PredictionMode

    grammar = _grammar()
    try:
        tree = _tree(grammar, text.strip(), PredictionMode.SLL)
    except Exception:
        tree = _tree(grammar, text.strip(), PredictionMode.LL)
    return grammar.convert_relation(tree)


def _tree(grammar: Any, text: str, prediction_mode: int) -> Any:
    from antlr4 import CommonTokenStream, InputStream

    listener = grammar.MathErrorListener(text)
    lexer = grammar.LaTeXLexer(InputStream(text))
    parser = grammar.LaTeXParser(CommonTokenStream(lexer))
    for recogniser in (lexer, parser):
        recogniser.removeErrorListeners()
        recogniser.addErrorListener(listener)
    parser._interp.predictionMode = prediction_mode
    return parser.math().relation()


@cache
def _grammar() -> Any:
    """sympy's LaTeX grammar and conversion, building numbers from their digits.

    The conversion as published passes each number to `sympify`, which evaluates it as Python. The replacement is
    seen by this module only and is made in worker processes.
    """
    from sympy.parsing.latex import _parse_latex_antlr as grammar

    numbers = _Sympy("sympy")
    numbers.__dict__.update(vars(sys.modules["sympy"]), Number=number_of_digits)
    grammar.sympy = numbers
    return grammar


class _Sympy(ModuleType):
    """A view of the sympy package in which some names mean something else."""


def number_of_digits(digits: str) -> Any:
    """Integer or Float of an unsigned literal, as Python would read it.

    Raises:
        ValueError: leading zeros before an integer, which Python refuses too, or more digits than it converts.
    """
    from sympy import Float, Integer

    if "." in digits:
        return Float(digits)
    if digits.startswith("0") and digits.strip("0"):
        raise ValueError(f"{digits} starts with a zero.")
    return Integer(int(digits))


def load() -> None:
    """Import the parsers and run each once: seconds that belong to no answer."""
    from rast_eval.scoring.math import symbolic

    selftest()
    for text in ("(1, 2)", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\frac{x}{2}=\sin y"):
        symbolic.symbolic_equal(text, "x+1")


def selftest() -> None:
    """Check that sympy's LaTeX parser reads three known formulas.

    Under a mismatched antlr runtime it raises on every input, and each symbolic comparison would then silently fall
    through to weaker parsers.

    Raises:
        BackendError: it does not.
    """
    for latex, expected in _SELF_TEST.items():
        try:
            read = parse_latex(latex)
            correct = bool((read.doit() - parse_expression(expected).doit()).equals(0))
        except Exception as error:
            raise _broken(f"{type(error).__name__}: {error}") from error
        if not correct:
            raise _broken(f"it reads {latex} as {read}")


def _broken(reason: str) -> BackendError:
    return BackendError(
        f"sympy's LaTeX parser does not work here ({reason}), so math grades would be wrong.",
        "Type `pip install 'antlr4-python3-runtime==4.11.*' 'sympy>=1.13,<1.15'`.",
    )


def _latex2sympy(text: str) -> Any:
    from latex2sympy2_extended import latex2sympy
    from sympy import Set, Tuple

    value = latex2sympy(text)
    if isinstance(value, Set | Tuple):  # the latex2sympy of SimpleRL knows no lists of answers and fails here
        raise TypeError("a collection")
    return value
