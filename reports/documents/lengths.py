"""Shapes of formulas whose lengths are not known yet: which of them must agree.

A length is a number of a list of lengths; 0 is the length 1. Lengths that must agree are joined,
and one that is joined with 1 is a mismatch: nothing is a row, or a column, by chance.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from reports.documents.indices import family, items
from reports.documents.readings import ELEMENTWISE
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Cases,
    Condition,
    Derivative,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    literal,
    walk,
)

Shape: TypeAlias = tuple[int, int]
NUMBER: Shape = (0, 0)

TO_NUMBERS = frozenset(("sum", "mean", "trace", "det"))
BROADCAST = 3.0
"""How unlikely it is that a named number is added to an array; a bias is more often."""


class Mismatch(Exception):
    """Shapes that cannot agree."""


class Shapes:
    """Joins the lengths of formulas under one choice of kinds.

    Attributes:
        look: the shape of a name, or of a derivative.
        unlikely: how unlikely the choice is by how the formulas use it.
        counts: the lengths up to which sums run, by name.
    """

    def __init__(self) -> None:
        self._parent = [0]
        self._fixed: dict[int, int] = {0: 1}
        self._letters: dict[str, int] = {}
        self._wholes: Mapping[str, Shape] = {}
        self.look: Callable[[Node], Shape] = lambda node: NUMBER
        self.unlikely = 0.0
        self.counts: dict[str, int] = {}

    def new(self, kind: str) -> Shape:
        """Returns the shape of a name of a kind, with lengths of its own."""
        if kind == "number":
            return NUMBER
        rows = 0 if kind == "row" else self._length()
        return rows, 0 if kind == "column" else self._length()

    def begin(self, wholes: Mapping[str, Shape]) -> None:
        """Begins a formula: its letters run anew."""
        self._letters = {}
        self._wholes = wholes

    def _length(self, size: int | None = None) -> int:
        self._parent.append(len(self._parent))
        if size is not None:
            self._fixed[len(self._parent) - 1] = size
        return len(self._parent) - 1

    def _root(self, length: int) -> int:
        while self._parent[length] != length:
            length = self._parent[length]
        return length

    def join(self, a: int, b: int) -> None:
        """Makes two lengths one."""
        a, b = self._root(a), self._root(b)
        if a == b:
            return
        if 0 in (a, b):
            raise Mismatch("a length that is 1")
        if self._fixed.get(a, self._fixed.get(b)) != self._fixed.get(b, self._fixed.get(a)):
            raise Mismatch("two lengths")
        self._parent[b] = a
        if b in self._fixed:
            self._fixed[a] = self._fixed[b]

    def equal(self, a: Shape, b: Shape) -> None:
        """Makes two shapes one."""
        for one, other in zip(a, b, strict=True):
            self.join(one, other)

    def sizes(self, choices: Sequence[int]) -> Callable[[int], int] | None:
        """Returns a different number for each length; None where there are too many."""
        roots = list(dict.fromkeys(self._root(i) for i in range(len(self._parent))))
        free = [c for c in choices if c not in self._fixed.values()]
        open_ = [root for root in roots if root not in self._fixed]
        if len(open_) > len(free):
            return None
        sizes = {**self._fixed, **dict(zip(open_, free, strict=False))}
        return lambda length: sizes[self._root(length)]

    # ------------------------------------------------------------ formulas

    def of(self, node: Node) -> Shape:
        """Returns the shape of a formula.

        Raises:
            Mismatch: it has none.
        """
        match node:
            case Number():
                return NUMBER
            case Symbol():
                self._entry(node)
                return self.look(node)
            case Derivative():
                return self.look(node)
            case Negative(body=body):
                return self.of(body)
            case Transposed(body=body):
                rows, columns = self.of(body)
                if (rows, columns) == NUMBER:
                    raise Mismatch("the transpose of a number")
                return columns, rows
            case Sum(left=left, right=right):
                return self._sum(left, right)
            case Times():
                return self._times(node)
            case Divide(left=left, right=right):
                return self._quotient(self.of(left), self.of(right))
            case Power(base=base, exponent=exponent):
                return self._power(base, exponent)
            case Call():
                return self._call(node)
            case BigSum():
                return self._big_sum(node)
            case Norm(body=body, order=order):
                return self._norm(self.of(body), order)
            case Array(rows=rows, flat=flat):
                return self._array(rows, flat)
            case Cases(rows=rows):
                return self._cases(rows)
        raise Mismatch("it has no shape")

    def _entry(self, node: Symbol) -> None:
        """Joins how far the indices of an entry run with the lengths of its array."""
        whole = self._wholes.get(family(node), NUMBER)
        if whole == NUMBER:
            return
        at = (*items(node.sub), *items(node.sup))
        axes = whole if 0 not in whole else tuple(i for i in whole if i)
        for item, axis in zip(at, axes, strict=False):
            if len(item) == 1 and item.isalpha():
                self.join(self._letters.setdefault(item, axis), axis)

    def _sum(self, left: Node, right: Node) -> Shape:
        a, b = self.of(left), self.of(right)
        if NUMBER in (a, b) and a != b:
            number = left if a == NUMBER else right
            named = any(isinstance(n, Symbol) for n in walk(number))
            self.unlikely += (1.0 if _is_bias(number) else BROADCAST) * named
            return b if a == NUMBER else a
        if _is_bias(right) and 0 not in a and (b[0] == 0) != (b[1] == 0):
            axis = 0 if b[1] == 0 else 1
            self.join(a[axis], b[axis])
            return a
        self.equal(a, b)
        return a

    def _times(self, node: Times) -> Shape:
        a, b = self.of(node.left), self.of(node.right)
        if NUMBER in (a, b):
            return b if a == NUMBER else a
        alike = [i == 0 for i in a] == [i == 0 for i in b]
        if node.kind == "hadamard" or (node.kind == "star" and alike):
            self.equal(a, b)
            return a
        if node.kind == "outer":
            self._columns(a, b)
            return a[0], b[0]
        if a[1] == b[1] == 0 and node.kind == "dot":  # a · b of two columns
            self.unlikely += 1.0
            self.join(a[0], b[0])
            return NUMBER
        self.join(a[1], b[0])
        return a[0], b[1]

    @staticmethod
    def _columns(*shapes: Shape) -> None:
        if any(shape[1] != 0 for shape in shapes):
            raise Mismatch("a product of columns")

    def _quotient(self, a: Shape, b: Shape) -> Shape:
        if b == NUMBER:
            return a
        if a != NUMBER:
            self.equal(a, b)
        return b

    def _power(self, base: Node, exponent: Node) -> Shape:
        raised = self.of(exponent)
        if isinstance(base, Symbol) and base.key == "e":
            return raised
        if raised != NUMBER:
            raise Mismatch("an exponent that is no number")
        shape = self.of(base)
        if 0 not in shape and literal(exponent) and isinstance(exponent, Negative):
            self.join(*shape)
        elif isinstance(exponent, Negative) and shape != NUMBER:
            raise Mismatch("the inverse of a vector")
        return shape

    def _call(self, node: Call) -> Shape:
        shapes = [self.of(argument) for argument in node.arguments]
        shape = shapes[0]
        if node.name in TO_NUMBERS:
            if node.name in {"trace", "det"}:
                self._square(shape)
            return NUMBER
        if node.name == "diag":
            if shape == NUMBER:
                raise Mismatch("diag of a number")
            if 0 in shape:
                self._columns(shape)
                return shape[0], shape[0]
            return shape[0], 0
        if node.name in {"max", "min"}:
            return max(shapes)
        if node.name == "softmax" and shape == NUMBER:
            raise Mismatch("softmax of a number")
        known = node.name in ELEMENTWISE or node.name in {"softmax", *_NAMED}
        if not known or len(shapes) > 1:
            raise Mismatch("a function that is not known")
        return shape

    def _square(self, shape: Shape) -> None:
        if 0 in shape:
            raise Mismatch("no matrix")
        self.join(*shape)

    def _big_sum(self, node: BigSum) -> Shape:
        outer = {letter: self._letters.pop(letter, None) for letter in items(node.index)}
        shape = self.of(node.body)
        if isinstance(node.high, Symbol) and (run := self._letters.get(node.index)) is not None:
            self.join(self.counts.setdefault(node.high.key, run), run)
        self._letters |= {letter: run for letter, run in outer.items() if run is not None}
        return shape if node.index else NUMBER

    def _norm(self, shape: Shape, order: float) -> Shape:
        if order == 0 and 0 not in shape:
            self._square(shape)
        elif order and shape == NUMBER:
            raise Mismatch("the norm of a number")
        return NUMBER

    def _array(self, rows: Sequence[Sequence[Node]], flat: bool) -> Shape:
        if any(self.of(entry) != NUMBER for row in rows for entry in row):
            raise Mismatch("an array of arrays")
        height, width = (len(rows[0]), 1) if flat else (len(rows), len(rows[0]))
        return tuple(self._length(n) if n > 1 else 0 for n in (height, width))  # type: ignore[return-value]

    def _cases(self, rows: Sequence[Sequence[Node]]) -> Shape:
        shapes = [self.of(row[0]) for row in rows]
        shapes += [self.of(c.left) for row in rows for c in row[1:] if isinstance(c, Condition)]
        arrays = [shape for shape in shapes if shape != NUMBER]
        for shape in arrays[1:]:
            self.equal(arrays[0], shape)
        return arrays[0] if arrays else NUMBER


def _is_bias(node: Node) -> bool:
    return isinstance(node, Symbol) and node.base in {"b", "c", "beta"}


_NAMED = frozenset(("sigma", "f", "g", "phi", "psi", "S", "h", "sigmoid"))
