"""What a statement as a whole may lack: a factor, a term, a sign, a += for its =."""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from reports.documents.code.changes import (
    MISSING_T,
    Change,
    Edit,
    Material,
    Step,
    expression,
    replaced,
    turned,
)


def omissions(statement: ast.stmt, material: Material) -> Iterator[Edit]:
    """Yields changes of a statement as a whole: what it assigns lacks a factor, a term, a sign."""

    def edit(new: ast.stmt, words: str, cost: int) -> Edit:
        return Edit(statement, lambda: ast.copy_location(new, statement), words, cost)

    match statement:
        case ast.Assign(
            targets=[ast.Name() | ast.Subscript() | ast.Attribute() as target], value=value
        ):
            new = ast.AugAssign(target, ast.Add(), value)
            yield edit(new, "= overwrites what += must add up", 1)
            if isinstance(target, ast.Subscript):
                yield edit(_added_at(target, value), _TWICE, 3)
        case ast.AugAssign(target=target, op=op, value=value):
            turned = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
            shown = ("+=", "−=") if isinstance(op, ast.Add) else ("−=", "+=")
            words = f"{shown[0]} stands where {shown[1]} belongs"
            yield edit(ast.AugAssign(target, turned, value), words, 0)
            yield edit(ast.Assign([target], value), "+= adds up what = must set", 2)
        case _:
            pass
    yield from _throughout(statement, material)
    for path, _ in _assigned(statement) if not _counts(statement, material) else ():
        for wrap, words, cost in _lacking(material):
            yield Edit(statement, partial(replaced, statement, path, wrap), words, cost)


def _counts(statement: ast.stmt, material: Material) -> bool:
    """Whether a statement only sets a number of samples."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    names = {part.id for t in targets for part in ast.walk(t) if isinstance(part, ast.Name)}
    return bool(names & set(material.counts))


def _throughout(statement: ast.stmt, material: Material) -> Iterator[Edit]:
    """Yields changes of a name wherever the statement reads it, where that is more than once."""
    counted = Counter(
        part.id
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    )
    for name, count in counted.items():
        if count < 2 or name not in material.names:
            continue
        for other in material.names:
            if other != name:
                words = f"{name} stands where {other} belongs"
                yield Edit(statement, partial(_renamed, statement, name, other), words, 2)


def _renamed(statement: ast.stmt, name: str, other: str) -> ast.stmt:
    class Renamer(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            same = node.id == name and isinstance(node.ctx, ast.Load)
            return expression(other) if same else node

    return Renamer().visit(copy.deepcopy(statement))


_TWICE = "entries that are named several times must add up"


def _added_at(target: ast.Subscript, value: ast.expr) -> ast.stmt:
    """Returns np.add.at(a, i, v) for a[i] = v."""
    call = ast.Call(expression("np.add.at"), [target.value, target.slice, value], [])
    return ast.Expr(call)


def _assigned(statement: ast.stmt) -> list[tuple[tuple[Step, ...], ast.expr]]:
    """Returns the values that a statement assigns or returns, with their paths."""
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Expr) or value is None:
        return []
    if isinstance(value, ast.Tuple):
        return [((("value", None), ("elts", i)), item) for i, item in enumerate(value.elts)]
    return [((("value", None),), value)]


def _lacking(material: Material) -> Iterator[Change]:
    """Yields what a value may lack."""
    yield lambda v: ast.UnaryOp(ast.USub(), v), "a sign: a − is missing", 2
    yield turned, MISSING_T, 3
    for number in ("2", "0.5"):
        yield _times(number), f"the factor {number} is missing", 3
    for count in material.counts:
        yield _over(count), f"the factor 1/{count} is missing", 3
        yield _times(count), f"a factor 1/{count} is too much", 4
    for factor in material.factors:
        yield _over(factor), f"the factor 1/{factor} is missing", 5
        yield _times(factor), f"the factor {factor} is missing", 5
    for name in material.names:
        for pattern, words in _SLOPES:
            factor = pattern.format(name)
            cost = 2 if name in material.unused else 4 if factor == name else 5
            yield _times(factor), f"the factor {factor} is missing: {words}", cost
    for penalty in material.penalties:
        for weight in material.weights:
            for share in ("", *(f" / {count}" for count in material.counts)):
                for two in ("", "2 * "):
                    term = f"{two}{penalty}{share} * {weight}"
                    yield _plus(term), f"the gradient of the penalty is missing: {term}", 5
    for name in material.names:
        cost = 2 if name in material.unused else 6
        yield _plus(name), f"the term {name} is missing", cost


_SLOPES = (
    ("(1 - {} ** 2)", "the derivative of tanh"),
    ("{0} * (1 - {0})", "the derivative of the sigmoid"),
    ("({} > 0)", "the derivative of the rectifier"),
    ("(1 - {})", "a step of the chain rule"),
    ("{}", "a step of the chain rule"),
)


def _times(source: str) -> Callable[[Any], ast.expr]:
    return lambda v: ast.BinOp(v, ast.Mult(), expression(source))


def _over(source: str) -> Callable[[Any], ast.expr]:
    return lambda v: ast.BinOp(v, ast.Div(), expression(source))


def _plus(source: str) -> Callable[[Any], ast.expr]:
    return lambda v: ast.BinOp(v, ast.Add(), expression(source))
