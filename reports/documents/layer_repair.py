"""The smallest change that makes a rule for layer l hold on a random network."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from reports.documents.layer_networks import (
    Convention,
    Names,
    network,
    place_of,
    value_of,
)
from reports.documents.readings import BENIGN
from reports.documents.tree import (
    Call,
    Node,
    Symbol,
    Times,
    Transposed,
    replaced,
    walk,
    without_places,
)
from reports.documents.values import NotEvaluable, ShapeClash, Undefined
from reports.documents.writing import shown, written

MOST_CHANGES = 600


@lru_cache(maxsize=64)
def repaired(left: Node, right: Node, conventions: tuple[Convention, ...]) -> tuple[str, str]:
    """Returns the smallest change that makes a rule right, and its words; columns come first."""
    entries = _component_wise(left)
    for rows in (False, True):
        same = [c for c in conventions if c.rows == rows]
        distinct = dict.fromkeys(c if entries else replace(c, swapped=False) for c in same)
        for words, tree in _changes(right):
            if without_places(tree) != left and any(
                _strictly(left, tree, convention) for convention in distinct
            ):
                return written(tree), f"{words} (vectors as rows)" if rows else words
    return "", ""


def _component_wise(node: Node) -> bool:
    """Whether a rule is about single entries."""
    return any(
        isinstance(n, Symbol) and (p := place_of(n)) is not None and bool(p.components)
        for n in walk(node)
    )


def _strictly(left: Node, right: Node, convention: Convention) -> bool:
    names = Names(convention, network(convention.activation, convention.loss))
    try:
        want, got = value_of(left, names, BENIGN[0]), value_of(right, names, BENIGN[0])
    except (NotEvaluable, ShapeClash, Undefined):
        return False
    return want.shape == got.shape and bool(np.allclose(want.value, got.value, rtol=1e-8))


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


def _deltas(node: Node) -> Iterator[Symbol]:
    return (n for n in walk(node) if isinstance(n, Symbol) and n.base == "delta")


def _shifted(node: Node) -> Iterator[tuple[str, Node]]:
    for name in [n for n in walk(node) if isinstance(n, Symbol) and place_of(n) is not None]:
        for attribute in ("sub", "sup"):
            layer = getattr(name, attribute)
            if layer in {"l", "l+1", "l-1"}:
                for other in ("l", "l+1", "l-1"):
                    if other != layer:
                        moved = replace(name, **{attribute: other})
                        words = f"{shown(name)} must be {shown(moved)}"
                        yield words, replaced(node, name, moved)
