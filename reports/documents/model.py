"""The function that a document defines: names computed from other names, down to the givens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from reports.documents import values
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import NotEvaluable, evaluate
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
from reports.documents.values import Numbers, Quantity

DEEPEST = 24
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
    """

    definitions: Mapping[str, Node]
    leaf: Callable[[Node], Quantity | None]
    environment: Environment
    fixed: dict[str, Quantity] = field(default_factory=dict)
    reading: Reading = PLAIN
    steps: int = 60_000
    memory: dict[str, Quantity] = field(default_factory=dict)

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
            if isinstance(node, Derivative):
                found: Quantity | None = self.slope(node, depth + 1)
            elif key in self.definitions:
                found = self.value(self.definitions[key], depth + 1)
            else:
                found = self.leaf(node)
            if found is None:
                return None
            self.memory[key] = found
        return self.memory[key]

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
        fixed |= self._unmoved(node.of, key)

        def function(x: Numbers) -> Numbers:
            held = {**fixed, key: values.quantity(x)}
            inner = Model(
                self.definitions, self.leaf, self.environment, held, self.reading, self.steps
            )
            result = inner.value(node.of, depth + 1).value
            self.steps = inner.steps
            return result

        return function

    def _unmoved(self, of: Node, key: str) -> dict[str, Quantity]:
        """Returns what has been computed already and does not depend on a name."""
        return {
            name: value
            for name, value in self.memory.items()
            if name in self.definitions and not self.depends(self.definitions[name], key)
        }

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
        return key in self.reached(node)

    def reached(self, node: Node) -> set[str]:
        """Returns all names to which a tree leads through the definitions."""
        found: set[str] = set()
        todo = [node]
        while todo:
            for name in names(todo.pop()):
                for key in _keys(name):
                    if key not in found:
                        found.add(key)
                        if key in self.definitions and key not in self.fixed:
                            todo.append(self.definitions[key])
        return found


def _keys(name: Node) -> Iterator[str]:
    """Yields the name, and the vector of which it is an entry."""
    key = key_of(name)
    if key is not None:
        yield key
    if isinstance(name, Symbol) and name.sub:
        yield Symbol(name.span, name.base, "", name.sup, name.mark).key


def _is_name(node: Node) -> bool:
    return isinstance(node, (Symbol, Derivative))


def _slope(
    function: Callable[[Numbers], Numbers], point: Numbers, index: tuple[int, ...]
) -> Numbers:
    """Returns the derivative along one entry: central differences, one Richardson step."""
    scale = max(1.0, abs(float(point[index]))) * STEP

    def central(step: float) -> Numbers:
        up, down = point.copy(), point.copy()
        up[index] += step
        down[index] -= step
        return (function(up) - function(down)) / (float(up[index]) - float(down[index]))

    coarse, fine = central(2 * scale), central(scale)
    return np.asarray(fine + (fine - coarse) / 3)


def loss_form(tree: Node) -> str:
    """Returns what a loss is made of: "ce" with a logarithm, "mse" with a square, else ""."""
    if any(isinstance(n, Call) and n.name.startswith("log") for n in walk(tree)):
        return "ce"
    return "mse" if any(isinstance(n, Power) for n in walk(tree)) else ""


def is_loss(key: str | None) -> bool:
    """Whether a name is one of those that losses have."""
    return key is not None and key.split("_")[0].split("^")[0] in LOSSES
