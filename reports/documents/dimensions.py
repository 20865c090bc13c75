"""The shapes of names, found by how formulas use them: xᵀ A x makes x a column and A square.

Every name is a number, a column, a row or a matrix. Choices of kinds are tried, the likeliest
first, and each is held against the formulas strictly: lengths that must agree are joined, and none
is 1 by chance. Lengths that need not agree become different numbers, so that a missing transpose
shows.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reports.documents.indices import family, items, letters, named
from reports.documents.lengths import NUMBER, Mismatch, Shape, Shapes
from reports.documents.notation import LOSSES, WEIGHTS
from reports.documents.tree import Derivative, Node, Symbol, Transposed, walk

Kind: TypeAlias = Literal["number", "column", "row", "matrix"]
Equation: TypeAlias = tuple[Node, Node]

MOST_CHOICES = 400
MOST_SOLUTIONS = 4
SLACK = 0.6
"""Solutions that are less likely than the best by more than this are not looked at."""

SIZES = (3, 2, 4, 5, 6, 7, 8, 9)
"""What lengths are: normalised, two numbers are 1 and −1 whatever they were."""


@dataclass(frozen=True)
class Dimensions:
    """One solution: the shapes of names, by `name_of`, and how many there are of what is counted.

    Attributes:
        shapes: the shape of each name; () for numbers.
        counts: the sizes up to which sums run.
    """

    shapes: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, int] = field(default_factory=dict)

    def of(self, symbol: Symbol) -> tuple[int, ...] | None:
        """Returns the shape of a name, also of one of a running index; None if not known."""
        for key in (symbol.key, name_of(symbol), _of_every_index(symbol)):
            if key in self.shapes:
                return self.shapes[key]
        return None

    @property
    def has_arrays(self) -> bool:
        """Whether any name is more than a number."""
        return any(self.shapes.values())

    def is_collection(self, base: str) -> bool:
        """Whether a name with a running index is an array for each index, as x_i in Σ wᵀ x_i."""
        return bool(self.shapes.get(f"{base}[1]"))


def name_of(node: Symbol) -> str:
    """Returns the name under which a shape is kept: one for x_i, x_j and x_{t−1}.

    >>> name_of(Symbol((0, 0), "x", "t-1")), name_of(Symbol((0, 0), "W", "1"))
    ('x[1]', 'W_1')
    """
    return _of_every_index(node) if letters(node) else node.key


def _of_every_index(node: Symbol) -> str:
    return f"{family(node)}[{len(items(node.sub)) + len(items(node.sup))}]"


# ---------------------------------------------------------------- kinds, the likeliest first


_ORDERS: Mapping[str, Mapping[Kind, float]] = {
    "loss": {"number": 0, "matrix": 2},
    "bias": {"number": 0, "column": 0.5, "row": 0.5},
    "capital": {"matrix": 0, "column": 2, "row": 2.5, "number": 3},
    "weight": {"matrix": 0, "row": 3, "column": 3, "number": 3},
    "count": {"number": 0},
    "capital count": {"number": 0, "matrix": 2.5},
    "vector": {"column": 0, "row": 1, "number": 2},
    "small": {"number": 0, "column": 1, "row": 1.5},
    "entry": {"number": 0, "column": 1, "row": 1.5},
}
_KNOWN: Mapping[str, Mapping[Kind, float]] = {
    "number": {"number": 0},
    "column": {"column": 0},
    "row": {"row": 0},
    "matrix": {"matrix": 0},
    "list": {"column": 0, "row": 0.5},
}
_COUNTS = frozenset(("n", "m", "N", "K", "T"))


def _choices(
    name: str, used: "_Use", known: Callable[[Symbol], str | None]
) -> Mapping[Kind, float]:
    """Returns the kinds that a name may have, each with how unlikely it is."""
    symbol = named(name.partition("[")[0])
    indexed = name.endswith("]")
    kind = None if indexed else known(symbol)
    if kind is not None and kind in _KNOWN:
        return _KNOWN[kind]
    base = symbol.base.rpartition(" ")[2]
    vectors = known(Symbol((0, 0), symbol.base)) == "vector"
    if indexed and family(symbol) in used.names:
        return {"number": 0}
    if base in LOSSES:
        order = "loss"
    elif base == "b":
        order = "bias"
    elif base in {"I", "ones"}:
        return {"matrix": 0} if base == "I" else {"column": 0}
    elif symbol.key in _COUNTS and name not in used.transposed:
        order = "capital count" if base.isupper() else "count"
    elif vectors:
        order = "vector"
    elif indexed:
        order = "entry"
    elif base[:1].isupper() and base != "Delta":
        order = "weight" if base in WEIGHTS else "capital"
    else:
        order = "small"
    kinds = _ORDERS[order]
    turned = name in used.transposed or (not indexed and used.has_entries(symbol))
    return {k: cost for k, cost in kinds.items() if not (turned and k == "number")}


@dataclass
class _Use:
    """Which names formulas have, in order, and of which of them they take a transpose.

    Attributes:
        names: the names, each with the number of the first formula in which it stands.
        transposed: those that are transposed.
    """

    names: dict[str, int] = field(default_factory=dict)
    transposed: set[str] = field(default_factory=set)

    def add(self, node: Node, number: int) -> None:
        for part in walk(node):
            if isinstance(part, Symbol) and part.key not in {"e", "pi"}:
                self.names.setdefault(name_of(part), number)
            if isinstance(part, Transposed) and isinstance(part.body, Symbol):
                self.transposed.add(name_of(part.body))

    def has_entries(self, symbol: Symbol) -> bool:
        """Whether entries of an array are used beside it, as h_i beside h."""
        return any(f"{symbol.key}[{count}]" in self.names for count in (1, 2))


# ---------------------------------------------------------------- solutions


def solutions(
    equations: Sequence[Equation],
    known: Callable[[Symbol], str | None] = lambda symbol: None,
    also: Sequence[Node] = (),
) -> list[Dimensions]:
    """Returns the shapes under which both sides of all equations have one shape; likeliest first.

    Args:
        equations: names and what they are computed from.
        known: the kind of a name of which it is known: "number", …, "list"; "vector" for a letter
            that is set as one.
        also: formulas beside them, whose own shape does not matter.
    """
    search = _Search(equations, known, also)
    found: list[tuple[float, Dimensions]] = []
    for cost, dimensions in search.solutions():
        if found and (cost > found[0][0] + SLACK or len(found) >= MOST_SOLUTIONS):
            break
        found.append((cost, dimensions))
    return [dimensions for _, dimensions in found]


class _Search:
    """Chooses a kind for one name after the other, the likeliest choices first.

    A formula is held against the choice as soon as all of its names are chosen.
    """

    def __init__(
        self,
        equations: Sequence[Equation],
        known: Callable[[Symbol], str | None],
        also: Sequence[Node],
    ) -> None:
        self._formulas: list[tuple[Node, Node | None]] = [*equations, *((n, None) for n in also)]
        used = _Use()
        for number, sides in enumerate(self._formulas):
            for side in sides:
                if side is not None:
                    used.add(side, number)
        self._names = [*used.names]
        self._kinds = [_choices(name, used, known) for name in self._names]
        last = [-1 for _ in self._formulas]
        for at, number in enumerate(used.names.values()):
            last[number] = at
        self._whole = [max(last[: i + 1], default=-1) for i in range(len(last))]

    def solutions(self) -> Iterator[tuple[float, Dimensions]]:
        """Yields solutions with how unlikely they are, the likeliest first."""
        count = 0
        queue: list[tuple[float, int, float, tuple[Kind, ...]]] = [(0.0, 0, 0.0, ())]
        steps = 0
        while queue and steps < MOST_CHOICES:
            steps += 1
            total, _, cost, chosen = heapq.heappop(queue)
            if len(chosen) == len(self._names):
                solved = self._solved(chosen)
                if solved is not None:
                    yield total, solved[1]
                continue
            for kind, more in self._kinds[len(chosen)].items():
                extended = (*chosen, kind)
                unlikely = 0.0
                if len(extended) - 1 in self._whole or len(extended) == len(self._names):
                    solved = self._solved(extended)
                    if solved is None:
                        continue
                    unlikely = solved[0]
                count += 1
                now = max(total, cost + more + unlikely)
                heapq.heappush(queue, (now, count, cost + more, extended))

    def _solved(self, chosen: Sequence[Kind]) -> tuple[float, Dimensions] | None:
        """Returns the shapes under a choice of kinds, and how unlikely they are; None: none fit."""
        shapes = Shapes()
        given = {
            name: shapes.new(kind)
            for name, kind in zip(self._names[: len(chosen)], chosen, strict=True)
        }
        shapes.look = lambda node: _looked_up(node, given)
        try:
            for (left, right), whole in zip(self._formulas, self._whole, strict=True):
                if whole >= len(chosen):
                    break
                shapes.begin(given)
                shape = shapes.of(left)
                if right is not None:
                    shapes.equal(shape, shapes.of(right))
        except (Mismatch, RecursionError):
            return None
        sizes = shapes.sizes(SIZES)
        if sizes is None:
            return None
        found = {name: tuple(sizes(i) for i in shape) for name, shape in given.items()}
        plain = {name: () if shape == (1, 1) else shape for name, shape in found.items()}
        return shapes.unlikely, Dimensions(plain, {k: sizes(i) for k, i in shapes.counts.items()})


def _looked_up(node: Node, given: Mapping[str, Shape]) -> Shape:
    if isinstance(node, Symbol):
        return given.get(name_of(node), NUMBER)
    if isinstance(node, Derivative) and isinstance(node.wrt, Symbol):
        if _looked_up(node.of, given) != NUMBER:
            raise Mismatch("the derivative of an array")
        return _looked_up(node.wrt, given)
    raise Mismatch("it has no shape")
