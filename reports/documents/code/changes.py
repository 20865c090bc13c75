"""What a change of code is: a statement, what to take in its place, and what that undoes."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

Simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
"""Statements that may be changed."""


@dataclass(frozen=True, eq=False)
class Edit:
    """A statement and what to take in its place.

    Attributes:
        old: the statement.
        make: makes the changed one.
        words: what was wrong, if this is right.
        cost: how much it changes, the least first.
    """

    old: ast.stmt
    make: Callable[[], ast.stmt]
    words: str
    cost: int

    @cached_property
    def new(self) -> ast.stmt:
        """The changed statement."""
        return self.make()


@dataclass(frozen=True)
class Material:
    """What a backward pass has to put in place of something else.

    Attributes:
        names: its arrays: plain names and attributes of its object, as source.
        counts: its numbers of samples.
        penalties: the factors of penalties.
        weights: the parameters.
        functions: functions of one argument of the document.
        keys: the texts by which it reads entries.
        factors: what it multiplies or divides by elsewhere.
        wholes: products of the forward pass, by the names in them.
        unused: names that it never uses: what was forgotten, perhaps.
        powers: its counters of steps.
        flags: functions with a switch that is off by default, and the switch.
    """

    names: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    penalties: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    wholes: Mapping[str, tuple[str, ...]] = attribute(default_factory=dict)
    unused: frozenset[str] = frozenset()
    powers: tuple[str, ...] = ()
    flags: Mapping[str, str] = attribute(default_factory=dict)


MISSING_T = "a transpose is missing"
NEEDLESS_T = "the transpose does not belong there"

NO_KEEPDIMS = "keepdims=True is missing"
OF_SHAPES = frozenset((MISSING_T, NEEDLESS_T, NO_KEEPDIMS))
"""What is wrong with shapes, in words."""

Change: TypeAlias = tuple[Callable[[Any], ast.AST], str, int]
Step: TypeAlias = tuple[str, int | None]
"""From a node to one below it: its field, and its place in a list."""


def replaced(node: ast.AST, path: tuple[Step, ...], make: Callable[[Any], ast.AST]) -> ast.stmt:
    """Returns a tree with the node at a path replaced; what is beside the path is shared."""
    if not path:
        return make(node)  # type: ignore[return-value]
    (field, at), *rest = path
    value = getattr(node, field)
    if at is None:
        return _with(node, field, replaced(value, tuple(rest), make))
    items = list(value)
    items[at] = replaced(items[at], tuple(rest), make)
    return _with(node, field, items)


def _with(node: ast.AST, field: str, value: Any) -> ast.stmt:
    """Returns a node with one field of another value."""
    clone = type(node)(**{name: getattr(node, name, None) for name in node._fields})
    setattr(clone, field, value)
    return ast.copy_location(clone, node)  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def expression(source: str) -> ast.expr:
    """Returns the tree of an expression."""
    return ast.parse(source, mode="eval").body


def shown(node: ast.AST) -> str:
    """Returns the source of a node, the beginning where it is long."""
    text = ast.unparse(node)
    return text if len(text) < 60 else text[:57] + "…"


def turned(node: Any) -> ast.expr:
    """Returns the transpose."""
    return ast.Attribute(node, "T", ast.Load())


def with_args(*new: ast.expr) -> Callable[[Any], ast.AST]:
    """Returns what puts other arguments into a call."""
    return lambda node: ast.Call(node.func, list(new), node.keywords)
