"""A derivative tried at random points: what a formula gives there, and what differences give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations

import numpy as np

from reports.documents import values
from reports.documents.conforming import dimensions_of
from reports.documents.dimensions import Dimensions
from reports.documents.environment import Environment, key_of
from reports.documents.indices import (
    Definitions,
    bindings,
    instance,
    letters,
    named,
    unbound,
    whole,
)
from reports.documents.model import Model, relevant
from reports.documents.points import (
    Draw,
    has_kinks,
    is_by_entries,
    is_parameter,
    kernel_of,
    may_be_a_number,
)
from reports.documents.readings import BENIGN, LOOSE, Reading
from reports.documents.targets import EXPRESSION
from reports.documents.tree import (
    BigSum,
    Cases,
    Derivative,
    Node,
    Number,
    Symbol,
    names,
    replaced,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined

POINTS = 2
MOST_LETTERS = 3
STRICT: tuple[Reading, ...] = tuple(
    r for r in BENIGN if r.product in {"matrix", "elementwise", "inner"}
)
"""Readings where the shapes of all names are known: a product is what it says."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a check of one formula under one choice of definitions found.

    Attributes:
        passes: whether formula and derivative agree.
        claimed: the value of the formula; None where its shapes do not conform.
        true: the derivative.
        model: the function that was differentiated.
        target: the derivative, with numbers for its letters.
        known_shapes: whether the shapes of all names are known.
        typed: whether they are known from how the names are used.
        clash: which shapes of the formula do not conform.
        is_open: whether names that are usually computed have no definition: they may depend on what
            the derivative is taken by.
    """

    passes: bool
    claimed: Quantity | None = None
    true: Quantity | None = None
    model: Model | None = None
    target: Derivative | None = None
    known_shapes: bool = True
    typed: bool = False
    clash: str = ""
    is_open: bool = False


class Trial:
    """A derivative under one choice of definitions: claims are tried on the same random points."""

    def __init__(
        self,
        target: Derivative,
        formula: Node,
        definitions: Definitions,
        environment: Environment,
        *,
        signed: bool = True,
        arrays: frozenset[str] = frozenset(),
    ) -> None:
        self._target, self._formula = target, formula
        definitions = relevant(definitions, (target.of, target.wrt, formula), environment)
        self._definitions, self._environment = definitions, environment
        own = definitions.trees.get(key_of(target.of) or "")
        self._free = () if own is None or _running(target.of) else unbound(own)
        kernel = any(map(kernel_of, (formula, *definitions.values())))
        self._bounds = _assignments(target, formula, self._free, kernel=kernel)
        self._points: dict[tuple[int, int], list[Point]] = {}
        self._dimensions = dimensions_of(target, formula, definitions, environment, arrays)
        self._has_kinks = signed and has_kinks((formula, *definitions.values()))

    def outcome(self, formula: Node) -> Outcome | None:
        """Returns whether a formula is the derivative; None: it cannot be decided."""
        found = self._outcome(formula)
        if found is None or found.passes or not self._holds_for_numbers(formula):
            return found
        return replace(found, passes=True)

    def _holds_for_numbers(self, formula: Node) -> bool:
        """Whether a formula is right with a number for each name.

        Nothing in it or in the definitions is an array then by how it is written: letters that are
        arrays elsewhere are used for one sample.
        """
        key = key_of(self._target.wrt)
        inner = Definitions({k: tree for k, tree in self._definitions.items() if k != key})
        model = Model(inner, lambda node: None, self._environment)
        trees = [*model.trees(self._target.of), formula]
        parts = [part for tree in (*trees, self._target.wrt) for part in walk(tree)]
        used = [part for part in parts if isinstance(part, Symbol)]
        if not all(may_be_a_number(part) for part in parts):
            return False
        if any(symbol.base in self._environment.vectors for symbol in used):
            return False
        numbers = Dimensions({symbol.key: () for symbol in used})
        for seed in range(POINTS):
            draw = Draw(inner, formula, self._environment, seed, dimensions=numbers)
            point = _point(self._target, draw, inner, BENIGN[0], partly=False)
            outcome = None if point is None else _judged(formula, point)
            if outcome is None or not outcome.passes:
                return False
        return True

    def _outcome(self, formula: Node) -> Outcome | None:
        outcome: Outcome | None = None
        for number, bound in enumerate(self._bounds):
            at = at_letters(formula, bound)
            for seed in range(POINTS):
                outcome = _best(at, self._at(number, seed))
                if outcome is None or not outcome.passes:
                    return outcome
        return outcome

    def holds_at_own_values(self, formula: Node) -> bool:
        """Whether a formula is right at the values that the document gives."""
        for bound in self._bounds:
            target = instance(self._target, bound)
            free = frozenset(bound)
            typed = self._dimensions[0] if self._dimensions else None
            draw = Draw(
                self._definitions,
                self._formula,
                self._environment,
                0,
                free,
                own=True,
                dimensions=typed,
            )
            point = _point(target, draw, self._definitions, BENIGN[0], partly=False)
            outcome = None if point is None else _judged(at_letters(formula, bound), point)
            if outcome is None or not outcome.passes:
                return False
            if outcome.claimed is None or not np.any(outcome.claimed.value):
                return False  # 0 = 0 says nothing
            if not any(self._environment.versions(named(key)) for key in draw.values):
                return False
        return bool(self._bounds)

    def _definitions_at(self, bound: dict[str, int]) -> Definitions:
        """Returns the definitions with a number for the class in L = −log p_c."""
        key = key_of(self._target.of)
        if not self._free or key is None:
            return self._definitions
        own = instance(self._definitions[key], {letter: bound[letter] for letter in self._free})
        return Definitions({**self._definitions.trees, key: own})

    def _at(self, number: int, seed: int) -> Iterator["Point"]:
        """Yields the ways to take the derivative at a point, those once taken kept."""
        known = self._points.setdefault((number, seed), [])
        yield from known
        if known:
            return
        for signed in (True, False) if seed and self._has_kinks else (False,):
            for point in self._taken(self._bounds[number], seed, signed=signed):
                known.append(point)
                yield point
            if known:
                return

    def _taken(self, bound: dict[str, int], seed: int, *, signed: bool) -> Iterator["Point"]:
        target, definitions = instance(self._target, bound), self._definitions_at(bound)
        for partly in (False, True):
            for dimensions in self._dimensions or (None,):
                for reading in STRICT if dimensions else (*BENIGN, LOOSE):
                    draw = Draw(
                        definitions,
                        self._formula,
                        self._environment,
                        seed,
                        frozenset(bound),
                        dimensions=dimensions,
                        signed=signed,
                    )
                    point = _point(target, draw, definitions, reading, partly=partly)
                    if point is not None:
                        yield point
                    if not draw.has_arrays or (point is not None and point.by_entries):
                        break


@dataclass(frozen=True, eq=False)
class Point:
    """A derivative taken at random values, under one reading.

    Attributes:
        model: the function.
        target: what is differentiated, and by what.
        draw: the random values.
        true: the derivative.
        by_entries: whether arrays are used entry by entry only.
        is_jacobian: whether it is the derivative of an array.
        is_explicit: whether the document says on which names the function depends.
    """

    model: Model
    target: Derivative
    draw: Draw
    true: Quantity
    by_entries: bool
    is_jacobian: bool
    is_explicit: bool


def _best(formula: Node, points: Iterator[Point]) -> Outcome | None:
    found: Outcome | None = None
    for point in points:
        now = _judged(formula, point)
        if now is not None and (found is None or now.passes or (found.is_open > now.is_open)):
            found = now
        if found is not None and found.passes:
            break
    return found


def _assignments(
    target: Derivative, formula: Node, more: Sequence[str] = (), *, kernel: bool = False
) -> list[dict[str, int]]:
    """Returns what the running letters of a derivative stand for: different numbers each.

    Where the formula tells equal indices from others, equal ones are tried too.
    """
    free = [*dict.fromkeys(c for n in (target.of, target.wrt) for c in _running(n))]
    free = [*dict.fromkeys((*free, *more))]
    if not free:
        return [{}]
    if len(free) > MOST_LETTERS:
        return []
    few = kernel and len(free) == 2  # the entries of a kernel are few
    choices = islice(permutations((2, 1) if few else (2, 1, 3), len(free)), min(len(free), 2))
    found: list[dict[str, int]] = [dict(zip(free, choice, strict=True)) for choice in choices]
    if len(free) == 2 and (_deltas(formula, free) or any(_cases(formula))):
        found.append(dict.fromkeys(free, 2))
    return found


def _running(node: Node) -> tuple[str, ...]:
    return letters(node) if isinstance(node, Symbol) else ()


def _cases(node: Node) -> Iterator[Cases]:
    return (n for n in walk(node) if isinstance(n, Cases))


def _deltas(node: Node, free: Sequence[str]) -> list[Symbol]:
    """Returns the Kronecker deltas of a formula: δ_ij in a derivative by the index j."""
    return [
        n
        for n in walk(node)
        if isinstance(n, Symbol)
        and n.base in {"delta", "ones", "I"}
        and not n.sup
        and sorted(letters(n)) == sorted(free)
    ]


def at_letters(formula: Node, bound: dict[str, int]) -> Node:
    """Returns a formula with numbers in place of the letters that are bound."""
    for delta in _deltas(formula, [*bound]) if len(bound) == 2 else ():
        equal = float(len(set(bound.values())) == 1)
        one = Number(delta.span, str(int(equal)), equal, 0.0, 1)
        formula = replaced(formula, delta, one)
    return instance(formula, bound)


def _point(
    target: Node, draw: Draw, definitions: Definitions, reading: Reading, *, partly: bool
) -> Point | None:
    """Returns a derivative at random values; None where it cannot be taken, or is nothing.

    Partly: what the definition of the numerator names is held, as partial derivatives are meant
    where several time steps share a weight.
    """
    if not isinstance(target, Derivative):
        return None
    model = Model(definitions, draw, draw.environment, {}, reading)
    key = key_of(target.wrt) or ""
    if not model.depends(target.of, key):
        return None
    try:
        at = model.at(target.wrt)
        if partly:
            model.fixed |= _held(model, target, key)
        of = model.value(target.of)
        true = model.derivative(model.along(target), at)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return None
    if not np.any(true.value):
        return None
    by_entries = is_by_entries(model.trees(target.of), draw.arrays)
    of_key, environment = key_of(target.of) or "", draw.environment
    arguments = {key_of(name) for name in environment.arguments.get(of_key, ())}
    explicit = of_key == EXPRESSION or key in arguments
    return Point(model, target, draw, true, by_entries, bool(of.shape), explicit)


def _judged(formula: Node, point: Point) -> Outcome | None:
    """Returns whether a formula and the derivative agree at a point; None: it says nothing."""
    model, true, draw = point.model, point.true, point.draw
    key = key_of(point.target.wrt) or ""
    if key_of(formula) == key_of(point.target):
        return None
    known = set(draw.values)
    claimed, clash = None, ""
    try:
        claimed = model.value(formula)
    except ShapeClash as problem:
        clash = str(problem)
    except (NotEvaluable, Undefined, RecursionError):
        return None
    more = set(draw.values) - known
    if any(_is_used(k, formula, model) and not _only_bounds(k, formula) for k in more):
        return None  # the formula uses what the function does not
    shaped = not draw.guessed
    if claimed is not None and not (true.shape or claimed.shape or draw.has_arrays):
        shaped = True
    shaped = shaped or (point.by_entries and is_by_entries((formula,), draw.arrays))
    own = {key, whole(named(key)).key}
    free = [k for k in draw.values if k not in own | draw.counts]
    complete = all(is_parameter(k, explicit=point.is_explicit) for k in free)
    agrees = claimed is not None and _agrees(claimed, true, is_jacobian=point.is_jacobian)
    if not agrees and not shaped:
        return None
    if clash and (not draw.is_typed or _has_jacobians(formula, model)):
        return None
    known_shapes = draw.is_typed or all(
        draw.environment.versions(named(k)) for k, q in draw.values.items() if q.shape
    )
    typed, target = draw.is_typed, point.target
    return Outcome(agrees, claimed, true, model, target, known_shapes, typed, clash, not complete)


def _is_used(key: str, formula: Node, model: Model) -> bool:
    """Whether a name stands in a formula: how long an array is may be asked of others too."""
    used = (n for tree in model.trees(formula) for n in walk(tree) if isinstance(n, Symbol))
    own = named(key)
    return any(n.key == key or bindings(n, own) or whole(n).key == key for n in used)


def _only_bounds(key: str, formula: Node) -> bool:
    """Whether a name only says how far the sums of a formula run."""
    sums = [n for n in walk(formula) if isinstance(n, BigSum)]
    ends = [id(s.high) for s in sums if key_of(s.high) == key]  # type: ignore[arg-type]
    return bool(ends) and all(id(n) in ends for n in walk(formula) if key_of(n) == key)


def _has_jacobians(formula: Node, model: Model) -> bool:
    """Whether derivatives of arrays stand in a formula: documents differ in how they stand."""
    try:
        return any(
            isinstance(n, Derivative) and bool(model.value(n.of).shape) for n in walk(formula)
        )
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return True


def _held(model: Model, target: Derivative, key: str) -> dict[str, Quantity]:
    tree = model.definitions.of(target.of) if isinstance(target.of, Symbol) else None
    named = [] if tree is None else names(tree)
    return {k: model.value(n) for n in named if (k := key_of(n)) and k != key}


def _agrees(claimed: Quantity, true: Quantity, *, is_jacobian: bool) -> bool:
    """Whether two derivatives agree; a Jacobian may stand either way, or as its diagonal."""
    forms = [claimed]
    if is_jacobian and claimed.value.ndim == 2:
        forms.append(values.transposed(claimed))
        diagonal = np.diag(claimed.value)
        if true.is_vector and np.array_equal(claimed.value, np.diag(diagonal)):
            forms.append(values.quantity(diagonal))
    if claimed.shape == ():
        return bool(np.allclose(true.value, claimed.value, rtol=1e-6))
    scale = max(1e-6, float(np.abs(true.value).max(initial=0)))
    return any(
        np.allclose(values.flat(form), values.flat(true), rtol=1e-6, atol=1e-8 * scale)
        for form in forms
        if values.same_shape(form, true)
    )
