"""The expression tree: what a formula says, with the place of every part of it.

A node's `span` is its begin and end in the text of the document. Nothing is evaluated here, and
numbers keep the digits with which they were written.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

Span: TypeAlias = tuple[int, int]

Product = Literal["juxtaposed", "dot", "cross", "star", "hadamard", "outer"]


@dataclass(frozen=True)
class Node:
    """Any part of a formula."""

    span: Span


@dataclass(frozen=True)
class Number(Node):
    """A number as written.

    Attributes:
        text: its digits, without blanks.
        value: what it is worth.
        unit: one unit of its last digit; 0 for an integer without a decimal point.
        digits: how many significant digits it shows.
    """

    text: str
    value: float
    unit: float
    digits: int


@dataclass(frozen=True)
class Symbol(Node):
    """A name with everything that belongs to it: `w_{ij}^{(2)}`, ŷ, a′.

    Attributes:
        base: the letter or word, a decoration before it: "w", "hat y", "delta".
        sub: its subscript without blanks and braces.
        sup: its superscript, where that is an index and no power.
        mark: a decoration that tells versions apart: "new", "+", "*", "'".
        listed: the names in the parenthesis behind it, on which it depends: w of J(w).
    """

    base: str
    sub: str = ""
    sup: str = ""
    mark: str = ""
    listed: tuple["Symbol", ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def key(self) -> str:
        """The name under which values are kept."""
        parts = (self.base, self.sub and f"_{self.sub}", self.sup and f"^{self.sup}", self.mark)
        return "".join(part for part in parts if part)


@dataclass(frozen=True)
class Negative(Node):
    """A minus sign before something."""

    body: Node


@dataclass(frozen=True)
class Sum(Node):
    """a + b, or a − b where `sign` is −1."""

    left: Node
    right: Node
    sign: int


@dataclass(frozen=True)
class Times(Node):
    """A product, and how it is written."""

    left: Node
    right: Node
    kind: Product


@dataclass(frozen=True)
class Divide(Node):
    """A fraction."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Power(Node):
    """A power of anything; `elementwise` where it is written ^{∘2}."""

    base: Node
    exponent: Node


@dataclass(frozen=True)
class Transposed(Node):
    """A transpose."""

    body: Node


@dataclass(frozen=True)
class Array(Node):
    """Rows of entries in brackets.

    Attributes:
        rows: the entries.
        flat: whether it is written in one line with commas, which leaves its orientation open.
        signed: whether signs alone stand between its entries, as in [1 -2 -3]: it may be a sum.
    """

    rows: tuple[tuple[Node, ...], ...]
    flat: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Call(Node):
    """A function of arguments; `prime` counts derivative strokes."""

    name: str
    arguments: tuple[Node, ...]
    prime: int = 0


@dataclass(frozen=True)
class BigSum(Node):
    """Σ over an index, with bounds where they are written; `mean` for averages over an index."""

    index: str
    low: Node | None
    high: Node | None
    body: Node


@dataclass(frozen=True)
class Derivative(Node):
    """∂of/∂wrt; also ∇_wrt of."""

    of: Node
    wrt: Node


@dataclass(frozen=True)
class Norm(Node):
    """‖body‖, ‖body‖₁, or |body| where `order` is 0; `named` is what stands below the bars."""

    body: Node
    order: float
    named: str = ""


@dataclass(frozen=True)
class Condition(Node):
    """left = right, or another comparison: "≠", "<", "≤", ">", "≥"."""

    left: Node
    right: Node
    sign: str


@dataclass(frozen=True)
class At(Node):
    """A formula where names have values of their own: df/dx |_{x=2}, ∇f(1, 2).

    Attributes:
        body: the formula.
        arguments: what each name is there, as conditions.
    """

    body: Node
    arguments: tuple[Condition, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The names that have values of their own."""
        return frozenset(c.left.key for c in self.arguments if isinstance(c.left, Symbol))


@dataclass(frozen=True)
class Cases(Node):
    """A case distinction: rows of a value and its condition, the last also without one.

    Without rows it could not be read.
    """

    rows: tuple[tuple[Node, ...], ...] = ()


@dataclass(frozen=True)
class Words(Node):
    """Text within a formula."""

    text: str


Relation = Literal["=", ":=", "≈", "other", "remark"]
"""How sides are joined; "other" is a comparison, "remark" says nothing of values: x ∈ ℝ."""


@dataclass(frozen=True)
class Link:
    """One side of a chain, with the relation that leads to it (of the first, "=")."""

    node: Node
    relation: Relation
    text: str

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.node.span


@dataclass(frozen=True)
class Comparison:
    """A comparison behind an equation, as in 0.1·25 = 2.5 > 2: its sides and its sign."""

    left: Link
    sign: str
    right: Link


@dataclass(frozen=True)
class Unread:
    """A part of a formula that could not be read, and why."""

    span: Span
    reason: str


@dataclass(frozen=True)
class Chain:
    """Sides joined by relations: one statement.

    Attributes:
        links: its sides in order; those that could not be read are left out and listed.
        unread: what could not be read.
        words: text that stands beside it in the formula.
        enumerates: whether it is one of several values in a row, as in j = 1, 2, …, m.
        whole: where all of it stands, brackets that are no part of a side included.
        measures: the units behind its numbers.
        comparison: what its last side is compared with; None where it is not.
    """

    links: tuple[Link, ...]
    unread: tuple[Unread, ...] = ()
    words: str = ""
    enumerates: bool = False
    whole: Span | None = None
    measures: frozenset[str] = frozenset()
    comparison: Comparison | None = None

    @property
    def span(self) -> Span:
        """Where it stands."""
        if self.whole is not None:
            return self.whole
        spans = [*(link.span for link in self.links), *(u.span for u in self.unread)]
        return min(s for s, _ in spans), max(e for _, e in spans)


def children(node: Node) -> Iterator[Node]:
    """Yields the parts of a node."""
    for name, value in node.__dict__.items():
        if isinstance(value, Node):
            yield value
        elif name in {"rows", "arguments"}:
            yield from _nodes(value)


def _nodes(value: tuple[object, ...]) -> Iterator[Node]:
    for item in value:
        if isinstance(item, Node):
            yield item
        elif isinstance(item, tuple):
            yield from _nodes(item)


def walk(node: Node) -> Iterator[Node]:
    """Yields a node and everything below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))


def depth(node: Node, most: int) -> int:
    """Returns how deep a tree is, counted no further than `most`."""
    level, count = [node], 0
    while level and count <= most:
        level = [child for parent in level for child in children(parent)]
        count += 1
    return count


def names(node: Node) -> tuple[Node, ...]:
    """Returns what a tree needs the values of: its symbols and derivatives, each once."""
    return _NAMES.of(node)


class _Remembered:
    """The names of trees, kept with the tree: candidates are looked at again and again."""

    def of(self, node: Node) -> tuple[Node, ...]:
        known = node.__dict__.get("_names")
        if known is None:
            known = self._found(node)
            object.__setattr__(node, "_names", known)
        return known

    def _found(self, node: Node) -> tuple[Node, ...]:
        if isinstance(node, (Symbol, Derivative)):
            return (node,)
        unique = {}
        if isinstance(node, At):
            return self._of_at(node)
        euler = isinstance(node, Power) and isinstance(node.base, Symbol) and node.base.key == "e"
        parts = (node.exponent,) if isinstance(node, Power) and euler else children(node)
        for child in parts:
            for name in self.of(child):
                unique.setdefault(_identity(name), name)
        return tuple(unique.values())

    def _of_at(self, node: At) -> tuple[Node, ...]:
        own = [n for n in self.of(node.body) if not (isinstance(n, Symbol) and n.key in node.keys)]
        return (*own, *(n for condition in node.arguments for n in self.of(condition.right)))


def _identity(name: Node) -> object:
    """Returns what tells a name from others, wherever it stands."""
    if isinstance(name, Symbol):
        return name.base, name.sub, name.sup, name.mark
    return repr(without_places(name))


_NAMES = _Remembered()


def symbols(node: Node) -> set[str]:
    """Returns the keys of all symbols in a tree, those within derivatives not counted."""
    return {n.key for n in names(node) if isinstance(n, Symbol)}


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """Returns the node with each of its parts changed; the node itself where none is."""
    changes: dict[str, object] = {}
    for name, value in vars(node).items():
        if isinstance(value, Node):
            other: object = change(value)
        elif name in {"rows", "arguments"}:
            other = _each(value, change)
        else:
            continue
        if other is not value:
            changes[name] = other
    return replace(node, **changes) if changes else node


def _each(items: tuple[object, ...], change: Callable[[Node], Node]) -> tuple[object, ...]:
    out = tuple(
        change(i) if isinstance(i, Node) else _each(i, change) if isinstance(i, tuple) else i
        for i in items
    )
    return items if all(a is b for a, b in zip(out, items, strict=True)) else out


def replaced(node: Node, old: Node, new: Node) -> Node:
    """Returns the tree with one of its nodes (that very object) replaced."""
    return new if node is old else rebuilt(node, lambda part: replaced(part, old, new))


def without_places(node: Node) -> Node:
    """Returns the tree with every span (0, 0): equal trees are then equal wherever they stand."""
    return replace(rebuilt(node, without_places), span=(0, 0))


def literal(node: Node) -> bool:
    """Whether a node is a stated value: a number, or an array of numbers."""
    match node:
        case Number():
            return True
        case Negative(body=body):
            return literal(body)
        case Array(rows=rows):
            return all(literal(entry) for row in rows for entry in row)
        case Transposed(body=Array() as body):
            return literal(body)
    return False
