"""Mistakes within a statement, one row each: a sign, an axis, a transpose, a name, a factor."""

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reports.documents.code.changes import (
    MISSING_T,
    NEEDLESS_T,
    NO_KEEPDIMS,
    Change,
    Material,
    expression,
    shown,
    turned,
    with_args,
)


def _operators(node: ast.AST, _: Material) -> Iterator[Change]:
    match node:
        case ast.BinOp(
            left=ast.BinOp(left=a, op=ast.Mult(), right=x),
            op=ast.Add() | ast.Sub() as op,
            right=ast.BinOp(left=b, op=ast.Mult(), right=y),
        ):
            shares = (ast.BinOp(b, ast.Mult(), x), ast.BinOp(a, ast.Mult(), y))
            words = f"{shown(a)} and {shown(b)} are exchanged"
            yield lambda n, s=shares, op=op: ast.BinOp(s[0], op, s[1]), words, 2
            turned = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
            signs = ("+", "−") if isinstance(op, ast.Add) else ("−", "+")
            yield _with_op(turned), f"a sign: {signs[0]} stands where {signs[1]} belongs", 1
        case ast.BinOp(op=ast.Add()):
            yield _with_op(ast.Sub()), "a sign: + stands where − belongs", 1
        case ast.BinOp(op=ast.Sub()):
            yield _with_op(ast.Add()), "a sign: − stands where + belongs", 1
            yield _swapped, f"a sign: {shown(node)} is the wrong way round", 1
        case ast.BinOp(op=ast.MatMult()):
            yield _swapped, "the factors of the product are the wrong way round", 2
            yield (
                _with_op(ast.Mult()),
                "a matrix product stands where an elementwise one belongs",
                3,
            )
        case ast.BinOp(op=ast.Mult()):
            yield (
                _with_op(ast.MatMult()),
                "an elementwise product stands where a matrix product belongs",
                3,
            )
            yield _with_op(ast.Div()), "* stands where / belongs", 3
        case ast.BinOp(op=ast.Div()):
            yield _with_op(ast.Mult()), "/ stands where * belongs", 3
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield _inner("operand"), "a sign: the − does not belong there", 1
        case ast.Compare(ops=[ast.Eq()]):
            yield _with_ops(ast.NotEq()), "== stands where != belongs", 2
        case ast.Compare(ops=[ast.NotEq()]):
            yield _with_ops(ast.Eq()), "!= stands where == belongs", 2
        case ast.Compare(ops=[ast.Gt() | ast.GtE() | ast.Lt() | ast.LtE() as op]):
            up = isinstance(op, ast.Gt | ast.GtE)
            for turned in (ast.Lt(), ast.LtE()) if up else (ast.Gt(), ast.GtE()):
                yield _with_ops(turned), "the comparison is the wrong way round", 1
        case _:
            pass


def _with_op(op: ast.operator) -> Callable[[Any], ast.AST]:
    return lambda node: ast.BinOp(node.left, op, node.right)


def _with_ops(op: ast.cmpop) -> Callable[[Any], ast.AST]:
    return lambda node: ast.Compare(node.left, [op], node.comparators)


def _swapped(node: ast.BinOp) -> ast.AST:
    return ast.BinOp(node.right, node.op, node.left)


def _inner(field: str) -> Callable[[Any], ast.AST]:
    return lambda node: getattr(node, field)


def _reductions(node: ast.AST, _: Material) -> Iterator[Change]:
    match node:
        case ast.Attribute(attr="mean"):
            yield _attr("sum"), "a mean over the samples stands where a sum belongs", 1
        case ast.Attribute(attr="sum"):
            yield _attr("mean"), "a sum over the samples stands where a mean belongs", 2
        case ast.keyword(arg="axis", value=value):
            for other in (0, 1, -1):
                if not (isinstance(value, ast.Constant) and value.value == other):
                    axis = ast.Constant(other) if other >= 0 else expression("-1")
                    yield (
                        lambda n, axis=axis: ast.keyword("axis", axis),
                        f"the reduction runs along the wrong axis: axis={other} is meant",
                        1,
                    )
        case ast.Call(func=ast.Attribute(attr="sum" | "mean"), keywords=[ast.keyword(arg="axis")]):
            yield lambda n: _with_keyword(n, "keepdims", ast.Constant(True)), NO_KEEPDIMS, 1
        case ast.Call(func=ast.Attribute(attr="sum" | "mean")) if not node.keywords:
            for axis in (0, 1):
                yield (
                    lambda n, axis=axis: _with_keyword(n, "axis", ast.Constant(axis)),
                    f"the reduction runs over all axes: axis={axis} is meant",
                    2,
                )
        case _:
            pass


def _attr(name: str) -> Callable[[Any], ast.AST]:
    return lambda node: ast.Attribute(node.value, name, node.ctx)


def _with_keyword(node: ast.AST, name: str, value: ast.expr) -> ast.AST:
    assert isinstance(node, ast.Call)
    return ast.Call(node.func, node.args, [*node.keywords, ast.keyword(name, value)])


_PRODUCTS = frozenset(("dot", "matmul", "outer"))
_ALIKE = (
    ("dot", "multiply"),
    ("multiply", "dot"),
    ("maximum", "minimum"),
    ("minimum", "maximum"),
    ("sin", "cos"),
    ("cos", "sin"),
    ("max", "sum"),
    ("exp", "log"),
)


def _calls(node: ast.AST, material: Material) -> Iterator[Change]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[first, second]) if name in _PRODUCTS:
            yield with_args(second, first), "the factors of the product are the wrong way round", 2
            for at in (0, 1):
                yield _turned_argument(at), MISSING_T, 1
        case ast.Call(func=ast.Name(id=name)) if name in material.flags and not node.keywords:
            flag = material.flags[name]
            words = f"{name} is meant with {flag}=True"
            yield lambda n, flag=flag: _with_keyword(n, flag, ast.Constant(True)), words, 2
        case ast.Call(func=ast.Attribute(attr="where"), args=[test, a, b]):
            yield with_args(test, b, a), "the two cases are the wrong way round", 2
        case ast.Attribute(attr=name):
            for old, new in _ALIKE:
                if name == old:
                    yield _attr(new), f"{old} stands where {new} belongs", 3
        case _:
            pass


def _turned_argument(at: int) -> Callable[[Any], ast.AST]:
    return lambda node: _with_argument(at, turned(node.args[at]))(node)


def _arguments(node: ast.AST, material: Material) -> Iterator[Change]:
    """Yields terms and factors that an argument may lack: of a function, or of a case."""
    match node:
        case ast.Call(func=ast.Attribute(attr="where"), args=[_, *cases]):
            first = 1
        case ast.Call(func=ast.Name(), args=[*cases]):
            first = 0
        case _:
            return
    for at, case in enumerate(cases, first):
        if isinstance(case, ast.Constant) and first:
            other = cases[2 - at]
            for name in material.names:
                product = ast.BinOp(expression(name), ast.Mult(), other)
                words = f"{shown(case)} stands where {shown(product)} belongs"
                yield _with_argument(at, product), words, 5
        elif isinstance(case, (ast.Name, ast.Attribute, ast.Subscript)):
            for name in material.names:
                words = f"the term {name} is missing"
                more = ast.BinOp(case, ast.Add(), expression(name))
                yield _with_argument(at, more), words, 6


def _with_argument(at: int, new: ast.expr) -> Callable[[Any], ast.AST]:
    def make(node: Any) -> ast.AST:
        return ast.Call(node.func, [*node.args[:at], new, *node.args[at + 1 :]], node.keywords)

    return make


def _transposes(node: ast.AST, _: Material) -> Iterator[Change]:
    match node:
        case ast.Attribute(attr="T"):
            yield _inner("value"), NEEDLESS_T, 1
        case ast.BinOp(op=ast.MatMult()):
            yield lambda n: ast.BinOp(turned(n.left), n.op, n.right), MISSING_T, 1
            yield lambda n: ast.BinOp(n.left, n.op, turned(n.right)), MISSING_T, 1
        case ast.Call(func=ast.Attribute(attr="transpose"), args=[inner]):
            yield lambda n, inner=inner: inner, NEEDLESS_T, 1
        case _:
            pass


def names_of(node: ast.AST, material: Material) -> Iterator[Change]:
    """Yields other names, entries and functions in place of one, and simple functions of it."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in material.functions:
            others = material.functions
        case (
            ast.Name(ctx=ast.Load())
            | ast.Attribute(value=ast.Name(id="self"), ctx=ast.Load())
            | ast.Subscript(value=ast.Name() | ast.Attribute(), ctx=ast.Load())
        ):
            if shown(node) not in material.names:
                return
            others = material.names
        case ast.Constant(value=str() as text) if text in material.keys:
            for other in material.keys:
                if other != text:
                    words = f"{text!r} stands where {other!r} belongs"
                    yield lambda n, other=other: ast.Constant(other), words, 2
            return
        case _:
            return
    here = shown(node)
    for other in others:
        if other != here:
            words = f"{here} stands where {other} belongs"
            cost = 1 if other in material.unused else 2
            yield lambda n, other=other: expression(other), words, cost
    if others is material.functions:
        return
    yield lambda n: expression(f"(1 - {here})"), f"{here} stands where 1 − {here} belongs", 4
    yield lambda n: expression(f"-{here}"), f"a sign: {here} stands where −{here} belongs", 3
    yield lambda n: expression(f"{here} ** 2"), f"{here} stands where its square belongs", 3
    yield lambda n: expression(f"np.sqrt({here})"), f"{here} stands where its root belongs", 3
    for power in material.powers:
        words = f"{here} stands where {here} to the power {power} belongs"
        yield lambda n, p=power: expression(f"{here} ** {p}"), words, 3
    for whole in material.wholes.get(here, ()):
        words = f"{here} stands where {whole} belongs"
        yield lambda n, whole=whole: expression(f"({whole})"), words, 3
    for function in material.functions:
        words = f"{here} stands where {function}({here}) belongs"
        yield lambda n, f=function: expression(f"{f}({here})"), words, 4


def _numbers(node: ast.AST, material: Material) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool()):
            return
        case ast.Constant(value=int() as value):
            for other in (value - 1, value + 1, *((2 * value, 1 / value) if value > 1 else ())):
                yield (
                    lambda n, other=other: expression(str(other)),
                    f"{value} stands where {other} belongs",
                    3,
                )
        case ast.Constant(value=float() as value) if value not in (0.0, 1.0):
            for other in (value * 2, value / 2, 1 / value):
                yield (
                    lambda n, other=other: ast.Constant(other),
                    f"{value} stands where {other:g} belongs",
                    3,
                )
        case ast.Subscript(slice=ast.Name() | ast.UnaryOp() | ast.BinOp()):
            for op, words in ((ast.Sub(), "one too far"), (ast.Add(), "one too early")):
                yield (
                    lambda n, op=op: ast.Subscript(
                        n.value, ast.BinOp(n.slice, op, ast.Constant(1)), n.ctx
                    ),
                    f"the index is {words}",
                    3,
                )
        case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=int() | float() as value)):
            for name in material.names:
                words = f"{value} stands where {name} belongs"
                factor = expression(name)
                yield lambda n, f=factor: ast.BinOp(f, ast.Mult(), n.right), words, 4
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            yield lambda n, left=left: left, "the power does not belong there", 3
            if isinstance(right, ast.Constant) and isinstance(right.value, int):
                factor = ast.Constant(right.value + 1)
                words = f"the factor {factor.value} of the slope of a power is missing"
                yield lambda n, f=factor: ast.BinOp(f, ast.Mult(), n), words, 3
            if isinstance(right, ast.Constant):
                for name in material.names:
                    yield (
                        lambda n, left=left, name=name: ast.BinOp(
                            left, ast.Pow(), expression(name)
                        ),
                        f"the power {shown(right)} stands where {name} belongs",
                        4,
                    )
        case _:
            pass


def _factors(node: ast.AST, material: Material) -> Iterator[Change]:
    match node:
        case ast.BinOp(op=ast.Div(), right=right) if shown(right) in material.counts:
            words = f"a mean over the samples stands where a sum belongs: 1/{shown(right)}"
            yield _inner("left"), words, 4
        case ast.BinOp(op=ast.Mult() | ast.Div(), left=left, right=right):
            yield (
                _inner("left"),
                f"the factor {_sign(node)}{shown(right)} does not belong there",
                4,
            )
            if isinstance(node.op, ast.Mult):
                match left:
                    case ast.BinOp(op=ast.Mult(), left=first, right=second):
                        words = f"the factor {shown(second)} * {shown(right)} does not belong there"
                        yield lambda _, first=first: first, words, 4
                    case _:
                        pass
                yield _inner("right"), f"the factor {shown(left)} does not belong there", 4
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            yield _inner("left"), f"the term {shown(right)} does not belong there", 4
            yield _inner("right"), f"the term {shown(left)} does not belong there", 4
        case ast.BinOp(op=ast.Sub(), left=left, right=right):
            yield _inner("left"), f"the term −{shown(right)} does not belong there", 4
            if isinstance(left, ast.Constant):
                yield _inner("right"), f"{shown(node)} stands where {shown(right)} belongs", 4
        case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name(id="self")), args=[inner]):
            words = f"{shown(node.func)} is applied once too often"
            yield lambda n, inner=inner: inner, words, 4
        case _:
            pass


def _sign(node: ast.BinOp) -> str:
    return "1/" if isinstance(node.op, ast.Div) else ""


def _squares(node: ast.AST, material: Material) -> Iterator[Change]:
    match node:
        case ast.BinOp(
            op=ast.Sub(), left=ast.Constant(), right=ast.Name() | ast.Attribute() | ast.Subscript()
        ):
            yield (
                lambda n: ast.BinOp(n.left, n.op, ast.BinOp(n.right, ast.Pow(), ast.Constant(2))),
                "a square is missing",
                2,
            )
        case _:
            pass


def _inside(node: ast.AST, material: Material) -> Iterator[Change]:
    """Yields factors that one term of a sum, or what is summed, may lack."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub() as op, left=left, right=right):
            for name in material.names:
                words = f"the factor {name} is missing"
                more = ast.BinOp(right, ast.Mult(), expression(name))
                yield lambda n, m=more, left=left, op=op: ast.BinOp(left, op, m), words, 5
                more = ast.BinOp(left, ast.Mult(), expression(name))
                yield lambda n, m=more, right=right, op=op: ast.BinOp(m, op, right), words, 5
            for count in material.counts:
                words = f"the factor 1/{count} is missing"
                more = ast.BinOp(left, ast.Div(), expression(count))
                yield lambda n, m=more, right=right, op=op: ast.BinOp(m, op, right), words, 4
                more = ast.BinOp(right, ast.Div(), expression(count))
                yield lambda n, m=more, left=left, op=op: ast.BinOp(left, op, m), words, 4
        case ast.Call(func=ast.Attribute(attr="sum" | "mean"), args=[first, *rest]):
            for name in material.names:
                more = ast.BinOp(first, ast.Mult(), expression(name))
                yield with_args(more, *rest), f"the factor {name} is missing", 5
        case _:
            pass


TABLES: Sequence[Callable[[ast.AST, Material], Iterator[Change]]] = (
    _operators,
    _reductions,
    _transposes,
    _calls,
    _arguments,
    names_of,
    _numbers,
    _squares,
    _factors,
    _inside,
)
"""A further mistake that a change undoes is a further case in one of these."""
