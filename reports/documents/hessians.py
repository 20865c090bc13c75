"""Arrays of derivatives: the Hessian H, the Jacobian J and ∂(x, y)/∂(r, θ), entry by entry."""

import re
import zlib

from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import Context, evaluate
from reports.documents.higher import conditions, is_value, parameters, taken, twice
from reports.documents.tokens_read import entries_of
from reports.documents.tree import (
    Array,
    At,
    Call,
    Chain,
    Derivative,
    Node,
    Symbol,
    literal,
    names,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined, quantity

_HESSIAN = re.compile(r"(?i)hessian|second[- ]order|curvature|海森|海塞|黑塞|二阶")
_JACOBIAN = re.compile(r"(?i)jacobi|雅可比|雅各比")


def hessian(of: Node, by: tuple[Symbol, ...]) -> Array:
    """Returns the second derivatives of a function by each two of its names."""
    rows = (tuple(Derivative(of.span, Derivative(of.span, of, b), a) for b in by) for a in by)
    return Array(of.span, tuple(rows))


def spoken_array(chain: Chain, environment: Environment, said: str) -> Node | None:
    """Returns the second or first derivatives that H or J stands for where the words say so."""
    if len(chain.links) not in {2, 3} or not isinstance(chain.links[-1].node, Array):
        return None
    node, stated = chain.links[0].node, chain.links[-1].node
    second = chain.links[1].node
    several = next((n for n in (node, second) if isinstance(n, Derivative)), None)
    if several is not None:
        found = by_several(several, stated, environment)
        return None if found is several else found
    name = node.name if isinstance(node, Call) else node.base if isinstance(node, Symbol) else ""
    letter, _, of = name.partition("_")
    if isinstance(node, Symbol):
        of = node.sub
    words = " ".join((said, *environment.headings.values()))
    if letter == "H" and _HESSIAN.search(words):
        function = _function(of, len(stated.rows), environment)
        found = None if function is None else hessian(Symbol(node.span, function[0]), function[1])
        if found is not None and isinstance(node, Symbol) and literal(stated):
            return _everywhere(found, environment)
    elif letter in {"J", "D"} and _JACOBIAN.search(words):
        found = _jacobian(of, stated, environment)
    else:
        return None
    if found is None or not isinstance(node, Call):
        return found
    own = parameters(_first_function(found), environment)
    if tuple(map(key_of, node.arguments)) == tuple(n.key for n in own):
        return found
    values = node.arguments
    if len(own) != len(values) or not all(map(is_value, values)):
        return None
    return At(node.span, found, conditions(own, values))


def _everywhere(array: Array, environment: Environment) -> Array | None:
    """Returns second derivatives that are the same everywhere; None: a point is meant."""
    for entry in entries_of(array):
        inner = twice(entry, environment) if isinstance(entry, Derivative) else None
        tree = taken(inner.of, inner.wrt, environment) if isinstance(inner, Derivative) else None
        if tree is None or any(True for _ in names(tree)):
            return None
    return array


def by_several(node: Derivative, stated: Array, environment: Environment) -> Node:
    """Returns ∂(x, y)/∂(r, θ) as the array of all derivatives; as written where it is none."""
    tops, bottoms = entries_of(node.of), entries_of(node.wrt)
    by = tuple(b for b in bottoms if isinstance(b, Symbol))
    if not isinstance(node.of, Array) or len(by) != len(bottoms):
        return node
    found = _all_derivatives(tops, by, stated, environment)
    return node if found is None else found


def _all_derivatives(
    parts: tuple[Node, ...], by: tuple[Symbol, ...], stated: Array, environment: Environment
) -> Array | None:
    """Returns the derivatives of several formulas, in the layout of what is stated.

    A row is the gradient of a part, or a part's derivatives are a column: documents differ, and
    where the shape does not tell, the layout is taken in which more of the entries are right.
    """
    span = stated.span
    rows = tuple(tuple(Derivative(span, part, n) for n in by) for part in parts)
    columns = tuple(zip(*rows, strict=True))
    fitting = [r for r in (rows, columns) if _shape(r) == _shape(stated.rows)]
    if not fitting:
        return None
    best = max(fitting, key=lambda table: _right(table, stated, environment))
    return Array(span, best)


def _shape(rows: tuple[tuple[Node, ...], ...]) -> tuple[int, int]:
    return len(rows), len(rows[0])


def _right(
    rows: tuple[tuple[Derivative, ...], ...], stated: Array, environment: Environment
) -> int:
    """Returns how many of the derivatives are as stated."""
    pairs = zip((d for row in rows for d in row), entries_of(stated), strict=True)
    trees = ((taken(d.of, d.wrt, environment), other) for d, other in pairs)
    return sum(tree is not None and _is_same(tree, other) for tree, other in trees)


def _is_same(tree: Node, other: Node) -> bool:
    """Whether two formulas of numbers have the same value, with a number for each name."""

    def look(name: Node) -> Quantity | None:
        return quantity(0.3 + zlib.crc32((key_of(name) or "").encode()) % 97 / 50)

    try:
        a, b = (float(evaluate(node, Context(look=look)).value) for node in (tree, other))
    except (NotEvaluable, ShapeClash, Undefined, TypeError):
        return False
    return abs(a - b) <= 1e-9 * max(1.0, abs(a))


def _first_function(node: Node) -> Node:
    return next(p.of for p in walk(node) if isinstance(p, Derivative) and not _nested(p))


def _nested(node: Derivative) -> bool:
    return isinstance(node.of, Derivative)


def _function(
    name: str, count: int, environment: Environment
) -> tuple[str, tuple[Symbol, ...]] | None:
    """Returns the latest function of so many names, and those names."""
    found = {
        key: own
        for key, own in environment.arguments.items()
        if len(own) == count and count > 1 and key in environment.definitions
    }
    if name:
        found = {key: own for key, own in found.items() if key == name}
    if not found:
        return None
    latest = max(found, key=lambda key: environment.definitions[key][-1].place.line)
    return latest, found[latest]


def _jacobian(name: str, stated: Array, environment: Environment) -> Array | None:
    """Returns the derivatives of the latest function of several names that gives an array."""
    for key, own in reversed(environment.functions.items()):
        if (name and key != name) or not isinstance(own.tree, Array) or len(own.parameters) < 2:
            continue
        by = environment.arguments.get(key, ())
        found = _all_derivatives(entries_of(own.tree), by, stated, environment)
        if found is not None:
            return found
    return None
