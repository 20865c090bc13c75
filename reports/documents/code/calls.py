"""Calls in code: of its own functions, methods and classes, and of what is ours."""

import ast
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

import numpy as np

from reports.documents.code.expressions import NUMBERS, Expressions, _Array_Method
from reports.documents.code.limits import NotReadable, Wants, small
from reports.documents.code.modules import Builtin
from reports.documents.code.numpy_calls import METHODS, Elementwise, Places
from reports.documents.code.program import Bound, Class, Function, Instance, Parent, Scope
from reports.documents.code.python_calls import OF_COLLECTIONS, items_of
from reports.documents.code.random_calls import Draws

DEEPEST = 40
"""Functions that may call each other: recursion over a graph takes some."""

_TYPES: Mapping[str, Any] = {
    "int": int | np.integer,
    "float": float | np.floating,
    "bool": bool | np.bool_,
    "str": str,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "set": set,
    "ndarray": np.ndarray,
    "number": NUMBERS[0] | float,
}


class Calls(Expressions):
    """Evaluates calls."""

    draws: Draws
    _depth: int

    def run(self, function: Function, scope: Scope) -> Any:
        """Returns what the body of a function returns; its parameters are in the scope."""
        raise NotImplementedError

    def _value_Call(self, node: ast.Call, scope: Scope) -> Any:
        self.budget.spend()
        match node.func:
            case ast.Name(id="super"):
                return self._super(node, scope)
            case ast.Name(id="hasattr" | "getattr" | "setattr" as name) if len(node.args) > 1:
                return self._by_name(name, self._listed(node.args, scope))
            case ast.Name(id="isinstance") if len(node.args) == 2:
                value, kinds = self._listed(node.args, scope)
                return any(map(_is_kind(value), kinds if isinstance(kinds, tuple) else (kinds,)))
            case ast.Name(id="callable"):
                value = self.value(node.args[0], scope)
                return isinstance(value, Function | Bound | Builtin | Class)
            case ast.Name(id="type") if len(node.args) == 1:
                value = self.value(node.args[0], scope)
                return value.kind if isinstance(value, Instance) else type(value).__name__
            case _:
                pass
        function = self.value(node.func, scope)
        values = self._listed(node.args, scope)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is None:
                if not isinstance(value, dict):
                    raise TypeError("keywords that are no dictionary")
                named |= {str(k): v for k, v in value.items()}
            else:
                named[keyword.arg] = value
        return self.call(function, values, named)

    def call(self, function: Any, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Returns what a call of any value returns."""
        match function:
            case Function():
                return self.run(function, self._bound(function, values, named))
            case Bound(function=method, owner=owner):
                return self.run(method, self._bound(method, [owner, *values], named))
            case Class():
                return self.create(function, values, named)
            case Instance():
                for name in ("__call__", "forward"):
                    method = function.kind.method(name)
                    if method is not None:
                        return self.call(Bound(method, function), values, named)
            case Builtin():
                return small(self._ours(function, list(values), dict(named)))
            case _Array_Method(owner=owner, name=name):
                return small(self._on(owner, name, list(values), dict(named)))
            case Elementwise():
                return self._each(function, values)
            case MethodType(__self__=Places()):
                return function()
            case int() | float() | str() | np.ndarray():
                raise Wants(function, "function")
            case _:
                pass
        raise NotReadable("a call of something unknown")

    def create(self, kind: Class, values: Sequence[Any], named: Mapping[str, Any]) -> Instance:
        """Returns an object of a class of the document."""
        instance = Instance(kind)
        init = kind.method("__init__")
        if init is not None:
            self.call(Bound(init, instance), values, named)
            return instance
        fields: dict[str, ast.expr | None] = {}
        for each in reversed(list(kind.lineage())):
            fields |= each.fields
        given = dict(zip(fields, values, strict=False)) | dict(named)
        if set(given) - set(fields) or len(values) > len(fields):
            raise TypeError("an object that takes other arguments")
        for name, default in fields.items():
            if name not in given:
                if default is None:
                    raise TypeError(f"no value for {name}")
                given[name] = self._field(default, kind.scope or Scope())
            instance.attributes[name] = given[name]
        after = kind.method("__post_init__")
        if after is not None:
            self.call(Bound(after, instance), [], {})
        return instance

    def _field(self, default: ast.expr, scope: Scope) -> Any:
        match default:
            case ast.Call(func=ast.Name(id="field"), keywords=keywords):
                for keyword in keywords:
                    if keyword.arg == "default":
                        return self.value(keyword.value, scope)
                    if keyword.arg == "default_factory":
                        return self.call(self.value(keyword.value, scope), [], {})
        return self.value(default, scope)

    # ------------------------------------------------------------ the document's own

    def _bound(self, function: Function, values: Sequence[Any], named: Mapping[str, Any]) -> Scope:
        """Returns the scope of a function with its parameters, defaults filled in."""
        a = function.node.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        scope = Scope(dict(zip(positional, values, strict=False)), function.scope)
        if len(values) > len(positional):
            if a.vararg is None:
                raise TypeError("a call with more arguments than the function has")
        if a.vararg is not None:
            scope[a.vararg.arg] = tuple(values[len(positional) :])
        known = {*positional, *(p.arg for p in a.kwonlyargs)}
        rest = {}
        for name, value in named.items():
            if name in known and name not in scope:
                scope[name] = value
            elif a.kwarg is not None and name not in known:
                rest[name] = value
            else:
                raise TypeError(f"a call with an argument {name[:30]} that is none or twice")
        if a.kwarg is not None:
            scope[a.kwarg.arg] = rest
        outer = function.scope or Scope()
        for name in known:
            if name not in scope:
                default = function.optional.get(name)
                if default is None:
                    raise TypeError(f"a call without the argument {name[:30]}")
                scope[name] = self.value(default, outer)
        return scope

    def _super(self, node: ast.Call, scope: Scope) -> Parent:
        holder: Scope | None = scope
        while holder is not None:
            if holder.function is not None and holder.function.owner is not None:
                first = next(iter(holder.values()), None)
                if isinstance(first, Instance):
                    return Parent(first, holder.function.owner)
            holder = holder.outer
        raise NotReadable("super() outside of a class")

    def _by_name(self, what: str, values: list[Any]) -> Any:
        owner, name, *rest = values
        if not isinstance(owner, Instance) or not isinstance(name, str):
            if what == "hasattr":
                return name in {"shape", "T"} if isinstance(owner, np.ndarray) else False
            raise NotReadable(f"{what} of something unknown")
        if what == "setattr":
            owner.attributes[name] = rest[0]
            return None
        try:
            found = self.attribute(owner, name)
        except NotReadable:
            if what == "hasattr":
                return False
            if rest:
                return rest[0]
            raise
        return True if what == "hasattr" else found

    # ------------------------------------------------------------ ours

    def _ours(self, function: Builtin, values: list[Any], named: dict[str, Any]) -> Any:
        name = function.name
        if name.startswith("random."):
            return self.draws.draw(name.partition(".")[2], values, named)
        if name in _WITH_FUNCTIONS and not isinstance(values[0] if values else None, np.ndarray):
            return _WITH_FUNCTIONS[name](self, values, named)
        if name in {"abs", "len", "float", "int", "str", "exp", "tanh", "log", "sqrt"} and values:
            if isinstance(values[0], Instance):
                return self._special(values[0], f"__{name}__", [])
        options = _options(named)
        out = options.pop("out", None)
        try:
            found = function.function(*values, **options)
        except np.exceptions.AxisError as error:
            raise Wants(values[0], "rank", np.ndim(values[0]) + 1) from error
        if out is not None:
            out[...] = found
            return out
        return found

    def _on(self, owner: Any, name: str, values: list[Any], named: dict[str, Any]) -> Any:
        """Returns what a method of an array, a list, a dictionary or a text returns."""
        for kind, methods in OF_COLLECTIONS.items():
            if isinstance(owner, kind):
                if name in {"sort"} and "key" in named:
                    raise NotReadable("a list that is sorted by a function")
                found = methods[name](owner, *values, **named)
                small(owner)
                return found
        if name in {"reshape", "transpose"} and len(values) > 1:
            values = [tuple(values)]
        array = np.asarray(owner)
        options = _options(named)
        if name in {"flatten", "copy"}:
            return np.ravel(array).copy() if name == "flatten" else array.copy()
        if name in {"fill", "sort"}:
            return METHODS[name](owner, *values, **options)
        try:
            return METHODS[name](array, *values, **options)
        except np.exceptions.AxisError as error:
            raise Wants(owner, "rank", np.ndim(owner) + 1) from error

    def _each(self, function: Elementwise, values: Sequence[Any]) -> Any:
        arrays = np.broadcast_arrays(*values)
        self.budget.spend(arrays[0].size)
        found = [
            self.call(function.function, [a.item() for a in entries], {})
            for entries in zip(*(np.ravel(a) for a in arrays), strict=True)
        ]
        return np.array(found).reshape(arrays[0].shape)

    def _mapped(self, values: list[Any], named: dict[str, Any]) -> Any:
        function, *lists = values
        items = zip(*map(items_of, lists), strict=False)
        return small([self.call(function, list(item), {}) for item in items])

    def _ordered(self, values: list[Any], named: dict[str, Any]) -> Any:
        items, key = items_of(values[0]), named.get("key")
        if key is not None:
            keyed = [(self.call(key, [item], {}), item) for item in items]
            items = [item for _, item in sorted(keyed, key=lambda pair: pair[0])]
        else:
            items = sorted(items)
        return items[::-1] if named.get("reverse") else items


_WITH_FUNCTIONS: Mapping[str, Callable[[Calls, list[Any], dict[str, Any]], Any]] = {
    "map": Calls._mapped,
    "sorted": Calls._ordered,
}
"""What takes functions of the document."""


def _options(named: dict[str, Any]) -> dict[str, Any]:
    """Returns options as NumPy takes them."""
    options = dict(named)
    if isinstance(options.get("dtype"), Builtin):
        options["dtype"] = options["dtype"].name
    for name in ("order", "casting", "copy", "subok", "where"):
        options.pop(name, None)
    return options


def _is_kind(value: Any) -> Callable[[Any], bool]:
    def answer(kind: Any) -> bool:
        if isinstance(kind, Class):
            return isinstance(value, Instance) and kind in value.kind.lineage()
        name = kind.name if isinstance(kind, Builtin) else str(kind)
        if name == "int" and isinstance(value, bool):
            return False
        return name in _TYPES and isinstance(value, _TYPES[name])

    return answer
