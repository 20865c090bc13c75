"""Expressions of code, evaluated node by node: arithmetic, names, attributes, entries, lists."""

import ast
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reports.documents.code.limits import (
    MOST_ITEMS,
    Budget,
    NotReadable,
    UnknownName,
    Wants,
    small,
)
from reports.documents.code.modules import Builtin, Module, attribute_of_module, known_name
from reports.documents.code.numpy_calls import METHODS, Places, power, product, together
from reports.documents.code.program import Bound, Class, Function, Instance, Parent, Scope
from reports.documents.code.python_calls import OF_COLLECTIONS, items_of

NUMBERS: tuple[type, ...] = (int, float, np.ndarray, np.generic)
HELD = (list, tuple, dict, np.ndarray, str, range)
"""What has entries."""

OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: together(operator.add),
    ast.Sub: together(operator.sub),
    ast.Mult: together(operator.mul),
    ast.Div: together(operator.truediv),
    ast.FloorDiv: together(operator.floordiv),
    ast.Mod: together(operator.mod),
    ast.MatMult: product,
    ast.Pow: power,
    ast.BitAnd: together(operator.and_),
    ast.BitOr: together(operator.or_),
    ast.BitXor: together(operator.xor),
}
SPECIAL: Mapping[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.MatMult: "matmul",
    ast.Pow: "pow",
}
"""The methods of a class that an operator calls: __add__, __radd__, …."""

COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Gt: together(operator.gt),
    ast.GtE: together(operator.ge),
    ast.Lt: together(operator.lt),
    ast.LtE: together(operator.le),
    ast.Eq: together(operator.eq),
    ast.NotEq: together(operator.ne),
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


@dataclass(frozen=True)
class _Array_Method:
    """A method of an array or a collection before it is called."""

    owner: Any
    name: str


class Expressions:
    """Evaluates expressions; calls, functions and statements are left to those who inherit."""

    _values: ClassVar[dict[type, Callable[..., Any]]] = {}

    budget: Budget
    module: Scope

    def __init_subclass__(cls) -> None:
        cls._values = {
            getattr(ast, name.removeprefix("_value_")): getattr(cls, name)
            for name in dir(cls)
            if name.startswith("_value_")
        }

    @abstractmethod
    def call(self, function: Any, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Returns what a call of any value of the document returns."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None: ...

    @abstractmethod
    def _of_module(self, name: str) -> Any:
        """Returns a value of the module.

        Raises:
            UnknownName: it has none of that name.
        """

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """Returns what an expression is worth."""
        found = self._values.get(type(node))
        if found is None:
            raise NotReadable(f"an expression of the kind {type(node).__name__}")
        return found(self, node, scope)

    def truth(self, value: Any) -> bool:
        """Returns whether a decision falls for a value."""
        if isinstance(value, np.ndarray) and value.size != 1:
            raise ValueError("a decision on an array of several entries")
        return bool(value)

    # ------------------------------------------------------------ names and literals

    def _value_Constant(self, node: ast.Constant, scope: Scope) -> Any:
        return small(node.value)

    def _value_Name(self, node: ast.Name, scope: Scope) -> Any:
        holder: Scope | None = scope
        while holder is not None:
            if node.id in holder:
                return holder[node.id]
            holder = holder.outer
        return self.name(node.id)

    def name(self, name: str) -> Any:
        """Returns the value of a name of the module, of NumPy, or of Python."""
        try:
            return self._of_module(name)
        except UnknownName:
            found = known_name(name)
            if found is None:
                raise
            return found

    def _value_Tuple(self, node: ast.Tuple, scope: Scope) -> Any:
        return tuple(self._listed(node.elts, scope))

    def _value_List(self, node: ast.List, scope: Scope) -> Any:
        return self._listed(node.elts, scope)

    def _value_Set(self, node: ast.Set, scope: Scope) -> Any:
        return set(self._listed(node.elts, scope))

    def _listed(self, nodes: Sequence[ast.expr], scope: Scope) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += items_of(self.value(node.value, scope))
            else:
                found.append(self.value(node, scope))
        return small(found)

    def _value_Dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found |= self.value(value, scope)
            else:
                found[self.value(key, scope)] = self.value(value, scope)
        return small(found)

    def _value_JoinedStr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts = []
        for part in node.values:
            value = self.value(part, scope)
            parts.append(value if isinstance(value, str) else "")
        return small("".join(parts))

    def _value_FormattedValue(self, node: ast.FormattedValue, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        return str(value) if isinstance(value, int | str | np.integer) else ""

    # ------------------------------------------------------------ operators

    def _value_UnaryOp(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value: Any = self.value(node.operand, scope)
        if isinstance(value, Instance) and isinstance(node.op, ast.USub):
            return self._special(value, "__neg__", [])
        match node.op:
            case ast.Not():
                return not self.truth(value)
            case ast.USub() if isinstance(value, NUMBERS):
                return -value  # type: ignore[operator]
            case ast.UAdd() if isinstance(value, NUMBERS):
                return value
            case ast.Invert() if isinstance(value, bool | np.ndarray | np.generic):
                return np.invert(value)
        raise TypeError("a sign before something that is no number")

    def _value_BinOp(self, node: ast.BinOp, scope: Scope) -> Any:
        return self.combined(
            type(node.op), self.value(node.left, scope), self.value(node.right, scope)
        )

    def combined(self, op: type, a: Any, b: Any) -> Any:
        """Returns the result of an operator."""
        if op not in OPERATORS:
            raise NotReadable(f"the operator {op.__name__}")
        if isinstance(a, NUMBERS) and isinstance(b, NUMBERS):
            return small(OPERATORS[op](a, b))
        if isinstance(a, Instance) or isinstance(b, Instance):
            return self._of_objects(op, a, b)
        match a, b:
            case (str(), str()) | (list(), list()) | (tuple(), tuple()) if op is ast.Add:
                return small(OPERATORS[op](a, b))
            case (list() | tuple() | str(), int()) if op is ast.Mult and b * len(a) <= MOST_ITEMS:
                return a * b
            case (int(), list() | tuple() | str()) if op is ast.Mult and a * len(b) <= MOST_ITEMS:
                return a * b
            case (str(), _) if op is ast.Mod:
                return a
            case (list() | tuple(), np.ndarray()) | (np.ndarray(), list() | tuple()):
                return small(OPERATORS[op](np.asarray(a), np.asarray(b)))
            case (set(), set()) | (dict(), dict()) if op in {ast.BitOr, ast.Sub, ast.BitAnd}:
                return small(OPERATORS[op](a, b))
        raise TypeError("arithmetic with something other than numbers")

    def _of_objects(self, op: type, a: Any, b: Any) -> Any:
        name = SPECIAL.get(op, "")
        if isinstance(a, Instance) and a.kind.method(f"__{name}__"):
            return self._special(a, f"__{name}__", [b])
        if isinstance(b, Instance) and b.kind.method(f"__r{name}__"):
            return self._special(b, f"__r{name}__", [a])
        raise TypeError("arithmetic with an object that has none")

    def _special(self, owner: Instance, name: str, values: list[Any]) -> Any:
        method = owner.kind.method(name)
        if method is None:
            raise TypeError(f"an object without {name}")
        return self.call(Bound(method, owner), values, {})

    def _value_BoolOp(self, node: ast.BoolOp, scope: Scope) -> Any:
        found: Any = None
        for value in node.values:
            found = self.value(value, scope)
            if self.truth(found) == isinstance(node.op, ast.Or):
                break
        return found

    def _value_Compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        found: Any = True
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self.value(other, scope)
            found = small(COMPARISONS[type(op)](left, right))
            if len(node.ops) > 1 and not self.truth(found):
                return False
            left = right
        return found

    def _value_IfExp(self, node: ast.IfExp, scope: Scope) -> Any:
        chosen = node.body if self.truth(self.value(node.test, scope)) else node.orelse
        return self.value(chosen, scope)

    def _value_NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    # ------------------------------------------------------------ attributes and entries

    def _value_Attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        owner = self.value(node.value, scope)
        name = node.attr
        match owner:
            case Instance():
                return self.attribute(owner, name)
            case Module():
                return attribute_of_module(owner, name)
            case np.ndarray() | np.generic():
                return self._of_array(owner, name)
            case Class():
                return self._of_class(owner, name)
            case Parent():
                method = owner.instance.kind.above(owner.owner, name)
                if method is None:
                    if name == "__init__":
                        return Builtin(name, lambda *_, **__: None)
                    raise NotReadable(f"super().{name[:30]}")
                return Bound(method, owner.instance)
            case Builtin():
                return owner.attribute(name)
            case Places():
                return owner.attribute(name)
            case list() | dict() | set() | str() if name in OF_COLLECTIONS[type(owner)]:
                return _Array_Method(owner, name)
            case int() | float() if name == "is_integer":
                return Builtin(name, lambda: float(owner).is_integer())
            case int() | float() if name in {"shape", "T", "dot", "reshape"}:
                raise Wants(owner, "array")
            case int() | float() if name in METHODS or name in {"ndim", "size"}:
                return self._of_array(np.float64(owner), name)
        raise NotReadable(f"the attribute {name[:30]}")

    def _of_array(self, owner: Any, name: str) -> Any:
        match name:
            case "T":
                return owner.T
            case "shape" | "size" | "ndim":
                return getattr(owner, name)
            case "dtype":
                return str(owner.dtype)
            case "flat":
                return np.ravel(owner)
            case _ if name in METHODS:
                return _Array_Method(owner, name)
        raise NotReadable(f"the attribute {name[:30]} of an array")

    def attribute(self, owner: Instance, name: str) -> Any:
        """Returns an attribute of an object, or a method bound to it."""
        if name in owner.attributes:
            return owner.attributes[name]
        if name == "__dict__":
            return owner.attributes
        if name == "__class__":
            return owner.kind
        method = owner.kind.method(name)
        if method is not None:
            if method.kind == "property":
                return self.call(Bound(method, owner), [], {})
            if method.kind == "static":
                return method
            return Bound(method, owner.kind if method.kind == "class" else owner)
        return self._of_class(owner.kind, name)

    def _of_class(self, kind: Class, name: str) -> Any:
        if name == "__name__":
            return kind.name
        for each in kind.lineage():
            if name in each.constants:
                return each.constants[name]
            if name in each.methods:
                method = each.methods[name]
                return Bound(method, kind) if method.kind == "class" else method
        raise NotReadable(f"the attribute {name[:30]}, which is not known")

    def _value_Subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        container = self.value(node.value, scope)
        if isinstance(container, Instance):
            return self._special(container, "__getitem__", [self.index(node.slice, scope)])
        if not isinstance(container, HELD):
            if isinstance(container, int | float):
                raise Wants(container, "items")
            raise NotReadable("an entry of something unknown")
        at = self.index(node.slice, scope)
        return small(self.entry(container, at, node.value, scope))

    def entry(self, container: Any, at: Any, node: ast.expr, scope: Scope) -> Any:
        """Returns container[at]; says what would fit where that fails."""
        try:
            if isinstance(container, list | tuple | str | range) and isinstance(at, np.ndarray):
                at = at.item()
            return container[at]
        except KeyError as error:
            raise Wants(container, "entry", at) from error
        except IndexError as error:
            array = container
            if isinstance(container, tuple) and isinstance(node, ast.Attribute):
                if node.attr == "shape":  # x.shape[1] of a vector
                    array = self.value(node.value, scope)
                    wanted = at + 1 if isinstance(at, int) and at >= 0 else len(container) + 1
                    raise Wants(array, "rank", wanted) from error
            if isinstance(array, np.ndarray):
                keys = at if isinstance(at, tuple) else (at,)
                for key in keys:
                    if isinstance(key, np.ndarray | float) and _is_real(key):
                        raise Wants(key, "indices") from error
                wanted = sum(k is not None and k is not Ellipsis for k in keys)
                if wanted > array.ndim:
                    raise Wants(array, "rank", wanted) from error
            raise

    def index(self, node: ast.expr, scope: Scope) -> Any:
        """Returns what stands between the brackets of an entry."""
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(
                    *(None if n is None else self.value(n, scope) for n in (lower, upper, step))
                )
            case ast.Tuple(elts=items):
                return tuple(self.index(item, scope) for item in items)
        return self.value(node, scope)

    # ------------------------------------------------------------ comprehensions

    def _value_ListComp(self, node: ast.ListComp | ast.GeneratorExp, scope: Scope) -> Any:
        inner = Scope(outer=scope)
        found: list[Any] = []
        for _ in self._generated(node.generators, inner):
            found.append(self.value(node.elt, inner))
            small(found)
        return found

    _value_GeneratorExp = _value_ListComp

    def _value_SetComp(self, node: ast.SetComp, scope: Scope) -> Any:
        inner = Scope(outer=scope)
        return {self.value(node.elt, inner) for _ in self._generated(node.generators, inner)}

    def _value_DictComp(self, node: ast.DictComp, scope: Scope) -> Any:
        inner = Scope(outer=scope)
        found: dict[Any, Any] = {}
        for _ in self._generated(node.generators, inner):
            found[self.value(node.key, inner)] = self.value(node.value, inner)
            small(found)
        return found

    def _generated(self, generators: Sequence[ast.comprehension], scope: Scope) -> Iterator[None]:
        if not generators:
            yield
            return
        first, *rest = generators
        for item in items_of(self.value(first.iter, scope)):
            self.budget.spend()
            self.assign(first.target, item, scope)
            if all(self.truth(self.value(test, scope)) for test in first.ifs):
                yield from self._generated(rest, scope)

    def _value_Lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return Function(node, scope)


def _is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"
