"""Python-style expressions such as `(1, 2)`, `{3, x**2}` or `5!`, read without running anything.

SimpleRL hands such text to sympy's `parse_expr`, which evaluates it as Python. Here the text goes through the same
tokens (so that `5!` and unknown names mean the same), then to Python's parser, and a small interpreter walks the
tree: numbers, names, arithmetic, comparisons, tuples, lists, sets, and calls of the functions listed below. All else
(attributes, strings, subscripts, keywords, lambdas, comprehensions, any other call) raises `UnsafeExpression`.
"""

from __future__ import annotations

import ast
import operator
import types
from collections.abc import Callable
from functools import cache
from typing import Any

_CONSTRUCTORS = frozenset({"Symbol", "Function", "Integer", "Float", "Rational"})
"""What the token stage wraps names and numbers in; the only calls that may take a string."""

_FUNCTIONS = _CONSTRUCTORS | frozenset(
    """
    factorial factorial2 binomial sqrt cbrt root exp log ln gamma sign floor ceiling re im arg conjugate
    sin cos tan cot sec csc asin acos atan acot asec acsc atan2 sinh cosh tanh coth asinh acosh atanh
    Abs Max Min Mod gcd lcm max min abs pow sum round Tuple FiniteSet Interval Union Intersection Complement
    Matrix Eq Ne Lt Le Gt Ge Add Mul Pow
    """.split()  # noqa: SIM905
)

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, container: item in container,
    ast.NotIn: lambda item, container: item not in container,
}


class UnsafeExpression(ValueError):
    """The text holds something that this grammar does not read."""


def parse_expression(text: str) -> Any:
    """Value of `text` as `parse_expr` would give it: a sympy object, or a tuple, list or set of them.

    Raises:
        UnsafeExpression: outside the grammar.
        Exception: whatever the token stage or sympy's arithmetic raises (SyntaxError, TypeError, …).
    """
    from sympy.parsing.sympy_parser import standard_transformations, stringify_expr

    code = stringify_expr(text.strip(), {}, dict(_names()), standard_transformations)
    return _value(ast.parse(code.strip(), mode="eval").body)


@cache
def _names() -> dict[str, Any]:
    """Every name with a meaning: sympy's public ones, and builtin functions, which cannot be called here."""
    import builtins

    import sympy

    names = {name: getattr(sympy, name) for name in sympy.__all__}
    names |= {name: value for name, value in vars(builtins).items() if isinstance(value, types.BuiltinFunctionType)}
    return names | {"max": sympy.Max, "min": sympy.Min}


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | complex() | None):
            return node.value
        case ast.Name():
            return _lookup(node.id)
        case ast.Tuple():
            return tuple(map(_value, node.elts))
        case ast.List():
            return list(map(_value, node.elts))
        case ast.Set():
            return set(map(_value, node.elts))
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](_value(node.operand))
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
        case ast.Compare():
            return _comparison(node)
        case ast.Call():
            return _call(node)
    raise UnsafeExpression(type(node).__name__)


def _lookup(name: str) -> Any:
    try:
        return _names()[name]
    except KeyError:
        raise UnsafeExpression(name) from None


def _comparison(node: ast.Compare) -> Any:
    *earlier, last = zip(node.ops, node.comparators, strict=True)
    left = _value(node.left)
    for comparison, operand in earlier:
        right = _value(operand)
        result = _OPERATORS[type(comparison)](left, right)
        if not result:
            return result
        left = right
    return _OPERATORS[type(last[0])](left, _value(last[1]))


def _call(node: ast.Call) -> Any:
    match node:
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            texts = name in _CONSTRUCTORS
            return _lookup(name)(*(_argument(argument, texts) for argument in node.args))
        case ast.Call(func=ast.Call(func=ast.Name(id="Function")) as function, keywords=[]):
            return _call(function)(*map(_value, node.args))
    raise UnsafeExpression("call")


def _argument(node: ast.expr, texts: bool) -> Any:
    if texts and isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return _value(node)
