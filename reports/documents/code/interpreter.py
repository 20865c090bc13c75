"""Python code of a document, evaluated node by node from its syntax tree and never run.

Assignments, functions, classes, loops over what is known, arithmetic, and the calls of the tables
beside. Everything else is "not read"; steps, nesting and sizes are limited.
"""

import ast
import copy
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from reports.documents.code.calls import DEEPEST, Calls
from reports.documents.code.limits import (
    FAILS,
    Budget,
    NotReadable,
    Raised,
    UnknownName,
    Wants,
    small,
)
from reports.documents.code.modules import SILENT, imported
from reports.documents.code.program import Class, Function, Instance, Scope
from reports.documents.code.python_calls import items_of
from reports.documents.code.random_calls import Draws

IN_PLACE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.iadd,
    ast.Sub: operator.isub,
    ast.Mult: operator.imul,
    ast.Div: operator.itruediv,
}
MOST_ROUNDS = 2000
"""Rounds of a `while`."""

_PLAIN_BASES = frozenset(("ABC", "object", "Protocol", "Generic", "Enum"))
_HARMLESS = frozenset(
    "abstractmethod staticmethod classmethod property cached_property njit jit dataclass "
    "override lru_cache cache timer".split()
)


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Interpreter(Calls):
    """Evaluates whitelisted syntax.

    Attributes:
        module: the names of the module in this run: copies of those that the document defines.
        scopes: for each function that was called, its names as it left them last.
        trail: where a call failed: the statements from the innermost outwards.
    """

    _statements: ClassVar[dict[type, Callable[..., Any]]] = {}

    def __init__(
        self,
        names: Mapping[str, Any],
        budget: Budget,
        edits: Mapping[ast.stmt, ast.stmt] = MappingProxyType({}),
        *,
        shared: bool = False,
    ) -> None:
        """Makes one run.

        Args:
            names: what the document's modules define.
            budget: the steps that it may take.
            edits: statements to take in place of others.
            shared: whether what the run changes stays changed in `names`.
        """
        self.module = names if shared and isinstance(names, Scope) else Scope()
        self.scopes: dict[ast.AST, Scope] = {}
        self.trail: list[ast.stmt] = []
        self.budget = budget
        self.draws = Draws()
        self.watched: dict[ast.stmt, Callable[[Scope], None]] = {}
        self._names = names
        self._edits = edits
        self._copies: dict[int, Any] = {}
        self._depth = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()

    def _of_module(self, name: str) -> Any:
        if name in self.module:
            return self.module[name]
        if name not in self._names:
            raise UnknownName(name)
        found = self._names[name]
        if isinstance(found, np.ndarray | list | dict | set | Instance | tuple):
            found = copy.deepcopy(found, self._copies)
            self.module[name] = found
        return found

    def run(self, function: Function, scope: Scope) -> Any:
        """Returns what the body of a function returns; its parameters are in the scope."""
        scope.function = function
        self._depth += 1
        self.budget.spend()
        if self._depth > DEEPEST:
            raise NotReadable("functions that call each other too deep")
        try:
            if isinstance(function.node, ast.Lambda):
                return self.value(function.node.body, scope)
            for decorator in function.node.decorator_list:
                if _name_of(decorator) not in _HARMLESS:
                    raise NotReadable("a decorated function")
            self.scopes[function.node] = scope
            self.body(function.node.body, scope)
        except _Return as result:
            return result.value
        finally:
            self._depth -= 1
        return None

    # ------------------------------------------------------------ statements

    def body(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Runs statements in their order."""
        for statement in statements:
            self.statement(statement, scope)

    def statement(self, statement: ast.stmt, scope: Scope) -> None:
        """Runs a statement, or what is to be taken in its place."""
        self.budget.spend()
        if statement in self.watched:
            self.watched[statement](scope)
            return
        node = self._edits.get(statement, statement)
        found = self._statements.get(type(node))
        if found is None:
            raise NotReadable(f"a statement of the kind {type(node).__name__}")
        try:
            found(self, node, scope)
        except (*FAILS, NotReadable, RecursionError):
            self.trail.append(statement)
            raise

    def _on_Expr(self, node: ast.Expr, scope: Scope) -> None:
        match node.value:
            case ast.Constant():
                return
            case ast.Call() as call if _only_shows(call):
                return
        self.value(node.value, scope)

    def _on_Assign(self, node: ast.Assign, scope: Scope) -> None:
        found = self.value(node.value, scope)
        for target in node.targets:
            self.assign(target, found, scope, node.value)

    def _on_AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, scope), scope)

    def _on_AugAssign(self, node: ast.AugAssign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        before = self.value(node.target, scope)
        op = type(node.op)
        if isinstance(before, np.ndarray) and op in IN_PLACE:
            after = small(IN_PLACE[op](before, value))  # in place, also for its other names
        elif isinstance(before, list) and op is ast.Add:
            before.extend(items_of(value))
            after = small(before)
        else:
            after = self.combined(op, before, value)
        self.assign(node.target, after, scope)

    def _on_Return(self, node: ast.Return, scope: Scope) -> None:
        scope.returned = node.value
        raise _Return(None if node.value is None else self.value(node.value, scope))

    def _on_If(self, node: ast.If, scope: Scope) -> None:
        if _is_main(node.test):
            return
        chosen = node.body if self.truth(self.value(node.test, scope)) else node.orelse
        self.body(chosen, scope)

    def _on_For(self, node: ast.For, scope: Scope) -> None:
        for item in items_of(self.value(node.iter, scope)):
            self.budget.spend()
            self.assign(node.target, item, scope)
            try:
                self.body(node.body, scope)
            except _Continue:
                continue
            except _Break:
                return
        self.body(node.orelse, scope)

    def _on_While(self, node: ast.While, scope: Scope) -> None:
        for _ in range(MOST_ROUNDS):
            self.budget.spend()
            if not self.truth(self.value(node.test, scope)):
                return
            try:
                self.body(node.body, scope)
            except _Continue:
                continue
            except _Break:
                return
        raise NotReadable("a loop that is too long")

    def _on_Break(self, node: ast.Break, scope: Scope) -> None:
        raise _Break

    def _on_Continue(self, node: ast.Continue, scope: Scope) -> None:
        raise _Continue

    def _on_Pass(self, node: ast.Pass, scope: Scope) -> None:
        return

    def _on_Assert(self, node: ast.Assert, scope: Scope) -> None:
        return

    def _on_Raise(self, node: ast.Raise, scope: Scope) -> None:
        raise Raised("it raises on these arguments")

    def _on_Try(self, node: ast.Try, scope: Scope) -> None:
        try:
            self.body(node.body, scope)
        except FAILS:
            if not node.handlers:
                raise
            self.body(node.handlers[0].body, scope)
        self.body(node.finalbody, scope)

    def _on_With(self, node: ast.With, scope: Scope) -> None:
        for item in node.items:
            call = item.context_expr
            if not (isinstance(call, ast.Call) and _name_of(call.func) == "errstate"):
                raise NotReadable("a statement of the kind With")
        self.body(node.body, scope)

    def _on_Delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            match target:
                case ast.Name(id=name):
                    scope.pop(name, None)
                case ast.Subscript(value=owner, slice=at):
                    del self.value(owner, scope)[self.index(at, scope)]
                case _:
                    raise NotReadable("a statement of the kind Delete")

    def _on_Global(self, node: ast.Global, scope: Scope) -> None:
        for name in node.names:
            scope.shared[name] = self.module

    def _on_Nonlocal(self, node: ast.Nonlocal, scope: Scope) -> None:
        for name in node.names:
            holder = scope.outer.holder(name) if scope.outer is not None else None
            scope.shared[name] = holder if holder is not None else self.module

    def _on_Import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for name, value in imported(node).items():
            scope[name] = value

    _on_ImportFrom = _on_Import

    def _on_FunctionDef(self, node: ast.FunctionDef, scope: Scope) -> None:
        scope[node.name] = Function(node, None if scope is self.module else scope)

    def _on_ClassDef(self, node: ast.ClassDef, scope: Scope) -> None:
        scope[node.name] = self.defined(node, scope)

    def defined(self, node: ast.ClassDef, scope: Scope) -> Class:
        """Returns what a class statement defines."""
        outer = None if scope is self.module else scope
        bases = []
        for base in node.bases:
            name = _name_of(base)
            try:
                found = self.value(base, scope)
            except NotReadable:
                continue
            if isinstance(found, Class) and name not in _PLAIN_BASES:
                bases.append(found)
        kind = Class(node.name, node, tuple(bases), outer)
        inner = Scope(outer=scope)
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                kind.methods[item.name] = Function(item, outer, kind)
                continue
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                kind.fields[item.target.id] = item.value
            try:
                self.statement(item, inner)
            except (NotReadable, *FAILS):
                self.trail.clear()
        kind.constants.update(inner)
        return kind

    # ------------------------------------------------------------ assignments

    def assign(
        self, target: ast.expr, value: Any, scope: Scope, source: ast.expr | None = None
    ) -> None:
        match target:
            case ast.Name(id=name):
                scope.shared.get(name, scope)[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self._unpack(targets, value, scope, source)
            case ast.Attribute(value=owner, attr=name):
                self._set(self.value(owner, scope), name, value)
            case ast.Subscript(value=ast.Attribute(value=owner, attr="flat"), slice=at):
                self.value(owner, scope).flat[self.index(at, scope)] = value
            case ast.Subscript(value=owner, slice=at):
                container = self.value(owner, scope)
                key = self.index(at, scope)
                if isinstance(container, Instance):
                    self._special(container, "__setitem__", [key, value])
                    return
                if not isinstance(container, list | dict | np.ndarray):
                    raise NotReadable("an entry of something unknown")
                if isinstance(container, np.ndarray):
                    self.entry(container, key, owner, scope)  # says what would fit
                container[key] = value
                small(container)
            case _:
                raise NotReadable("an assignment to something unknown")

    def _set(self, owner: Any, name: str, value: Any) -> None:
        match owner:
            case Instance():
                owner.attributes[name] = value
            case Class():
                owner.constants[name] = value
            case np.ndarray() if name == "shape":
                owner.shape = value
            case _:
                raise NotReadable("an attribute of something unknown")

    def _unpack(
        self, targets: Sequence[ast.expr], value: Any, scope: Scope, source: ast.expr | None
    ) -> None:
        items = items_of(value)
        stars = [i for i, t in enumerate(targets) if isinstance(t, ast.Starred)]
        if stars:
            at = stars[0]
            after = len(targets) - at - 1
            if len(items) < len(targets) - 1:
                raise ValueError("not so many values to assign")
            middle = items[at : len(items) - after]
            items = [*items[:at], middle, *items[len(items) - after :]]
            targets = [t.value if isinstance(t, ast.Starred) else t for t in targets]
        if len(items) != len(targets):
            if isinstance(source, ast.Attribute) and source.attr == "shape":
                raise Wants(self.value(source.value, scope), "rank", len(targets))
            raise ValueError("not so many values to assign")
        for inner, item in zip(targets, items, strict=True):
            self.assign(inner, item, scope)


Interpreter._statements = {
    getattr(ast, name.removeprefix("_on_")): getattr(Interpreter, name)
    for name in dir(Interpreter)
    if name.startswith("_on_")
}


def _name_of(node: ast.expr) -> str:
    """Returns the last name of a decorator, a base or a function: np.errstate is errstate."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func) | ast.Subscript(value=func):
            return _name_of(func)
    return ""


def _only_shows(call: ast.Call) -> bool:
    """Whether a call as a statement only prints, plots or seeds."""
    match call.func:
        case ast.Name(id="print" | "display" | "input"):
            return True
        case ast.Attribute(value=ast.Name(id=owner)) if owner in SILENT:
            return True
        case ast.Attribute(value=ast.Attribute(value=ast.Name(), attr="random"), attr="seed"):
            return True
        case ast.Attribute(value=ast.Name(id="random"), attr="seed"):
            return True
        case ast.Attribute(value=ast.Attribute(attr="testing" | "stdout")):
            return True
    return False


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False
