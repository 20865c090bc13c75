"""Figures read as the names whose values they are: in σ = √6.5 after σ² = 6.5, as √σ².

A name that is stated by figures is no constant where the figures are values of other names: what is
differentiated through it depends on them. An accusation must hold under each such reading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from math import prod

import numpy as np

from reports.documents import display, values
from reports.documents.environment import Entry, Environment, key_of
from reports.documents.indices import Definitions, named
from reports.documents.tree import (
    Array,
    Call,
    Derivative,
    Negative,
    Node,
    Number,
    Power,
    Symbol,
    Times,
    children,
    literal,
    names,
    replaced,
)

MOST_READINGS = 8
"""With more readings than these, nothing is known of how a name is computed."""

PLAIN = frozenset((0.0, 1.0, 2.0))
"""Figures that are rather constants of a formula than values of names."""


def as_names(tree: Node, key: str, environment: Environment, *, whole: bool) -> tuple[Node, ...]:
    """Returns the readings of an expression with names in place of its figures.

    Args:
        tree: what a name is computed from, as written.
        key: the name.
        environment: what the document has said before it.
        whole: whether all figures must be values of names, as where no name stands in it; else
            only those count that are values of computed names.
    """
    if literal(tree):
        return tuple(_root(tree, key, environment))
    options: list[tuple[Number, list[Node]]] = []
    for figure in _figures(tree):
        found: list[Node] = [*_names_of(figure, key, environment, computed=not whole)]
        is_plain = figure.value in PLAIN and not figure.unit
        if whole and not found and not is_plain:
            return ()
        if found and (whole or not is_plain):
            options.append((figure, [*found, figure] if is_plain else found))
    if not options or prod(len(several) for _, several in options) > MOST_READINGS:
        return ()
    choices = product(*(several for _, several in options))
    return tuple(_put_in(tree, [f for f, _ in options], choice) for choice in choices)


def _put_in(tree: Node, figures: Sequence[Number], by: Sequence[Node]) -> Node:
    for figure, name in zip(figures, by, strict=True):
        tree = replaced(tree, figure, name)
    return tree


def _square(name: Node) -> tuple[Node, ...] | None:
    """Returns σ · σ for a name σ² that nothing defines."""
    if not isinstance(name, Symbol) or not name.base.endswith("²"):
        return None
    root = replace(name, base=name.base.rstrip("²"))
    return (Times(name.span, root, root, "juxtaposed"),)


def _root(tree: Node, key: str, environment: Environment) -> Iterator[Node]:
    """Yields √σ² for a stated σ, where it is the root of the stated σ²."""
    square = named(f"{key}²")
    for entry in environment.versions(square)[:1]:
        stated = display.stated(tree)
        if np.all(entry.value.value >= 0):
            root = values.mapped(np.sqrt, entry.value)
            if display.agreement(root, stated) != "no":
                yield Call(tree.span, "sqrt", (square,))


def _figures(node: Node) -> Iterator[Number]:
    """Yields the figures of an expression, exponents and entries of arrays left out."""
    match node:
        case Number():
            yield node
        case Power(base=base):
            yield from _figures(base)
        case Array() | Derivative():
            return
        case _:
            for part in children(node):
                yield from _figures(part)


def _names_of(
    figure: Number, key: str, environment: Environment, *, computed: bool
) -> Iterator[Node]:
    """Yields the names that a figure may stand for: of the same letter, then those stated last."""
    own = named(key).base.rstrip("²")
    found: list[tuple[bool, int, Node]] = []
    for other, entries in environment.entries.items():
        name, entry = named(other), entries[-1]
        if other == key or name.key != other or other.startswith(("∂", "role ")) or "(" in other:
            continue
        if computed and entry.provenance != "stated":
            continue
        for part, value in _entries(name, entry):
            if abs(abs(value) - figure.value) <= 0.5 * figure.unit + values.TINY:
                node = Negative(figure.span, part) if value < 0 else part
                found.append((name.base.rstrip("²") != own, -entry.place.line, node))
    found.sort(key=lambda each: each[:2])
    yield from (node for *_, node in found)


def _entries(name: Symbol, entry: Entry) -> Iterator[tuple[Symbol, float]]:
    """Yields a name, or the entries of a vector, with their values."""
    if not entry.value.shape:
        yield name, float(entry.value.value)
    elif entry.value.is_vector and not name.sub:
        for number, value in enumerate(values.flat(entry.value), 1):
            yield Symbol(name.span, name.base, str(number), name.sup, name.mark), float(value)


def figured(
    nodes: Sequence[Node], by: Node, definitions: Definitions, environment: Environment
) -> tuple[list[Definitions], str]:
    """Returns the definitions with figures read as names, and what is stated by figures alone.

    Args:
        nodes: a function and the formula of its derivative.
        by: what the derivative is taken by.
        definitions: the definitions in force.
        environment: what the document has said.
    """
    waiting, seen = [*nodes], {key_of(by)}
    options: dict[str, list[Node]] = {}
    while waiting:
        for name in names(waiting.pop()):
            key = key_of(name)
            if key is None or key in seen:
                continue
            seen.add(key)
            own = [*definitions.leading(name)]
            read = environment.readings.get(key, None if own else _square(name))
            if read == () and (not own or key in definitions.trees):
                return [], key
            if read:
                options[key] = [*own[:1], *read]
            waiting += [*own, *(read or ())]
    choices = islice(product(*options.values()), MOST_READINGS) if options else ()
    trees = ({**definitions.trees, **dict(zip(options, c, strict=True))} for c in choices)
    return [Definitions(t) for t in trees], ""
