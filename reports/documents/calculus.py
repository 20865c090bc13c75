"""The derivative of a formula of numbers, as a formula: for second derivatives, and at points.

A table says what the derivative of each function is; arrays, sums over an index and case
distinctions are left to finite differences.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from reports.documents.statements import statements
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Cases,
    Derivative,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Span,
    Sum,
    Symbol,
    Times,
    Transposed,
    Words,
    rebuilt,
    walk,
    without_places,
)

SLOPES: Mapping[str, str] = {
    "exp": r"\exp(u)",
    "log": "1 / u",
    "log2": "1 / (u \\ln(2))",
    "log10": "1 / (u \\ln(10))",
    "sqrt": r"1 / (2 \sqrt{u})",
    "sin": r"\cos(u)",
    "cos": r"-\sin(u)",
    "sinh": r"\cosh(u)",
    "cosh": r"\sinh(u)",
    "tanh": r"1 - \tanh(u)^2",
    "tan": r"1 + \tan(u)^2",
    "arctan": "1 / (1 + u^2)",
    "arcsin": r"1 / \sqrt{1 - u^2}",
    "arccos": r"-1 / \sqrt{1 - u^2}",
    "sigmoid": r"\operatorname{sigmoid}(u) (1 - \operatorname{sigmoid}(u))",
    "softplus": r"\operatorname{sigmoid}(u)",
    "abs": r"\operatorname{sign}(u)",
    "identity": "1",
    "sign": "0",
}
"""The derivative of each function of one number, in terms of its argument u."""


class NotDifferentiable(Exception):
    """A formula whose derivative is not taken as a formula: it is no formula of numbers."""


def derivative(node: Node, key: str, functions: Mapping[str, tuple[str, Node]]) -> Node:
    """Returns the derivative of a formula of numbers by a name.

    Args:
        node: the formula.
        key: the name.
        functions: the functions that the document defines: their parameter, and what they are.

    Raises:
        NotDifferentiable: the formula is of arrays, or of functions that are not known.

    >>> from reports.documents.writing import written
    >>> tree = statements("x^3 + 2 x")[0].links[0].node
    >>> written(derivative(tree, "x", {}))
    '3·x^2 + 2'
    """
    span = node.span

    def of(part: Node) -> Node:
        return derivative(part, key, functions)

    match node:
        case Number():
            return _number(0, span)
        case Symbol():
            return _number(int(node.key == key), span)
        case Negative(body=body):
            return _negative(of(body))
        case Sum(left=left, right=right, sign=sign):
            return _sum(of(left), of(right), sign)
        case Times(left=left, right=right, kind="juxtaposed" | "dot" | "cross" | "star"):
            return _sum(_times(of(left), right), _times(left, of(right)), 1)
        case Divide(left=left, right=right):
            whole = _times(left, of(right))
            return _sum(_divide(of(left), right), _divide(whole, _power(right, 2)), -1)
        case Power():
            return _of_power(node, key, functions)
        case Call(arguments=(argument,)):
            return _times(_outer(node, functions), of(argument))
        case Norm(body=body, order=0):
            return _times(Call(span, "sign", (body,)), of(body))
    raise NotDifferentiable(type(node).__name__)


def _of_power(node: Power, key: str, functions: Mapping[str, tuple[str, Node]]) -> Node:
    """Returns n uⁿ⁻¹ u′, eᵛ v′, or the derivative of exp(v ln u)."""
    base, exponent, span = node.base, node.exponent, node.span
    if isinstance(base, Symbol) and base.key == "e" and key != "e":
        return _times(node, derivative(exponent, key, functions))
    if not _depends(exponent, key):
        if not _depends(base, key):
            return _number(0, span)
        inner = derivative(base, key, functions)
        if isinstance(exponent, Number):
            lower = _power(base, exponent.value - 1)
        else:
            lower = Power(span, base, _sum(exponent, _number(1, span), -1))
        return _times(_times(exponent, lower), inner)
    whole = Times(span, exponent, Call(span, "log", (base,)), "dot")
    return _times(node, derivative(whole, key, functions))


def _outer(call: Call, functions: Mapping[str, tuple[str, Node]]) -> Node:
    """Returns the derivative of a function at its argument."""
    own = functions.get(call.name)
    if own is not None:
        parameter, tree = own
        others = {k: v for k, v in functions.items() if k != call.name}
        for _ in range(call.prime + 1):
            tree = derivative(tree, parameter, others)
        return substituted(tree, {parameter: call.arguments[0]})
    tree = SLOPES.get(call.name)
    if tree is None:
        raise NotDifferentiable(call.name)
    node = _parsed(tree)
    for _ in range(call.prime):
        node = derivative(node, "u", {})
    return substituted(node, {"u": call.arguments[0]})


@lru_cache(maxsize=64)
def slope(name: str, order: int) -> Node | None:
    """Returns the derivative of a known function, of that order, in terms of its argument u."""
    node: Node = Call((0, 0), name, (Symbol((0, 0), "u"),))
    try:
        for _ in range(order):
            node = derivative(node, "u", {})
    except NotDifferentiable:
        return None
    return node


@lru_cache(maxsize=64)
def _parsed(text: str) -> Node:
    return without_places(statements(text)[0].links[0].node)


def substituted(node: Node, by: Mapping[str, Node]) -> Node:
    """Returns a formula with others in place of names."""
    if isinstance(node, Symbol):
        return by.get(node.key, node)
    if isinstance(node, Power) and isinstance(node.base, Symbol) and node.base.key == "e":
        return replace(node, exponent=substituted(node.exponent, by))
    return rebuilt(node, lambda part: substituted(part, by))


def is_of_numbers(node: Node) -> bool:
    """Whether nothing in a formula is an array, or depends on more than is written."""
    others = Array, Transposed, BigSum, Words, Cases, Derivative
    return not any(isinstance(part, others) for part in walk(node))


def _depends(node: Node, key: str) -> bool:
    return any(isinstance(part, Symbol) and part.key == key for part in walk(node))


# ---------------------------------------------------------------- formulas without 0 and 1 in them


def _number(value: float, span: Span) -> Number:
    text = str(int(value)) if value == int(value) else repr(value)
    return Number(span, text, float(value), 0.0, len(text))


def _is(node: Node, value: float) -> bool:
    return isinstance(node, Number) and node.value == value


def _negative(node: Node) -> Node:
    return node if _is(node, 0) else Negative(node.span, node)


def _sum(left: Node, right: Node, sign: int) -> Node:
    if _is(right, 0):
        return left
    if _is(left, 0):
        return right if sign > 0 else _negative(right)
    return Sum(left.span, left, right, sign)


def _times(left: Node, right: Node) -> Node:
    if _is(left, 0) or _is(right, 0):
        return _number(0, left.span)
    if isinstance(right, Number) and not isinstance(left, Number):
        left, right = right, left
    if _is(left, 1):
        return right
    match left, right:
        case Number(), Number():
            return _number(left.value * right.value, left.span)
        case Number(), Times(left=Number() as factor, right=rest, kind="dot"):
            return _times(_number(left.value * factor.value, left.span), rest)
        case _, Times(left=Number() as factor, right=rest, kind="dot"):
            return _times(factor, _times(left, rest))
    return left if _is(right, 1) else Times(left.span, left, right, "dot")


def _divide(left: Node, right: Node) -> Node:
    return left if _is(left, 0) else Divide(left.span, left, right)


def _power(base: Node, exponent: float) -> Node:
    if exponent == 1:
        return base
    if exponent == 0:
        return _number(1, base.span)
    return Power(base.span, base, _number(exponent, base.span))
