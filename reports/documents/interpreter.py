"""Python code of a document, evaluated node by node from its syntax tree and never run.

Assignments, functions, classes, loops over what is known, arithmetic, and the calls of
`numpy_calls`. Everything else is "not read"; steps, nesting and sizes are limited.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.documents.expressions import OPERATORS, Expressions
from reports.documents.numpy_calls import NotReadable, small
from reports.documents.program import Instance

DEEPEST = 12


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Interpreter(Expressions):
    """Evaluates whitelisted syntax.

    Attributes:
        trace: the names of the function that was called with `traced`, as it left them.
        order: their assignments in order.
    """

    # ------------------------------------------------------------ functions and objects

    def call(self, name: str, arguments: Mapping[str, Any], *, traced: bool = False) -> Any:
        """Returns what a function of the document returns."""
        return self._run(self._program.functions[name], dict(arguments), traced=traced)

    def create(self, kind: str, arguments: Mapping[str, Any]) -> Instance:
        """Returns an object of a class of the document."""
        instance = Instance(kind)
        init = self._program.method(kind, "__init__")
        if init is not None:
            self._run(init, {init.args.args[0].arg: instance, **arguments})
        return instance

    def invoke(self, instance: Instance, method: str, arguments: Sequence[Any]) -> Any:
        """Returns what a method of an object returns."""
        node = self._program.method(instance.kind, method)
        if node is None:
            raise NotReadable(f"a method {method} that is not known")
        return self._run(node, self._bound(node, [instance, *arguments], {}))

    def _bound(
        self, node: ast.FunctionDef, values: Sequence[Any], named: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Returns the parameters of a function with their values, defaults filled in."""
        if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
            raise NotReadable("a function of any number of arguments")
        parameters = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
        scope = dict(zip(parameters, values, strict=False)) | dict(named)
        first = len(node.args.args) - len(node.args.defaults)
        defaults = dict(zip(parameters[first:], node.args.defaults, strict=False))
        defaults |= {
            a.arg: d
            for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if d is not None
        }
        for parameter in parameters:
            if parameter not in scope:
                if parameter not in defaults:
                    raise NotReadable("a call with other arguments than the function has")
                scope[parameter] = self._value(defaults[parameter], {})
        if len(values) > len(node.args.args) or set(scope) != set(parameters):
            raise NotReadable("a call with other arguments than the function has")
        return scope

    def _run(self, node: ast.FunctionDef, scope: dict[str, Any], *, traced: bool = False) -> Any:
        if node.decorator_list:
            raise NotReadable("a decorated function")
        parameters = [a.arg for a in node.args.args]
        if set(parameters) - set(scope):
            scope = self._bound(node, [], scope)
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotReadable("functions that call each other too deep")
        try:
            self._body(node.body, scope, traced)
        except _Return as result:
            return result.value
        finally:
            self._depth -= 1
            if traced:
                self.trace = scope
        return None

    # ------------------------------------------------------------ statements

    def _body(self, statements: Sequence[ast.stmt], scope: dict[str, Any], traced: bool) -> None:
        for statement in statements:
            self._step()
            match statement:
                case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert():
                    continue
                case ast.Expr(value=ast.Call() as call):
                    if not _is_of_super(call):
                        self._value(call, scope)
                case ast.Assign(targets=targets, value=value):
                    found = self._value(value, scope)
                    for target in targets:
                        self._assign(target, found, scope)
                    self._note(targets, statement, traced)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self._assign(target, self._value(value, scope), scope)
                    self._note([target], statement, traced)
                case ast.AugAssign(target=target, op=op, value=value):
                    self._augment(target, op, self._value(value, scope), scope)
                    self._note([target], statement, traced)
                case ast.Return(value=value):
                    raise _Return(None if value is None else self._value(value, scope))
                case ast.If(test=test, body=body, orelse=orelse):
                    branch = body if self._truth(self._value(test, scope)) else orelse
                    self._body(branch, scope, traced)
                case ast.For(target=target, iter=items, body=body, orelse=[]):
                    for item in self._items(self._value(items, scope)):
                        self._assign(target, item, scope)
                        self._body(body, scope, traced)
                case ast.Raise():
                    raise ValueError("it raises on these arguments")
                case _:
                    raise NotReadable(f"a statement of the kind {type(statement).__name__}")

    def _note(self, targets: Sequence[ast.expr], statement: ast.stmt, traced: bool) -> None:
        if traced and len(targets) == 1 and isinstance(targets[0], ast.Name):
            self.order.append((targets[0].id, statement))

    def _assign(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        match target:
            case ast.Name(id=name):
                scope[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                items = self._items(value)
                if any(isinstance(t, ast.Starred) for t in targets):
                    raise NotReadable("an assignment to several targets")
                if len(items) != len(targets):
                    raise ValueError("not so many values to assign")
                for inner, item in zip(targets, items, strict=True):
                    self._assign(inner, item, scope)
            case ast.Attribute(value=owner, attr=name):
                instance = self._value(owner, scope)
                if not isinstance(instance, Instance):
                    raise NotReadable("an attribute of something unknown")
                instance.attributes[name] = value
            case ast.Subscript(value=owner, slice=at):
                container = self._value(owner, scope)
                if not isinstance(container, (list, dict, np.ndarray)):
                    raise NotReadable("an entry of something unknown")
                container[self._index(at, scope)] = value
                small(container)
            case _:
                raise NotReadable("an assignment to something unknown")

    def _augment(
        self, target: ast.expr, op: ast.operator, value: Any, scope: dict[str, Any]
    ) -> None:
        if type(op) not in OPERATORS or isinstance(target, (ast.Tuple, ast.List)):
            raise NotReadable("an augmented assignment")
        before = self._value(target, scope)
        after = small(OPERATORS[type(op)](before, value))
        if isinstance(before, np.ndarray) and before.dtype.kind == "f":
            before[...] = after  # as NumPy does: in place, also for other names of the array
            after = before
        self._assign(target, after, scope)


def _is_of_super(call: ast.Call) -> bool:
    """Whether a call is super().__init__(), which does nothing for a class of the document."""
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
            return True
    return False
