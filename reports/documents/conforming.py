"""Shapes for the names of a derivative: those under which definitions and formula conform."""

from collections.abc import Iterator
from dataclasses import replace

from reports.documents.dimensions import Dimensions, solutions
from reports.documents.environment import Environment, key_of
from reports.documents.indices import Definitions, whole
from reports.documents.points import COUNTS
from reports.documents.tree import Derivative, Node, Symbol, names


def dimensions_of(
    target: Derivative, formula: Node, definitions: Definitions, environment: Environment
) -> list[Dimensions]:
    """Returns the shapes that the definitions leave to the names; () where all are numbers.

    Those under which the formula has the shape of a gradient come first, then those under which it
    has a shape at all.
    """
    equations = [*_equations(target.of, definitions)]
    gradient = [(target.wrt, formula)] if isinstance(target.wrt, Symbol) else []

    def plainly(symbol: Symbol) -> str | None:
        kind = environment.kind(symbol)
        return None if kind == "vector" else kind

    for claimed, also in ((gradient, ()), ([], (formula,)), ([], ())):
        for known in (environment.kind, plainly):
            found = solutions([*equations, *claimed], known, also)
            if found:
                counted = [other for d in found for other in _counted(d)]
                return counted if any(d.has_arrays for d in found) else []
    return []


def _counted(dimensions: Dimensions) -> Iterator[Dimensions]:
    """Yields a solution with each of its lengths for what is counted without bounding a sum."""
    open_ = [key for key, shape in dimensions.shapes.items() if key in COUNTS and not shape]
    open_ = [key for key in open_ if key not in dimensions.counts]
    lengths = sorted({n for shape in dimensions.shapes.values() for n in shape if n > 1})
    if not open_ or not lengths:
        yield dimensions
    for length in lengths if open_ else ():
        yield replace(dimensions, counts={**dimensions.counts, **dict.fromkeys(open_, length)})


def _equations(node: Node, definitions: Definitions) -> Iterator[tuple[Node, Node]]:
    """Yields the names to which a tree leads, each with what it is computed from."""
    waiting, seen = [node], set[str]()
    while waiting:
        for name in names(waiting.pop()):
            key = key_of(name)
            if key is None or key in seen or not isinstance(name, Symbol):
                continue
            seen.add(key)
            own = [(n, definitions.trees.get(n.key)) for n in (name, whole(name))]
            found = [(left, tree) for left, tree in own if tree is not None]
            for left, right in found or definitions.patterns(name):
                if left.key == key or left.key not in seen:
                    seen.add(left.key)
                    yield left, right
                    waiting.append(right)
