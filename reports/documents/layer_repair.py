"""The smallest change that makes a rule for layer l hold on a random network."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain, combinations

import numpy as np

from reports.documents.layer_networks import (
    ROLES,
    Convention,
    Names,
    network,
    place_of,
    value_of,
)
from reports.documents.readings import BENIGN
from reports.documents.tree import (
    Call,
    Negative,
    Node,
    Number,
    Power,
    Symbol,
    Times,
    Transposed,
    replaced,
    walk,
    without_places,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import shown, written

MOST_CHANGES = 600


@lru_cache(maxsize=64)
def repaired(left: Node, right: Node, conventions: tuple[Convention, ...]) -> tuple[str, str]:
    """Returns the smallest change that makes a rule right, and its words; columns come first."""
    entries = _component_wise(left)
    for rows in (False, True):
        same = [c for c in conventions if c.rows == rows]
        distinct = dict.fromkeys(c if entries else replace(c, swapped=False) for c in same)
        wanted = [(c, want) for c in distinct if (want := _value(left, c)) is not None]
        for words, tree in chain(_alone(right, left), _changes(right)):
            if without_places(tree) != left and any(
                _equals(_value(tree, convention), want) for convention, want in wanted
            ):
                return written(
                    tree
                ), f"{words} (vectors as rows)" if rows and not entries else words
    return "", ""


def _component_wise(node: Node) -> bool:
    """Whether a rule is about single entries."""
    return any(
        isinstance(n, Symbol) and (p := place_of(n)) is not None and bool(p.components)
        for n in walk(node)
    )


def _value(node: Node, convention: Convention) -> Quantity | None:
    names = Names(convention, network(convention.activation, convention.loss))
    try:
        return value_of(node, names, BENIGN[0])
    except (NotEvaluable, ShapeClash, Undefined):
        return None


def _equals(got: Quantity | None, want: Quantity) -> bool:
    return (
        got is not None
        and want.shape == got.shape
        and bool(np.allclose(want.value, got.value, rtol=1e-8))
    )


def _changes(node: Node) -> Iterator[tuple[str, Node]]:
    """Yields formulas with one change, then with two and three, none of them twice."""
    seen = {written(node)}
    level = [("", node)]
    for _ in range(3):
        following = []
        for words, tree in level:
            for more, other in _single(tree):
                text = written(other)
                if text in seen or len(seen) > MOST_CHANGES:
                    continue
                seen.add(text)
                following.append((f"{words}, {more}" if words else more, other))
                yield following[-1]
        level = following


def _single(node: Node) -> Iterator[tuple[str, Node]]:
    yield from _shifted(node)
    for part in walk(node):
        if isinstance(part, Times):
            swapped = replace(part, left=part.right, right=part.left)
            yield "the factors are swapped", replaced(node, part, swapped)
            for side, other in (("left", part.right), ("right", part.left)):
                kept = written(getattr(part, side))
                yield f"{kept} is too many", replaced(node, part, other)
            for side in ("left", "right"):
                inner = getattr(part, side)
                turned = replace(part, **{side: Transposed(inner.span, inner)})
                yield f"the transpose of {written(inner)} is missing", replaced(node, part, turned)
            if part.kind != "hadamard":
                yield (
                    "the product is meant entry by entry",
                    replaced(node, part, replace(part, kind="hadamard")),
                )
    for name in _deltas(node):
        place = place_of(name)
        if place is not None:
            pre = Symbol(name.span, "z", name.sub, name.sup)
            slope = Call(name.span, "sigma", (pre,), 1)
            factor = Times(name.span, name, slope, "hadamard")
            yield f"σ′ of {shown(pre)} is missing", replaced(node, name, factor)


def _alone(node: Node, left: Node) -> Iterator[tuple[str, Node]]:
    """Yields changes that are tried alone: of sign, power, slope and the order of indices."""
    yield "the sign is wrong", Negative(node.span, node)
    if isinstance(left, Symbol) and place_of(left) is not None:
        pre = replace(left, base="z")
        slope = Call(node.span, "sigma", (pre,), 1)
        yield f"σ′ of {shown(pre)} is missing", Times(node.span, node, slope, "hadamard")
    placed = [n for n in walk(node) if isinstance(n, Symbol) and place_of(n) is not None]
    for name in placed:
        if ROLES.get(name.base) == "post":
            square = Power(name.span, name, Number(name.span, "2", 2.0, 0.0, 1))
            yield f"the square of {shown(name)} is missing", replaced(node, name, square)
        for script in ("sub", "sup"):
            both = getattr(name, script)
            if len(both) == 2 and both.isalpha():
                turned = replace(name, **{script: both[::-1]})
                yield f"{shown(name)} must be {shown(turned)}", replaced(node, name, turned)
    for one, other in combinations(placed, 2):
        for script in ("sub", "sup"):
            a, b = getattr(one, script), getattr(other, script)
            if a != b and len(a) == len(b) == 1 and a + b != "ll":
                changed = replaced(node, one, replace(one, **{script: b}))
                exchanged = replaced(changed, other, replace(other, **{script: a}))
                yield f"the indices {a} and {b} are exchanged", exchanged


def _deltas(node: Node) -> Iterator[Symbol]:
    return (n for n in walk(node) if isinstance(n, Symbol) and n.base == "delta")


def _shifted(node: Node) -> Iterator[tuple[str, Node]]:
    for name in [n for n in walk(node) if isinstance(n, Symbol) and place_of(n) is not None]:
        for attribute in ("sub", "sup"):
            layer = getattr(name, attribute)
            around = next((layers for layers in _LAYERS if layer in layers), ())
            for other in around:
                if other != layer:
                    moved = replace(name, **{attribute: other})
                    words = f"{shown(name)} must be {shown(moved)}"
                    yield words, replaced(node, name, moved)


_LAYERS = (("l", "l+1", "l-1"), ("L", "L-1", "L-2"))
