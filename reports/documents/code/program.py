"""What the code of a document defines: functions, classes, and the values of its module."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

Function_Node: TypeAlias = ast.FunctionDef | ast.Lambda

DEEPEST = 8  # of classes that inherit from each other


class Scope(dict[str, Any]):
    """The names of a function while it runs; what it does not have is looked up further out."""

    def __init__(
        self, names: Mapping[str, Any] = MappingProxyType({}), outer: "Scope | None" = None
    ) -> None:
        super().__init__(names)
        self.outer = outer
        self.function: Function | None = None
        self.returned: ast.expr | None = None
        self.shared: dict[str, Scope] = {}  # names that `global` and `nonlocal` make another's

    def holder(self, name: str) -> "Scope | None":
        """Returns the scope, this or further out, that has a name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope:
                return scope
            scope = scope.outer
        return None


class _Definition:
    """Something that copies of objects have in common."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


@dataclass(frozen=True, eq=False)
class Function(_Definition):
    """A function, the scope in which it is defined, and the class whose method it is."""

    node: Function_Node
    scope: Scope | None = None
    owner: "Class | None" = None

    @property
    def name(self) -> str:
        """Its name; "" for a lambda."""
        return self.node.name if isinstance(self.node, ast.FunctionDef) else ""

    @cached_property
    def kind(self) -> str:
        """What its decorators make of it: "static", "class", "property", or "" for none."""
        if isinstance(self.node, ast.Lambda):
            return ""
        for decorator in self.node.decorator_list:
            match decorator:
                case ast.Name(id="staticmethod"):
                    return "static"
                case ast.Name(id="classmethod"):
                    return "class"
                case ast.Name(id="property" | "cached_property"):
                    return "property"
                case _:
                    pass
        return ""

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters, without those of any number of arguments."""
        a = self.node.args
        return [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]

    @cached_property
    def required(self) -> list[str]:
        """The parameters without a default, without that of the object of a method."""
        a = self.node.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        first = 1 if self.owner is not None and self.kind != "static" else 0
        named = [p.arg for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is None]
        return positional[first : len(positional) - len(a.defaults)] + named

    @cached_property
    def optional(self) -> dict[str, ast.expr]:
        """The parameters with a default."""
        a = self.node.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        found = dict(zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True))
        for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True):
            if d is not None:
                found[p.arg] = d
        return found


@dataclass(eq=False)
class Class(_Definition):
    """A class: its methods, its constants, and the classes from which it inherits."""

    name: str
    node: ast.ClassDef | None
    bases: tuple["Class", ...] = ()
    scope: Scope | None = None
    methods: dict[str, Function] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, ast.expr | None] = field(default_factory=dict)

    def lineage(self, depth: int = 0) -> Iterator["Class"]:
        """Yields the class and those from which it inherits, the nearest first."""
        yield self
        for base in self.bases if depth < DEEPEST else ():
            yield from base.lineage(depth + 1)

    def method(self, name: str) -> Function | None:
        """Returns a method, its own or an inherited one."""
        return next((c.methods[name] for c in self.lineage() if name in c.methods), None)

    def above(self, owner: "Class | None", name: str) -> Function | None:
        """Returns the method that `super()` means in a method of the class `owner`."""
        order = list(self.lineage())
        after = order[order.index(owner) + 1 :] if owner in order else order[1:]
        return next((c.methods[name] for c in after if name in c.methods), None)


@dataclass(eq=False)
class Instance:
    """An object of a class of the document."""

    kind: Class
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bound:
    """A method together with its object."""

    function: Function
    owner: Any


@dataclass(frozen=True, eq=False)
class Parent:
    """What `super()` is."""

    instance: Instance
    owner: Class | None
