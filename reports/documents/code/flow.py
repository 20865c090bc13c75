"""Which statements of a function feed which of its names: what may be at fault."""

import ast
from collections.abc import Iterable, Iterator, Sequence

from reports.documents.code.names import is_gradient, role, setting

MUTATORS = frozenset("append extend insert update fill add at pop reverse".split())


def written(statement: ast.stmt) -> set[str]:
    """Returns the names that a statement sets, also those of entries: dW, grads, grads['W1']."""
    found: set[str] = set()
    match statement:
        case ast.Assign(targets=targets):
            for target in targets:
                found |= set(_targets(target))
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            found |= set(_targets(target))
        case ast.For(target=target):
            found |= set(_targets(target))
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr), args=args)):
            if attr in MUTATORS:
                found |= set(_targets(owner)) | {n for a in args[:1] for n in _targets(a)}
        case _:
            pass
    return found


def _targets(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
            yield f"self.{attr}"
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
            for name in _targets(value):
                yield f"{name}[{key}]"
        case ast.Subscript(value=value) | ast.Starred(value=value) | ast.Attribute(value=value):
            yield from _targets(value)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            for item in items:
                yield from _targets(item)
        case _:
            return


def read(node: ast.AST) -> set[str]:
    """Returns the names that a statement or expression reads."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return read(value).union(*(_indices(target) for target in targets))
        case ast.AugAssign(target=target, value=value):
            return read(value) | _indices(target) | set(_targets(target))
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return read(value) | _indices(target)
        case _:
            pass
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name, ctx=ast.Load()):
                found.add(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=attr, ctx=ast.Load()):
                found.add(f"self.{attr}")
            case ast.Subscript(slice=ast.Constant(value=str() as key)):
                found |= {f"{name}[{key}]" for name in _targets(part.value)}
            case _:
                pass
    return found - {"self"}


def _indices(target: ast.expr) -> set[str]:
    """Returns the names that the places of a target are made of: i of a[i]."""
    match target:
        case ast.Subscript(value=value, slice=at):
            return read(at) | _indices(value)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return set[str]().union(*map(_indices, items))
    return set()


def feeding(statements: Sequence[ast.stmt], names: Iterable[str]) -> set[ast.stmt]:
    """Returns the statements on which the values of names depend, in whatever order they run."""
    wanted = set(names)
    found: set[ast.stmt] = set()
    grows = True
    while grows:
        grows = False
        for statement in statements:
            if statement not in found and _sets_any(statement, wanted):
                found.add(statement)
                wanted |= read(statement)
                grows = True
    return found


def _sets_any(statement: ast.stmt, wanted: set[str]) -> bool:
    for name in written(statement):
        if name in wanted:
            return True
        head = name.partition("[")[0]
        if "[" in name and head in wanted and not any(w.startswith(f"{head}[") for w in wanted):
            return True
        if "[" not in name and any(w.startswith(f"{name}[") for w in wanted):
            return True
    return False


# ---------------------------------------------------------------- steps down a gradient


def is_step(node: ast.AST) -> bool:
    """Whether a statement moves something by a rate times a gradient."""
    match node:
        case ast.AugAssign(target=target, op=ast.Sub() | ast.Add(), value=value):
            return _rated(value) and not any(map(_is_gradient, ast.walk(target)))
        case ast.Assign(
            targets=[target], value=ast.BinOp(left=left, op=ast.Sub() | ast.Add(), right=value)
        ):
            return ast.unparse(target) == ast.unparse(left) and _rated(value)
    return False


def _is_gradient(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return is_gradient(name)
    return False


def _rated(value: ast.expr) -> bool:
    """Whether a value is a rate times something, or a gradient by its name."""
    for part in ast.walk(value):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if setting(name) == "rate" or role(name) == "rate":
                    return True
            case _:
                pass
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return is_gradient(name) or any(w in name for w in ("delta", "adjust", "update"))
        case ast.BinOp(op=ast.Mult(), left=left) if _leads_with_rate(left):
            return True
        case ast.Call(func=ast.Attribute(attr="dot")) | ast.BinOp(op=ast.MatMult()):
            return True
    return False


def _leads_with_rate(value: ast.expr) -> bool:
    """Whether a product is of numbers, and one of them may be a rate: 0.1, 2 * 0.1, 0.1 / n."""
    match value:
        case ast.Constant(value=number):
            return isinstance(number, float)
        case ast.BinOp(left=left, op=ast.Div()):
            return _leads_with_rate(left)
        case (
            ast.BinOp(left=ast.Constant() as left, op=ast.Mult(), right=right)
            | ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant() as right)
        ):
            return _leads_with_rate(left) or _leads_with_rate(right)
    return False
