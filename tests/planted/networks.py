"""Networks of every form with planted faults: one row a form, one row a fault.

A network has `depth` parts in a row; `faults` says which of them is wrong, and how. Each form says
by what path a part is reached.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcheck

WIDTH, BATCH = 4, 5


@dataclass(frozen=True)
class Fault:
    """What is done to (x_bar, W_bar, b_bar), and which of them is wrong then."""

    spoil: Callable[[Any, Any, Any], tuple[Any, Any, Any]]
    wrong: str


FAULTS = {
    "input doubled": Fault(lambda x, W, b: (2 * x, W, b), "x"),
    "input negated": Fault(lambda x, W, b: (-x, W, b), "x"),
    "input in one row only": Fault(lambda x, W, b: (x * _row(x), W, b), "x"),
    "weights averaged": Fault(lambda x, W, b: (x, W / BATCH, b), "W"),
    "weights transposed": Fault(lambda x, W, b: (x, W.T, b), "W"),
    "bias zero": Fault(lambda x, W, b: (x, W, 0 * b), "b"),
}
RIGHT = Fault(lambda x, W, b: (x, W, b), "")


def _row(x: Any) -> Any:
    mask = 0 * x
    mask[0] = 1
    return mask


def weights(i: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(i)
    W, b = rng.normal(size=(WIDTH, WIDTH)) / 2, rng.normal(size=WIDTH) / 2
    return W.astype(dtype), b.astype(dtype)


def dense(x: Any, W: Any, b: Any) -> Any:
    return np.tanh(x @ W + b)


def dense_vjp(u: Any, x: Any, W: Any, b: Any) -> tuple[Any, Any, Any]:
    z = u * (1 - dense(x, W, b) ** 2)
    return z @ W.T, x.T @ z, z.sum(axis=0)


class Part:
    """A layer with a cache; attribute pairs W/dW and b/db."""

    def __init__(self, i: int, fault: Fault, dtype: Any) -> None:
        (self.W, self.b), self.fault = weights(i, dtype), fault

    def forward(self, x):
        self.x = x
        return dense(x, self.W, self.b)

    def backward(self, u):
        found = dense_vjp(u, self.x, self.W, self.b)
        x_bar, self.dW, self.db = self.fault.spoil(*found)
        return x_bar


class Row:
    """Layers in a list."""

    def __init__(self, layers) -> None:
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, u):
        for layer in self.layers[::-1]:
            u = layer.backward(u)
        return u


class Pair:
    """Two parts as attributes, called by __call__; a network of networks."""

    def __init__(self, first, rest) -> None:
        self.first, self.rest = first, {"rest": rest}

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        return self.rest["rest"].forward(self.first.forward(x))

    def backward(self, u):
        return self.first.backward(self.rest["rest"].backward(u))


@dataclass(frozen=True)
class RulePart:
    """A value without state; `vjp(params, x) -> (y, pullback)`."""

    fault: Fault

    def vjp(self, params, x):
        W, b = params["W"], params["b"]

        def pullback(u: Any) -> tuple[Any, Any]:
            x_bar, W_bar, b_bar = self.fault.spoil(*dense_vjp(u, x, W, b))
            return {"W": W_bar, "b": b_bar}, x_bar

        return dense(x, W, b), pullback


@dataclass(frozen=True)
class RuleRow:
    layers: tuple[RulePart, ...]

    def vjp(self, params, x):
        pullbacks = []
        for own, layer in zip(params, self.layers, strict=True):
            x, pullback = layer.vjp(own, x)
            pullbacks.append(pullback)

        def pullback(u: Any) -> tuple[Any, Any]:
            found = []
            for own in reversed(pullbacks):
                own_bar, u = own(u)
                found.append(own_bar)
            return found[::-1], u

        return x, pullback


Faults = Mapping[int, Fault]
"""The fault of each part that is wrong, by its number."""


def points(dtype: Any = np.float64) -> Any:
    return np.random.default_rng(99).normal(size=(BATCH, WIDTH)).astype(dtype)


def parts(depth: int, faults: Faults, dtype: Any = np.float64) -> list[Part]:
    return [Part(i, faults.get(i, RIGHT), dtype) for i in range(depth)]


def in_a_row(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    return Row(parts(depth, faults, dtype)), (points(dtype),)


def nested(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    *first, thing = parts(depth, faults, dtype)
    for part in reversed(first):
        thing = Pair(part, thing)
    return thing, (points(dtype),)


def nested_path(depth: int, i: int) -> str:
    steps = ["rest.rest"] * i + ["first"] * (i < depth - 1)
    return ".".join(steps)


def in_lists_of_lists(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    class Flat(Row):
        def __init__(self, layers) -> None:
            self.stages = [[layer] for layer in layers]

        @property
        def layers(self):
            return [layer for stage in self.stages for layer in stage]

    return Flat(parts(depth, faults, dtype)), (points(dtype),)


def of_rules(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    layers = tuple(RulePart(faults.get(i, RIGHT)) for i in range(depth))
    params = [dict(zip("Wb", weights(i, dtype), strict=True)) for i in range(depth)]
    return RuleRow(layers).vjp, (params, points(dtype))


def of_pairs(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    def pair(i: int) -> tuple:
        (W, b), fault = weights(i, dtype), faults.get(i, RIGHT)
        return (
            lambda x: dense(x, W, b),
            lambda u, x: fault.spoil(*dense_vjp(u, x, W, b))[0],
        )

    return [pair(i) for i in range(depth)], (points(dtype),)


def of_layers(depth: int, faults: Faults, dtype: Any = np.float64) -> tuple[Any, tuple]:
    return gradcheck.Chain(*parts(depth, faults, dtype)), (points(dtype),)


@dataclass(frozen=True)
class Form:
    """A form of network.

    Attributes:
        build: (depth, faults, dtype) -> the network, and the arguments of its check.
        path: (depth, number of a part) -> its path.
        has_parameters: whether the parameters of its parts are primals.
        least: how many parts it has at least.
    """

    build: Callable[..., tuple[Any, tuple]]
    path: Callable[[int, int], str]
    has_parameters: bool = True
    least: int = 1


FORMS = {
    "in a row": Form(in_a_row, lambda depth, i: f"layers[{i}]"),
    "nested": Form(nested, nested_path, least=2),
    "lists of lists": Form(in_lists_of_lists, lambda depth, i: f"stages[{i}][0]"),
    "rules": Form(of_rules, lambda depth, i: f"layers[{i}]"),
    "chain of pairs": Form(of_pairs, lambda depth, i: f"chain[{i}]", has_parameters=False),
    "chain of layers": Form(of_layers, lambda depth, i: f"chain[{i}]"),
}
