"""Shapes for the names of a derivative: those under which definitions and formula conform."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.documents.dimensions import Dimensions, solutions
from reports.documents.environment import Environment, key_of
from reports.documents.indices import Definitions, whole
from reports.documents.points import COUNTS
from reports.documents.tree import Derivative, Node, Symbol, names


def dimensions_of(
    target: Derivative,
    formula: Node,
    definitions: Definitions,
    environment: Environment,
    arrays: frozenset[str] = frozenset(),
) -> list[Dimensions]:
    """Returns the shapes that the definitions leave to the names; () where all are numbers.

    Those under which the formula has the shape of a gradient come first, then those under which it
    has a shape at all. The names of `arrays` are no numbers.
    """
    equations = [*_equations(target.of, definitions)]
    gradient = [(target.wrt, formula)] if isinstance(target.wrt, Symbol) else []

    def plainly(symbol: Symbol) -> str | None:
        kind = environment.kind(symbol)
        return None if kind == "vector" else kind

    matrices = arrays
    if environment.minds_orientation:
        matrices |= _matrices(equations, environment)
    for claimed, also in ((gradient, ()), ([], (formula,)), ([], ())):
        for known in (environment.kind, plainly):
            found = solutions([*equations, *claimed], known, also)
            found = [d for d in found if all(d.shapes.get(key, True) for key in matrices)]
            if found:
                counted = [other for d in found for other in _counted(d)]
                return counted if any(d.has_arrays for d in found) else []
    return []


def _matrices(equations: Sequence[tuple[Node, Node]], environment: Environment) -> frozenset[str]:
    """Returns the capital letters that are matrices where nothing but definitions is looked at."""
    found = solutions(equations, environment.kind)[:1] if equations else []
    return frozenset(
        key
        for dimensions in found
        for key, shape in dimensions.shapes.items()
        if key[:1].isupper() and len(shape) == 2 and 1 not in shape
    )


def spoken_matrices(
    target: Derivative, definitions: Definitions, environment: Environment
) -> frozenset[str]:
    """Returns the matrices of definitions that a formula may also take as numbers.

    Where a text speaks of matrices and writes no transpose, authors do not mind how they stand.
    """
    if environment.minds_orientation or not environment.speaks_of_matrices:
        return frozenset()
    return _matrices([*_equations(target.of, definitions)], environment)


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
