"""Names replaced by numbers from one side of a chain to the next."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from reports.documents import display, values
from reports.documents.display import Stated
from reports.documents.environment import Entry, Environment, key_of, signed
from reports.documents.evaluate import evaluate
from reports.documents.links import certainly_known, subject
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Divide,
    Link,
    Negative,
    Node,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    literal,
    names,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import written


@dataclass(frozen=True, eq=False)
class Substituted:
    """A name of a symbolic side, and what stands in its place on the next side."""

    name: Node
    by: Node


def _part(left: Node, right: Node) -> list[Substituted] | None:
    """Returns a part of a formula as a whole, where one stated value stands in its place."""
    compound = isinstance(left, (Sum, Power)) and literal(right) and names(left)
    return [Substituted(left, right)] if compound else None


def unify(left: Node, right: Node) -> list[Substituted] | None:
    """Returns what each name of the left side is replaced by on the right; None: they differ."""
    if isinstance(left, (Symbol, Derivative)) or (
        key_of(left) is not None and type(left) is not type(right)
    ):
        return [Substituted(left, right)]
    if isinstance(left, Negative) != isinstance(right, Negative):
        return None
    match left, right:
        case Times(), Times():
            return _both(left.left, right.left, left.right, right.right)
        case Sum(), Sum() if left.sign == right.sign:
            return _both(left.left, right.left, left.right, right.right)
        case Divide(), Divide():
            return _both(left.left, right.left, left.right, right.right)
        case Power(), Power():
            return _both(left.base, right.base, left.exponent, right.exponent)
        case Negative(), Negative():
            return unify(left.body, right.body)
        case Transposed(), Transposed():
            return unify(left.body, right.body)
    if type(left) is type(right) and hasattr(left, "arguments"):
        a, b = left.arguments, right.arguments  # type: ignore[attr-defined]
        if left.name == right.name and len(a) == len(b) == 1:  # type: ignore[attr-defined]
            return unify(a[0], b[0])
    if not any(True for _ in names(left)):
        return [] if not any(True for _ in names(right)) else None
    return None


def changed_constants(left: Node, right: Node) -> Iterator[tuple[Number, Node]]:
    """Yields the constants of a formula in whose place another number stands on the next side.

    Where the two differ in more than numbers in place of names, one is no copy of the other.
    """
    if _is_copy(left, right):
        yield from _differing(left, right)


def _is_copy(left: Node, right: Node) -> bool:
    left, right = signed(left)[1], signed(right)[1]
    if isinstance(left, Symbol) and left.key in {"e", "pi"}:
        return False
    if isinstance(left, (Symbol, Derivative, Number)) or _is_applied(left):
        return literal(right)
    if type(left) is not type(right):
        return False
    match left, right:
        case (Times(), Times()) | (Divide(), Divide()):
            return _is_copy(left.left, right.left) and _is_copy(left.right, right.right)
        case (Sum(), Sum()) if left.sign == right.sign:
            return _is_copy(left.left, right.left) and _is_copy(left.right, right.right)
        case (Power(), Power()):
            return _is_copy(left.base, right.base) and _is_copy(left.exponent, right.exponent)
    return False


def _is_applied(node: Node) -> bool:
    """Whether a function of the document's is taken somewhere, as L(0.1, 2) is."""
    return isinstance(node, Call) and len(node.name) == 1


def _differing(left: Node, right: Node) -> Iterator[tuple[Number, Node]]:
    sign, a = signed(left)
    other, b = signed(right)
    if isinstance(a, Number) and isinstance(b, Number):
        if sign * a.value != other * b.value:
            yield a, right
        return
    match a, b:
        case (Times(), Times()) | (Divide(), Divide()) | (Sum(), Sum()):
            yield from _differing(a.left, b.left)
            yield from _differing(a.right, b.right)
        case (Power(), Power()):
            yield from _differing(a.base, b.base)
            yield from _differing(a.exponent, b.exponent)


def _both(a: Node, b: Node, c: Node, d: Node) -> list[Substituted] | None:
    first, second = unify(a, b) or _part(a, b), unify(c, d) or _part(c, d)
    if first is None and not names(a) and not names(b):
        first = []
    if second is None and not names(c) and not names(d):
        second = []
    return None if first is None or second is None else [*first, *second]


@dataclass(frozen=True, eq=False)
class WrongSubstitution:
    """A name that was replaced by a value that it never had."""

    name: str
    used: Stated
    known: Entry

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        return (
            f"{self.name} is {display.printed(self.known.value)} by line "
            f"{self.known.place.line}; {display.printed(self.used.value)} is put in its place"
        )


def substitutions(
    left: Link, right: Link, chain: Chain, environment: Environment
) -> Iterator[WrongSubstitution]:
    """Yields the names of a symbolic side that are replaced by a value they never had."""
    if subject(chain) is None and len(chain.links) == 2:
        return  # an equation that is rather asked for: 1/β = 1/2
    items = [item for item in unify(left.node, right.node) or () if literal(item.by)]
    found = [(item, environment.versions(item.name)) for item in items]
    others = [item for item, versions in found if not versions and isinstance(item.name, Symbol)]
    for item, known in found:
        versions = known or _computed(item.name, environment)
        used = display.stated(item.by)
        if not versions or any(_could_be(v, used) for v in versions):
            continue
        if others and len(found) - len(others) == 1:
            continue  # other names have values that are not known here: letters are used anew
        if not all(environment.same_run(v) and environment.is_near(v) for v in versions):
            continue
        yield WrongSubstitution(written(item.name), used, versions[0])


def _computed(node: Node, environment: Environment) -> list[Entry]:
    """Returns the value of a part of a formula, where all of its names have one value only."""
    if not certainly_known(node, environment):
        return []
    known = [environment.versions(name) for name in names(node)]
    if not known or not all(known):
        return []
    try:
        value = evaluate(node, environment.context())
    except (NotEvaluable, ShapeClash, Undefined):
        return []
    return [replace(known[-1][0], value=value, right=None)]


def _could_be(entry: Entry, used: Stated) -> bool:
    """Whether a literal may stand for a value: rounded, transposed, or recomputed."""
    for q in filter(None, (entry.value, entry.right)):
        if q.value.size != used.value.value.size:
            continue
        if display.agreement(q, used) != "no":
            return True
        if np.allclose(values.flat(q), values.flat(used.value), rtol=1e-6, atol=0):
            return True
        if not values.same_shape(q, used.value) or not q.is_vector:
            if display.agreement(Quantity(q.value.T, q.bar.T), used) != "no":
                return True
    return False


def learn_substitutions(left: Link, right: Link) -> Iterator[tuple[Node, Node]]:
    """Yields names and the literals put in their place, which are then known."""
    for item in unify(left.node, right.node) or ():
        if literal(item.by):
            yield item.name, item.by
