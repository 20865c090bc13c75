"""The learning rate of a parameter: by how much of its gradient an update moves it."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from reports.documents.code.leaves import Path
from reports.documents.code.names import role, setting


def rate_of(
    updates: Sequence[ast.stmt],
    before: Mapping[Path, Any],
    turning: frozenset[str],
    *,
    whole: bool = False,
) -> float | None:
    """Returns the rate by which all updates of a parameter go; None where it is not certain.

    It is certain where one factor alone can be it: a name of a rate, or without any a literal
    between 0 and 1; and where no other number is a factor that was set before the round, and
    none depends on which round it is.

    Args:
        updates: the statements that move the parameter.
        before: the arrays and numbers before the round.
        turning: the names that count the rounds.
        whole: whether the other numbers of the product belong to it: 0.2 in 0.1 * 2 * dw.
    """
    if any(turns(update, turning) for update in updates):
        return None
    numbers = {path[-1]: float(value) for path, value in before.items() if np.ndim(value) == 0}
    found = {_rate(update, numbers, whole=whole) for update in updates}
    return found.pop() if len(found) == 1 else None


def turns(node: ast.AST, turning: frozenset[str]) -> bool:
    """Whether a value depends on the number of the round other than as a place."""
    if isinstance(node, ast.Subscript):
        return False
    if isinstance(node, ast.Name) and node.id in turning:
        return True
    return any(turns(part, turning) for part in ast.iter_child_nodes(node))


def _rate(update: ast.stmt, numbers: Mapping[str, float], *, whole: bool) -> float | None:
    factors = [*_factors(_step(update))]
    names = [name for f in factors if (name := _last_name(f)) in numbers]
    named = [numbers[name] for name in names if setting(name) == "rate"]
    literals = [
        f.value
        for f in factors
        if isinstance(f, ast.Constant) and isinstance(f.value, float) and 0 < f.value < 1
    ]
    others = [n for n in names if setting(n) != "rate" and role(n) not in {"data", "target"}]
    rates = named or literals
    if len(rates) != 1 or rates[0] <= 0 or others:
        return None
    return rates[0] * (_whole_numbers(factors) if whole else 1.0)


def _whole_numbers(factors: Sequence[ast.expr]) -> float:
    """Returns the product of the whole numbers among factors."""
    found = [f.value for f in factors if isinstance(f, ast.Constant) and isinstance(f.value, int)]
    return float(prod(found))


def _step(update: ast.stmt) -> ast.expr | None:
    """Returns by what an update moves: the right side of w -= … and of w = w - …."""
    match update:
        case ast.AugAssign(value=value) | ast.Assign(value=ast.BinOp(right=value)):
            return value
    return None


def _factors(value: ast.expr | None) -> Iterator[ast.expr]:
    """Yields the factors of a product; of a quotient those above."""
    match value:
        case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
            yield from _factors(left)
            yield from _factors(right)
        case ast.BinOp(left=inner, op=ast.Div()) | ast.UnaryOp(op=ast.USub(), operand=inner):
            yield from _factors(inner)
        case ast.expr():
            yield value
        case None:
            return


def _last_name(factor: ast.expr) -> str:
    match factor:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
