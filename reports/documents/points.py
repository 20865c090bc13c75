"""Random values for the names of a definition, in shapes that fit how they are used."""

import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from reports.documents import values
from reports.documents.dimensions import Dimensions
from reports.documents.environment import BY_ENTRIES, ROLES, Environment, key_of
from reports.documents.indices import (
    Definitions,
    family,
    items,
    letters,
    named,
    positions,
    scripts,
    without_index,
    worth,
)
from reports.documents.notation import LOSSES
from reports.documents.readings import ELEMENTWISE
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Condition,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    walk,
)
from reports.documents.values import Numbers, Quantity, entry

LENGTH = 3
SHORTER = 2
"""How far the index of a kernel runs, as m in x_{i+m}."""


class Draw:
    """Random values for the names that nothing defines, in the shapes that the document gives.

    Attributes:
        values: what was drawn, by key.
        guessed: the names about whose shape nothing is known.
        counts: the names of how many there are of something.

    Args:
        definitions: the definitions in force.
        formula: the claim beside them.
        environment: what the document has said.
        seed: chooses the values.
        free: the letters that run in the claim.
        own: whether names with a value in the document have that one.
        dimensions: the shapes of names that are used as a whole.
        signed: whether half of the numbers are negative, as where functions have kinks at 0.
    """

    def __init__(
        self,
        definitions: Definitions,
        formula: Node,
        environment: Environment,
        seed: int,
        free: frozenset[str] = frozenset(),
        *,
        own: bool = False,
        dimensions: Dimensions | None = None,
        signed: bool = False,
    ) -> None:
        self.environment = environment
        self._own, self._signed = own, signed
        self._dimensions = dimensions or Dimensions({})
        self.values: dict[str, Quantity] = {}
        self.guessed: set[str] = set()
        self._shapes = {
            key: shape
            for key, shape in shapes(definitions, formula, free).items()
            if not self._dimensions.is_collection(key)
        }
        self.counts = COUNTS | bounds(definitions, formula)
        known = (environment.versions(named(key)) for key in self._shapes)
        lengths = [max(v[0].value.shape) for v in known if v and v[0].value.shape]
        self._length = lengths[0] if lengths else common_length(definitions, formula)
        self._of_entries = {family(named(k)) for k in definitions if letters(named(k))}
        self._has_kronecker = _has_kronecker(definitions, formula)
        self._rng = np.random.default_rng(zlib.crc32(f"point {seed}".encode()))

    @property
    def arrays(self) -> Mapping[str, tuple[int, ...]]:
        """The names of which entries are used, and their shapes."""
        return self._shapes

    @property
    def is_typed(self) -> bool:
        """Whether the shapes of names are known from how they are used."""
        return self._dimensions.has_arrays

    @property
    def has_arrays(self) -> bool:
        """Whether anything drawn is no number."""
        return any(q.shape for q in self.values.values())

    def __call__(self, node: Node) -> Quantity | None:
        """Returns the value of a name, always the same; None for what is no name."""
        key = key_of(node)
        if key is None or not isinstance(node, Symbol) or key in {"e", "pi", "ones"}:
            return self._constant(node)
        if self._dimensions.is_collection(node.key) or self._ends(node):
            return None
        if node.key in self._of_entries:
            return None  # it is defined entry by entry
        if self._has_kronecker and node.base == "delta" and (at := positions(node.sub, 2)):
            return values.quantity(float(at[0] == at[1]))
        for script in ("sub", "sup"):
            array = without_index(node, script)
            if isinstance(array, Symbol) and self._holds(array, node):
                return entry(self._drawn(array), scripts(node)[script])  # type: ignore[arg-type]
        return self._drawn(node)

    def _constant(self, node: Node) -> Quantity | None:
        """Returns the column of ones, and the identity, in the shape that is known of them."""
        shape = self._dimensions.of(node) if isinstance(node, Symbol) else None
        return values.quantity(np.ones(shape)) if shape else None

    def _ends(self, node: Symbol) -> bool:
        """Whether a name of a collection stands beyond its end."""
        at = positions(node.sub or node.sup, 1)
        return bool(at) and at[0] > LENGTH and self._dimensions.is_collection(family(node))

    def _holds(self, array: Symbol, node: Symbol) -> bool:
        """Whether a name is an entry of an array: it does not begin a series, nor stand alone."""
        if "0" in (node.sub, node.sup):
            return False
        if self._dimensions.of(array) and not self._dimensions.of(node):
            return True
        return array.key in self._shapes and node.key not in self.environment.entries

    def _drawn(self, node: Symbol) -> Quantity:
        if node.key not in self.values:
            named_so = node.key in self._shapes or node.key in self.counts
            named_so = named_so or self._dimensions.of(node) is not None
            if not self.environment.versions(node) and not named_so:
                self.guessed.add(node.key)
            self.values[node.key] = self._value(node)
        return self.values[node.key]

    def _value(self, node: Symbol) -> Quantity:
        known = self.environment.versions(node)
        if self._own and known:
            return known[0].value
        typed = self._dimensions.of(node)
        shape = known[0].value.shape if known else self._shapes.get(node.key, ())
        shape = shape if typed is None else typed
        if node.key in self.counts and not shape:
            length = self._dimensions.counts.get(node.key, self._length)
            return values.quantity(float(length))
        if node.key in ROLES["target"]:
            if known and typed is None and np.any(known[0].value.value):
                return known[0].value  # of a label 0 no gradient may be left
            weights = self._rng.uniform(0.1, 0.9, shape)
            axis = 1 if len(shape) == 2 and 1 not in shape else None
            total = weights.sum(axis=axis, keepdims=True)
            return values.quantity(weights / total if shape else weights)
        probabilities = node.base in {"hat y", "p", "hat p"}
        low, high = (0.15, 0.85) if probabilities else (0.3, 1.2)
        drawn = self._rng.uniform(low, high, shape)
        if self._signed and not probabilities:
            drawn = drawn * _signs(self._rng, shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            symmetric = (drawn + drawn.T) / 2 if self.environment.symmetric else drawn
            return values.quantity(symmetric if typed is None else _regular(symmetric, node))
        return values.quantity(drawn)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    """Returns −1 first, then −1 or 1."""
    signs = np.where(rng.uniform(size=shape) < 0.5, -1.0, 1.0).reshape(-1)
    signs[:1] = -1.0
    return signs.reshape(shape)


def has_kinks(trees: Iterable[Node]) -> bool:
    """Whether a function in formulas depends on a sign: max, |x|, cases."""
    return any(
        (isinstance(n, Call) and n.name in {"relu", "ReLU", "max", "min", "abs", "sign"})
        or (isinstance(n, Condition) and n.sign in {"<", ">", "≤", "≥"})
        or (isinstance(n, Norm) and n.order < 2)
        for tree in trees
        for n in walk(tree)
    )


def _regular(drawn: Numbers, node: Symbol) -> Numbers:
    """Returns a square matrix that can be inverted; I is the identity."""
    identity = np.eye(drawn.shape[0])
    return identity if node.key == "I" else identity * drawn.shape[0] + drawn


def _has_kronecker(definitions: Definitions, formula: Node) -> bool:
    """Whether δ_ij stands in formulas, 1 where both indices are the same."""
    return any(
        isinstance(n, Symbol) and n.base == "delta" and len(items(n.sub)) == 2 and not n.sup
        for tree in (*definitions.values(), formula)
        for n in walk(tree)
    )


COUNTS = frozenset(("n", "m", "N", "M", "K", "k", "T", "C", "D", "d", "B"))
"""Names of how many there are of something."""


def bounds(definitions: Definitions, formula: Node) -> set[str]:
    """Returns the names up to which sums run."""
    return {
        part.high.key
        for tree in (*definitions.values(), formula)
        for part in walk(tree)
        if isinstance(part, BigSum) and isinstance(part.high, Symbol)
    }


def common_length(definitions: Definitions, formula: Node) -> int:
    """Returns how far indices run: the bound that all sums with a number agree on."""
    sums = [
        part
        for tree in (*definitions.values(), formula)
        for part in walk(tree)
        if isinstance(part, BigSum) and isinstance(part.high, Number)
    ]
    plain = {int(s.high.value) for s in sums if not kernel_of(s) and isinstance(s.high, Number)}
    bound = plain.pop() if len(plain) == 1 else LENGTH
    return bound if 1 < bound < 10 else LENGTH


def is_by_entries(trees: Iterable[Node], arrays: Mapping[str, object]) -> bool:
    """Whether arrays are used entry by entry only: every name is then a number."""
    used = {n.key for tree in trees for n in walk(tree) if isinstance(n, Symbol)}
    return used.isdisjoint(arrays) and not any(
        isinstance(n, Array) for tree in trees for n in walk(tree)
    )


def shapes(
    definitions: Definitions, formula: Node, free: frozenset[str] = frozenset()
) -> Mapping[str, tuple[int, ...]]:
    """Returns the shapes of the arrays of which entries are used with a running index.

    Args:
        definitions: the definitions in force.
        formula: a formula beside them.
        free: the letters that run in it besides those of its sums.
    """
    length = common_length(definitions, formula)
    found: dict[str, tuple[int, ...]] = {}
    trees = [(tree, frozenset(letters(named(key)))) for key, tree in definitions.items()]
    for tree, running in (*trees, (formula, free)):
        extents = _extents(tree, running, length)
        for key, shape in _used(tree, extents):
            if key in definitions or definitions.patterns(named(key)):
                continue
            before = found.get(key, shape)
            if len(before) == len(shape):
                found[key] = tuple(map(max, before, shape))
    return found


def kernel_of(tree: Node) -> set[str]:
    """Returns the letters that are added to another: m in x_{i+m}."""
    return {
        letter
        for part in walk(tree)
        for script in scripts(part).values()
        for item in items(script)
        for letter in filter(str.isalpha, item)
        if len(set(filter(str.isalpha, item))) > 1
    }


def _extents(tree: Node, running: frozenset[str], length: int) -> Mapping[str, int]:
    """Returns how far each letter runs."""
    kernel = kernel_of(tree) - running
    extents = dict.fromkeys(running, length)
    for part in walk(tree):
        if isinstance(part, BigSum):
            for letter in items(part.index):
                extents[letter] = SHORTER if letter in kernel and part.high is None else length
                if isinstance(part.high, Number) and 1 <= part.high.value < 10:
                    extents[letter] = int(part.high.value)
    return extents


def _used(tree: Node, extents: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in walk(tree):
        if not isinstance(part, Symbol):
            continue
        for script, text in scripts(part).items():
            ends = [_end(item, extents) for item in items(text)]
            array = without_index(part, script)
            if isinstance(array, Symbol) and ends and None not in ends and len(ends) < 3:
                yield array.key, tuple(end for end in ends if end is not None)


def _end(item: str, extents: Mapping[str, int]) -> int | None:
    """Returns the largest value of an index; None where a letter of it does not run."""
    end = worth(item, extents) if any(map(str.isalpha, item)) else None
    return None if end is None else max(end, 1)


def may_be_a_number(node: Node) -> bool:
    """Whether a part of a formula says nothing of arrays: small letters, quotients, functions."""
    match node:
        case Symbol(base=base):
            return not letters(node) and (base in LOSSES or not base[:1].isupper())
        case Times(kind=kind):
            return kind in {"juxtaposed", "dot"}
        case Call(name=name):
            return name in ELEMENTWISE or name in BY_ENTRIES
    return isinstance(node, (Number, Negative, Sum, Divide, Power))


def is_parameter(key: str, *, explicit: bool = False) -> bool:
    """Whether a name is one of inputs, targets, weights or settings, not of computed values.

    Args:
        key: the name.
        explicit: whether it stands in a function whose arguments are said, as f(x) = aᵀ x; other
            names are then constants, unless they are hardly ever.
    """
    base = key.split("_")[0].split("^")[0]
    initial = key.endswith(("_0", "^0"))
    return initial or base not in (ALWAYS_COMPUTED if explicit else COMPUTED)


ALWAYS_COMPUTED = frozenset(
    ("out", "net", "z", "Z", "H", "o", "O", "E", "L", "J", "ell", "loss", "output", "hat y")
) | {"hat Y", "hat p"}
COMPUTED = ALWAYS_COMPUTED | frozenset(
    ("a", "A", "h", "C", "p", "delta", "s", "r", "f", "g", "u", "q", "v", "m")
)
"""Bases of names that are usually computed: where one has no definition, the document's function is
not known wholly, and a derivative through it can be confirmed but not accused."""
