"""The function that a document defines: names computed from other names, down to the givens."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reports.documents import values
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.indices import Definitions, family, items, letters, named, whole
from reports.documents.notation import LOSSES
from reports.documents.readings import PLAIN, Reading
from reports.documents.tree import (
    Call,
    Derivative,
    Node,
    Power,
    Symbol,
    names,
    walk,
)
from reports.documents.values import NotEvaluable, Numbers, Quantity, ShapeClash, entry

SMALLER_STEPS = 4
BENT = 1e-4
DEEPEST = 24
LONGEST = 17
"""An array is put together from its entries up to one fewer of them."""

STEP = 6e-4  # relative; with one Richardson step the error is about 1e-11 for smooth functions


@dataclass(eq=False)
class Model:
    """The definitions of a document, and the values at which they are evaluated.

    Attributes:
        definitions: the tree of each name that is computed from others.
        leaf: the value of a name that is not.
        fixed: names that are held at a value, given or not.
        environment: for the meaning of functions.
        reading: how products and sums are read.
        steps: how many nodes may still be evaluated.
        memory: what has been computed already.
        stated: values that computed names are moved to, by a constant: derivatives are then taken
            at the rounded values of the document.
        shifts: these constants, as far as they are known.
        free: whether derivatives are names as others are, with values of their own.
    """

    definitions: Definitions
    leaf: Callable[[Node], Quantity | None]
    environment: Environment
    fixed: dict[str, Quantity] = field(default_factory=dict)
    reading: Reading = PLAIN
    steps: int = 60_000
    memory: dict[str, Quantity] = field(default_factory=dict)
    stated: Mapping[str, Quantity] = field(default_factory=dict)
    shifts: dict[str, Numbers] = field(default_factory=dict)
    free: bool = False

    def value(self, node: Node, depth: int = 0) -> Quantity:
        """Returns the value of a tree, every name computed by its definition.

        Raises:
            NotEvaluable: a name has neither a definition nor a value.
        """
        if depth > DEEPEST:
            raise NotEvaluable("the definitions run in a circle")
        context = self.environment.context(self.reading, more=lambda n: self._look(n, depth))
        outer = context.look
        context.look = lambda n: self._look(n, depth) if _is_name(n) else outer(n)
        context.bar = lambda number: 0.0
        context.steps = min(self.steps, 5000)
        result = evaluate(node, context)
        self.steps -= 5000 - context.steps
        if self.steps <= 0:
            raise NotEvaluable("the definitions take too many steps")
        return Quantity(result.value, np.zeros(result.shape))

    def _look(self, node: Node, depth: int) -> Quantity | None:
        key = key_of(node)
        if key is None:
            return None
        if key in self.fixed:
            return self.fixed[key]
        if key not in self.memory:
            found = self._computed(node, key, depth)
            if found is None:
                return None
            self.memory[key] = self._with_fixed(node, found)
        return self.memory[key]

    def _with_fixed(self, node: Node, array: Quantity) -> Quantity:
        """Returns an array with those of its entries that are held at a value."""
        if not isinstance(node, Symbol) or node.sub or not array.shape:
            return array
        for key, held in self.fixed.items():
            name = named(key)
            if name.sub and whole(name).key == node.key:
                array = values.with_entry(array, name.sub, held)
        return array

    def _computed(self, node: Node, key: str, depth: int) -> Quantity | None:
        if isinstance(node, Derivative):
            return self._of_derivative(node, depth)
        if not isinstance(node, Symbol):
            return self.leaf(node)
        moved = self._entry(node, self.fixed.get)
        if moved is not None:
            return moved
        tree = self.definitions.of(node)
        if tree is not None:
            return self._shifted(key, self.value(tree, depth + 1))
        if not node.sub and (array := self._assembled(node, depth)) is not None:
            return array
        parent = self._entry(node, lambda key: self._defined(key, depth))
        return self.leaf(node) if parent is None else parent

    def _of_derivative(self, node: Derivative, depth: int) -> Quantity | None:
        """Returns the value of a derivative; where names are free, one of its own."""
        if not self.free:
            return self.slope(node, depth + 1)
        wrt = self._look(node.wrt, depth) if isinstance(node.wrt, Symbol) else None
        own = Symbol(node.span, key_of(node) or "")
        drawn = self.leaf(own)
        if wrt is None or drawn is None or drawn.shape or not wrt.shape:
            return drawn
        return values.quantity(wrt.value * float(drawn.value) + wrt.value**2)

    def _shifted(self, key: str, computed: Quantity) -> Quantity:
        """Returns a computed value, moved to the stated one where there is one."""
        wanted = self.stated.get(key)
        if key not in self.shifts and wanted is not None and values.same_shape(wanted, computed):
            self.shifts[key] = values.flat(wanted).reshape(computed.shape) - computed.value
        if key not in self.shifts:
            return computed
        return values.quantity(computed.value + self.shifts[key])

    def _defined(self, key: str, depth: int) -> Quantity | None:
        tree = self.definitions.trees.get(key)
        return None if tree is None else self.value(tree, depth + 1)

    def _entry(self, node: Symbol, array: Callable[[str], Quantity | None]) -> Quantity | None:
        """Returns an entry of an array that is known as a whole."""
        if not node.sub or not any(c.isdecimal() for c in node.sub):
            return None
        known = array(whole(node).key)
        return None if known is None else entry(known, node.sub)

    def _assembled(self, node: Symbol, depth: int) -> Quantity | None:
        """Returns the array of a name that is defined entry by entry, as far as it goes."""
        for pattern, _ in self.definitions.patterns(node):
            axes = len(items(pattern.sub))
            if axes == 1 and letters(pattern) == items(pattern.sub):
                entries = list(self._along_axis(lambda i: str(i), node, depth))
                return values.stack([entries], flat=True) if entries else None
            if axes == 2 and letters(pattern) == items(pattern.sub):
                rows = []
                for i in range(1, LONGEST):
                    row = list(self._along_axis(lambda j, i=i: f"{i},{j}", node, depth))
                    if not row:
                        break
                    rows.append(row)
                return values.stack(rows, flat=False) if rows else None
        return None

    def _along_axis(
        self, script: Callable[[int], str], node: Symbol, depth: int
    ) -> Iterator[Quantity]:
        for i in range(1, LONGEST):
            try:
                found = self._look(replace(node, sub=script(i)), depth + 1)
            except (NotEvaluable, ShapeClash):
                return
            if found is None:
                return
            yield found

    def slope(self, node: Derivative, depth: int = 0) -> Quantity:
        """Returns a derivative by finite differences through the definitions.

        A number by anything has the shape of what it is taken by; a vector by a vector of the same
        length, entry by entry, if every entry depends on its own only, else the Jacobian.

        Raises:
            NotEvaluable: the one does not depend on the other, or has no value.
        """
        key = key_of(node.wrt)
        if key is None or not self.depends(node.of, key):
            raise NotEvaluable("the definitions do not lead from one to the other")
        return self.derivative(self.along(node, depth), self.at(node.wrt, depth))

    def at(self, wrt: Node, depth: int = 0) -> Numbers:
        """Returns the point at which a derivative is taken."""
        found = self._look(wrt, depth)
        if found is None:
            raise NotEvaluable("it has no value to take the derivative at")
        return found.value

    def along(self, node: Derivative, depth: int = 0) -> Callable[[Numbers], Numbers]:
        """Returns the function wrt -> of."""
        key = key_of(node.wrt) or ""
        of = key_of(node.of) or ""

        fixed = {k: v for k, v in self.fixed.items() if k != of}
        fixed |= self._unmoved(key)

        def function(x: Numbers) -> Numbers:
            held = {**fixed, key: values.quantity(x)}
            inner = Model(
                self.definitions, self.leaf, self.environment, held, self.reading, self.steps
            )
            inner.shifts = self.shifts
            result = inner.value(node.of, depth + 1).value
            self.steps = inner.steps
            return result

        return function

    def _unmoved(self, key: str) -> dict[str, Quantity]:
        """Returns what has been computed already and does not depend on a name."""
        kept = {}
        for name, value in self.memory.items():
            tree = self.definitions.of(named(name)) if not name.startswith("∂") else None
            if tree is not None and not self.depends(tree, key):
                kept[name] = value
        return kept

    def derivative(self, function: Callable[[Numbers], Numbers], at: Numbers) -> Quantity:
        """Returns the gradient, the entry-by-entry slope, or the Jacobian."""
        point = np.asarray(at, dtype=np.float64)
        columns = []
        for index in np.ndindex(point.shape):
            columns.append(_slope(function, point, index))
        of = columns[0].shape
        if of == ():
            return values.quantity(np.array(columns).reshape(point.shape))
        jacobian = np.stack([column.reshape(-1) for column in columns], axis=1)
        if jacobian.shape[0] == jacobian.shape[1]:
            diagonal = np.diag(jacobian)
            if np.allclose(jacobian, np.diag(diagonal), rtol=0, atol=1e-9 * np.abs(jacobian).max()):
                return values.quantity(diagonal.reshape(point.shape))
        return values.quantity(jacobian)

    def depends(self, node: Node, key: str) -> bool:
        """Whether a tree leads to a name through the definitions."""
        reached, name = self.reached(node), named(key)
        ways = {key, f"{key}[]", f"*{family(name)}", whole(name).key}
        return not ways.isdisjoint(reached)

    def reached(self, node: Node) -> set[str]:
        """Returns all names to which a tree leads.

        With h_t also "*h", which stands for every index, and "h[]", of which it is an entry.
        """
        found: set[str] = set()
        for name in (n for tree in self.trees(node) for n in names(tree)):
            found.add(key_of(name) or "")
            if isinstance(name, Symbol) and letters(name):
                found.add(f"*{family(name)}")
            if isinstance(name, Symbol) and name.sub:
                found.add(f"{whole(name).key}[]")
        return found

    def trees(self, node: Node) -> list[Node]:
        """Returns a tree, and all those of names from which it is computed."""
        found, seen = [node], set[str]()
        for tree in found:
            for name in names(tree):
                key = key_of(name)
                if key is None or key in seen or not isinstance(name, Symbol):
                    continue
                seen.add(key)
                if key not in self.fixed and whole(name).key not in self.fixed:
                    found += self.definitions.leading(name)
        return found


def _is_name(node: Node) -> bool:
    return isinstance(node, (Symbol, Derivative))


def _slope(
    function: Callable[[Numbers], Numbers], point: Numbers, index: tuple[int, ...]
) -> Numbers:
    """Returns the derivative along one entry: central differences, one Richardson step.

    Where the two steps differ much, the function bends within them, and smaller ones are taken.
    """
    scale = max(1.0, abs(float(point[index]))) * STEP

    def central(step: float) -> Numbers:
        up, down = point.copy(), point.copy()
        up[index] += step
        down[index] -= step
        return (function(up) - function(down)) / (float(up[index]) - float(down[index]))

    coarse, fine = central(2 * scale), central(scale)
    for _ in range(SMALLER_STEPS):
        if np.max(np.abs(fine - coarse)) <= BENT * np.max(np.abs(fine), initial=0.0):
            break
        scale /= 16
        coarse, fine = central(2 * scale), central(scale)
    return np.asarray(fine + (fine - coarse) / 3)


def loss_form(tree: Node) -> str:
    """Returns what a loss is made of: "ce" with a logarithm, "mse" with a square, else ""."""
    if any(isinstance(n, Call) and n.name.startswith("log") for n in walk(tree)):
        return "ce"
    return "mse" if any(isinstance(n, Power) for n in walk(tree)) else ""


def relevant(
    definitions: Definitions, nodes: Iterable[Node], environment: Environment
) -> Definitions:
    """Returns the definitions to which formulas lead: elsewhere their letters may be arrays."""
    model = Model(definitions, lambda node: None, environment)
    trees = [tree for node in nodes for tree in model.trees(node)]
    used = {family(n) for tree in trees for n in names(tree) if isinstance(n, Symbol)}
    kept = {key: t for key, t in definitions.trees.items() if family(named(key)) in used}
    return definitions if len(kept) == len(definitions) else Definitions(kept)


def is_loss(key: str | None) -> bool:
    """Whether a name is one of those that losses have."""
    return key is not None and key.split("_")[0].split("^")[0] in LOSSES
