"""Expressions of code, evaluated node by node: arithmetic, names, entries, and calls."""

import ast
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.numpy_calls import (
    BUILTINS,
    FUNCTIONS,
    METHODS,
    ON_DICTIONARIES,
    ON_LISTS,
    NotReadable,
    drawn,
    small,
)
from reports.documents.program import Instance, Program

MOST_STEPS = 20_000
MODULES = frozenset(("np", "numpy"))

OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.MatMult: operator.matmul,
}
COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


@dataclass(frozen=True)
class _Lambda:
    node: ast.Lambda
    scope: Mapping[str, Any]


class Expressions(ABC):
    """Evaluates expressions; functions and assignments are left to the interpreter."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps = 0
        self._depth = 0
        self._rng = np.random.default_rng(9)
        self.trace: dict[str, Any] = {}
        self.order: list[tuple[str, ast.AST]] = []

    @abstractmethod
    def create(self, kind: str, arguments: Mapping[str, Any]) -> Instance:
        """Returns an object of a class of the document."""

    @abstractmethod
    def invoke(self, instance: Instance, method: str, arguments: Sequence[Any]) -> Any:
        """Returns what a method of an object returns."""

    @abstractmethod
    def _bound(
        self, node: ast.FunctionDef, values: Sequence[Any], named: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    @abstractmethod
    def _run(
        self, node: ast.FunctionDef, scope: dict[str, Any], *, traced: bool = False
    ) -> Any: ...

    @abstractmethod
    def _assign(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None: ...

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise NotReadable("it takes too many steps")

    def _truth(self, value: Any) -> bool:
        if np.size(value) != 1 and not isinstance(value, (list, tuple, dict, str)):
            raise NotReadable("a decision on an array")
        return bool(value)

    def _items(self, value: Any) -> list[Any]:
        if isinstance(value, Instance) or not isinstance(
            value, (list, tuple, dict, range, np.ndarray)
        ):
            raise NotReadable("a loop over something unknown")
        return list(value)

    def _value(self, node: ast.expr, scope: Mapping[str, Any]) -> Any:
        self._step()
        match node:
            case ast.Constant(value=bool() | None | str() as value):
                return value
            case ast.Constant(value=int() | float() as value) if abs(value) < 1e12:
                return value
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Tuple(elts=items):
                return tuple(self._value(item, scope) for item in items)
            case ast.List(elts=items):
                return [self._value(item, scope) for item in items]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {
                    self._value(k, scope): self._value(v, scope)
                    for k, v in zip(keys, values, strict=True)
                    if k is not None
                }
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(op, self._value(operand, scope))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                power = FUNCTIONS["power"]
                return small(power(self._value(left, scope), self._value(right, scope)))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                a, b = self._value(left, scope), self._value(right, scope)
                return self._combined(type(op), a, b)
            case ast.BoolOp(op=op, values=values):
                found: Any = None
                for value in values:
                    found = self._value(value, scope)
                    if self._truth(found) == isinstance(op, ast.Or):
                        break
                return found
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(self._value(left, scope), ops, others, scope)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                chosen = body if self._truth(self._value(test, scope)) else orelse
                return self._value(chosen, scope)
            case ast.Attribute(value=value, attr=name):
                return self._attribute(value, name, scope)
            case ast.Subscript(value=value, slice=at):
                container = self._value(value, scope)
                if not isinstance(container, (list, tuple, dict, np.ndarray, str)):
                    raise NotReadable("an entry of something unknown")
                return small(container[self._index(at, scope)])
            case ast.JoinedStr(values=parts):
                return "".join(self._text(part, scope) for part in parts)
            case ast.Lambda():
                return _Lambda(node, scope)
            case ast.ListComp(elt=element, generators=[ast.comprehension(ifs=[], is_async=0) as g]):
                inner = dict(scope)
                found_items = []
                for item in self._items(self._value(g.iter, scope)):
                    self._assign(g.target, item, inner)
                    found_items.append(self._value(element, inner))
                return small(found_items)
            case ast.Call():
                return small(self._called(node, scope))
        raise NotReadable(f"an expression of the kind {type(node).__name__}")

    def _name(self, name: str, scope: Mapping[str, Any]) -> Any:
        if name in scope:
            return scope[name]
        if name in self._program.constants:
            return self._program.constants[name]
        if name in self._program.functions:
            return self._program.functions[name]
        if name in {"float", "int", "bool"}:
            return name
        raise NotReadable(f"the name {name[:30]}, which is not known")

    def _unary(self, op: ast.unaryop, value: Any) -> Any:
        match op:
            case ast.USub():
                return -value
            case ast.UAdd():
                return value
            case ast.Not():
                return not self._truth(value)
            case ast.Invert() if isinstance(value, np.ndarray) and value.dtype.kind == "b":
                return ~value
        raise NotReadable("a sign before something unknown")

    def _combined(self, op: type, a: Any, b: Any) -> Any:
        text = isinstance(a, str) and isinstance(b, str) and op is ast.Add
        lists = isinstance(a, list | tuple) and type(a) is type(b) and op is ast.Add
        many = isinstance(a, list) and isinstance(b, int) and op is ast.Mult and b < 100
        for value in (a, b):
            plain = isinstance(value, int | float | np.ndarray | np.generic)
            if not plain and not (text or lists or many):
                raise NotReadable("arithmetic with something other than numbers")
        return small(OPERATORS[op](a, b))

    def _compared(
        self,
        left: Any,
        ops: Sequence[ast.cmpop],
        others: Sequence[ast.expr],
        scope: Mapping[str, Any],
    ) -> Any:
        if len(ops) != 1 or isinstance(left, Instance):
            raise NotReadable("a comparison of several things")
        right = self._value(others[0], scope)
        return small(COMPARISONS[type(ops[0])](left, right))

    def _text(self, part: ast.expr, scope: Mapping[str, Any]) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        if isinstance(part, ast.FormattedValue) and part.format_spec is None:
            value = self._value(part.value, scope)
            if isinstance(value, int | str):
                return str(value)
        return ""

    def _attribute(self, owner: ast.expr, name: str, scope: Mapping[str, Any]) -> Any:
        if isinstance(owner, ast.Name) and owner.id in MODULES and owner.id not in scope:
            if name == "newaxis":
                return None
            if name == "pi":
                return float(np.pi)
            if name in {"float32", "float64", "int64", "int32"}:
                return name
            raise NotReadable(f"np.{name[:30]}")
        value = self._value(owner, scope)
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            constant = self._program.constant_of(value.kind, name)
            if constant is not None:
                return constant
            raise NotReadable(f"the attribute {name[:30]}, which is not known")
        if name == "T":
            return np.asarray(value).T
        if name in {"shape", "size", "ndim"} and isinstance(value, np.ndarray):
            return getattr(value, name)
        raise NotReadable(f"the attribute {name[:30]}")

    def _index(self, node: ast.expr, scope: Mapping[str, Any]) -> Any:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(
                    *(None if n is None else self._value(n, scope) for n in (lower, upper, step))
                )
            case ast.Tuple(elts=items):
                return tuple(self._index(item, scope) for item in items)
            case ast.Constant(value=value) if value is Ellipsis:
                return Ellipsis
        return self._value(node, scope)

    # ------------------------------------------------------------ calls

    def _called(self, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        if any(isinstance(a, ast.Starred) for a in node.args):
            raise NotReadable("a call with a list of arguments")
        if any(k.arg is None for k in node.keywords):
            raise NotReadable("a call with a dictionary of arguments")
        match node.func:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (
                module in MODULES and module not in scope
            ):
                if name not in FUNCTIONS:
                    raise NotReadable(f"np.{name[:30]}")
                return FUNCTIONS[name](*self._arguments(node, scope), **self._options(node, scope))
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id=module), attr="random"), attr=name
            ) if module in MODULES and module not in scope:
                options = self._options(node, scope)
                arguments = self._arguments(node, scope)
                if "size" in options:
                    arguments = [0.0, 1.0, options["size"]]
                return drawn(self._rng, name, arguments)
            case ast.Attribute(value=owner, attr=name):
                return self._method(self._value(owner, scope), name, node, scope)
            case ast.Name(id=name) if name in scope:
                return self._own(scope[name], node, scope)
            case ast.Name(id=name) if name in self._program.functions:
                return self._own(self._program.functions[name], node, scope)
            case ast.Name(id=name) if name in self._program.classes:
                return self._created(name, node, scope)
            case ast.Name(id=name) if name in BUILTINS:
                return BUILTINS[name](*self._arguments(node, scope), **self._options(node, scope))
        raise NotReadable("a call of something unknown")

    def _arguments(self, node: ast.Call, scope: Mapping[str, Any]) -> list[Any]:
        return [self._value(a, scope) for a in node.args]

    def _options(self, node: ast.Call, scope: Mapping[str, Any]) -> dict[str, Any]:
        allowed = {"axis", "keepdims", "start", "size", "dtype", "out", "ddof"}
        options = {k.arg or "": self._value(k.value, scope) for k in node.keywords}
        if set(options) - allowed or options.get("out") is not None:
            raise NotReadable("a call with options")
        options.pop("dtype", None)
        return options

    def _created(self, name: str, node: ast.Call, scope: Mapping[str, Any]) -> Instance:
        init = self._program.method(name, "__init__")
        named = {k.arg or "": self._value(k.value, scope) for k in node.keywords}
        values = self._arguments(node, scope)
        if init is None:
            return self.create(name, {})
        bound = self._bound(init, [None, *values], named)
        return self.create(name, {k: v for k, v in bound.items() if k != init.args.args[0].arg})

    def _own(self, function: Any, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        named = {k.arg or "": self._value(k.value, scope) for k in node.keywords}
        values = self._arguments(node, scope)
        if isinstance(function, ast.FunctionDef):
            return self._run(function, self._bound(function, values, named))
        if isinstance(function, Instance):
            for method in ("__call__", "forward"):
                if self._program.method(function.kind, method) is not None:
                    return self.invoke(function, method, values)
        if isinstance(function, _Lambda) and not named:
            parameters = [a.arg for a in function.node.args.args]
            if len(parameters) == len(values):
                inner = {**function.scope, **dict(zip(parameters, values, strict=True))}
                return self._value(function.node.body, inner)
        raise NotReadable("a call of something unknown")

    def _method(self, owner: Any, name: str, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        if isinstance(owner, Instance):
            method = self._program.method(owner.kind, name)
            if method is None:
                return self._own(owner.attributes.get(name), node, scope)
            named = {k.arg or "": self._value(k.value, scope) for k in node.keywords}
            values = [owner, *self._arguments(node, scope)]
            return self._run(method, self._bound(method, values, named))
        values, options = self._arguments(node, scope), self._options(node, scope)
        if isinstance(owner, list) and name in ON_LISTS:
            return ON_LISTS[name](owner, *values, **options)
        if isinstance(owner, dict) and name in ON_DICTIONARIES:
            return ON_DICTIONARIES[name](owner, *values, **options)
        if isinstance(owner, np.ndarray | np.generic) and name in METHODS:
            array = np.asarray(owner)
            if name in {"reshape", "transpose"} and len(values) > 1:
                values = [tuple(values)]
            return METHODS[name](array, *values, **options)
        raise NotReadable(f"the method {name[:30]}")
