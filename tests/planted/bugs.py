"""Wrong gradients, planted: a right subject, and what somebody did to its pullback.

`SUBJECTS` holds right functions with right pullbacks; each row of `BUGS` spoils one, says which
primals are then wrong, and of which kind the finding must be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Right:
    """A function of named primals with its right pullback.

    Attributes:
        draw: (rng, dtype) -> primals.
        f: the function.
        vjp: (y_bar, **primals) -> cotangents.
    """

    draw: Callable[[np.random.Generator, Any], Arrays]
    f: Callable[..., Any]
    vjp: Callable[..., Arrays]


@dataclass(frozen=True)
class Bug:
    """One planted bug.

    Attributes:
        name: what was done.
        subject: the name of the right subject.
        spoil: (right cotangents, y_bar, primals) -> wrong cotangents.
        wrong: the primals whose gradient is then wrong.
        kind: the kind of the finding.
        also: the kind of another finding that the same mistake leads to.
    """

    name: str
    subject: str
    spoil: Callable[[Arrays, Any, Arrays], Any]
    wrong: tuple[str, ...]
    kind: str = "value"
    also: str | None = None


def normal(*shapes: tuple[str, tuple[int, ...]]) -> Callable[..., Arrays]:
    return lambda rng, dtype: {n: rng.normal(size=shape).astype(dtype) for n, shape in shapes}


def dense(x: Any, W: Any, b: Any) -> Any:
    return np.tanh(x @ W + b)


def dense_vjp(u: Any, x: Any, W: Any, b: Any) -> Arrays:
    z = u * (1 - np.tanh(x @ W + b) ** 2)
    return {"x": z @ W.T, "W": x.T @ z, "b": z.sum(0)}


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(u: Any, x: Any) -> Arrays:
    p = softmax(x)
    return {"x": p * (u - (u * p).sum(-1, keepdims=True))}


def loss(y_hat: Any, y: Any) -> Any:
    return np.mean((y_hat - y) ** 2)


def loss_vjp(u: Any, y_hat: Any, y: Any) -> Arrays:
    d = y_hat.dtype.type(2 / y.size) * (y_hat - y) * u
    return {"y_hat": d, "y": -d}


def leaky(x: Any) -> Any:
    return np.where(x > 0, x, x.dtype.type(0.1) * x)


def leaky_vjp(u: Any, x: Any) -> Arrays:
    return {"x": u * np.where(x > 0, 1, 0.1).astype(x.dtype)}


def layer_norm(x: Any, gamma: Any) -> Any:
    d = x - x.mean(-1, keepdims=True)
    return gamma * d / np.sqrt((d * d).mean(-1, keepdims=True))


def layer_norm_vjp(u: Any, x: Any, gamma: Any) -> Arrays:
    d = x - x.mean(-1, keepdims=True)
    s = np.sqrt((d * d).mean(-1, keepdims=True))
    h, g = d / s, u * gamma
    gh = (g * h).mean(-1, keepdims=True)
    return {"x": (g - g.mean(-1, keepdims=True) - h * gh) / s, "gamma": (u * h).sum(0)}


def product(a: Any, b: Any) -> Any:
    return a * b


def product_vjp(u: Any, a: Any, b: Any) -> Arrays:
    return {"a": u * b, "b": u * a}


SUBJECTS: dict[str, Right] = {
    "dense": Right(normal(("x", (5, 4)), ("W", (4, 3)), ("b", (3,))), dense, dense_vjp),
    "square": Right(normal(("x", (4, 4)), ("W", (4, 4)), ("b", (4,))), dense, dense_vjp),
    "wide": Right(normal(("x", (6, 70)), ("W", (70, 50)), ("b", (50,))), dense, dense_vjp),
    "softmax": Right(normal(("x", (4, 5))), softmax, softmax_vjp),
    "loss": Right(normal(("y_hat", (6, 3)), ("y", (6, 3))), loss, loss_vjp),
    "leaky": Right(normal(("x", (30,))), leaky, leaky_vjp),
    "layer_norm": Right(normal(("x", (5, 7)), ("gamma", (7,))), layer_norm, layer_norm_vjp),
    "product": Right(normal(("a", (4, 3)), ("b", (4, 3))), product, product_vjp),
}


def times(name: str, factor: float) -> Callable[..., Arrays]:
    return lambda g, u, p: {**g, name: (g[name] * factor).astype(g[name].dtype)}


def put(name: str, change: Callable[[Any], Any]) -> Callable[..., Arrays]:
    return lambda g, u, p: {**g, name: change(np.array(g[name]))}


def at(index: Any, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def change(g: Any) -> Any:
        g[index] = value(g[index])
        return g

    return change


def swapped(g: Any) -> Any:
    g[[0, 1]] = g[[1, 0]]
    return g


def scribbled(name: str) -> Callable[..., Arrays]:
    def spoil(g: Arrays, u: Any, p: Arrays) -> Arrays:
        p[name] *= 0.5
        return g

    return spoil


def scribbled_cotangent(g: Arrays, u: Any, p: Arrays) -> Arrays:
    u *= 2
    return g


BUGS: tuple[Bug, ...] = (
    Bug("sign", "dense", times("W", -1), ("W",)),
    Bug("sign everywhere", "loss", lambda g, u, p: {n: -v for n, v in g.items()}, ("y_hat", "y")),
    Bug("factor 2", "dense", times("b", 2), ("b",)),
    Bug("factor one half", "loss", times("y_hat", 0.5), ("y_hat",)),
    Bug("factor N", "loss", times("y_hat", 6), ("y_hat",)),
    Bug("factor 1/N", "dense", times("W", 1 / 5), ("W",)),
    Bug("one per mille", "dense", times("x", 1.001), ("x",)),
    Bug("one per cent", "softmax", times("x", 1.01), ("x",)),
    Bug("mean for sum", "dense", lambda g, u, p: {**g, "b": g["b"] / len(p["x"])}, ("b",)),
    Bug("sum for mean", "loss", lambda g, u, p: {n: v * 18 for n, v in g.items()}, ("y_hat", "y")),
    Bug("square transpose", "square", put("W", lambda g: g.T.copy()), ("W",)),
    Bug("transpose", "dense", put("W", lambda g: g.T.copy()), ("W",), "shape"),
    Bug(
        "x times W, not its transpose",
        "square",
        lambda g, u, p: {**g, "x": _z(u, p) @ p["W"]},
        ("x",),
    ),
    Bug("batch not reduced", "dense", lambda g, u, p: {**g, "b": _z(u, p)}, ("b",), "shape"),
    Bug(
        "reduced over the wrong axis", "square", lambda g, u, p: {**g, "b": _z(u, p).sum(1)}, ("b",)
    ),
    Bug(
        "reduced to a scalar", "dense", lambda g, u, p: {**g, "b": _z(u, p).sum()}, ("b",), "shape"
    ),
    Bug("axis kept", "dense", lambda g, u, p: {**g, "b": g["b"][None]}, ("b",), "shape"),
    Bug("derivative of tanh missing", "dense", lambda g, u, p: {**g, "W": p["x"].T @ u}, ("W",)),
    Bug("derivative of tanh of z", "dense", lambda g, u, p: _of_z(u, **p), ("x", "W", "b")),
    Bug(
        "derivative of tanh missing its square",
        "dense",
        lambda g, u, p: _unsquared(u, **p),
        ("x", "W", "b"),
    ),
    Bug("one dead row", "dense", put("W", at(2, lambda v: 0 * v)), ("W",)),
    Bug("one dead column", "dense", put("x", at((slice(None), -1), lambda v: 0 * v)), ("x",)),
    Bug("one dead entry", "dense", put("W", at((1, 2), lambda v: 0 * v)), ("W",)),
    Bug("one dead entry of 3500", "wide", put("W", at((33, 44), lambda v: 0 * v)), ("W",)),
    Bug("one doubled entry of 3500", "wide", put("W", at((7, 0), lambda v: 2 * v)), ("W",)),
    Bug("one entry one per cent off", "wide", put("W", at((69, 49), lambda v: 1.01 * v)), ("W",)),
    Bug("two rows swapped", "dense", put("W", swapped), ("W",)),
    Bug("rolled by one", "dense", put("b", lambda g: np.roll(g, 1)), ("b",)),
    Bug("reversed", "dense", put("b", lambda g: g[::-1].copy()), ("b",)),
    Bug(
        "last sample forgotten",
        "dense",
        lambda g, u, p: {**g, "W": p["x"][:-1].T @ _z(u, p)[:-1]},
        ("W",),
    ),
    Bug("operands swapped", "product", lambda g, u, p: {"a": g["b"], "b": g["a"]}, ("a", "b")),
    Bug("gradient of a for b", "product", lambda g, u, p: {"a": g["a"], "b": g["a"]}, ("b",)),
    Bug(
        "difference swapped",
        "loss",
        lambda g, u, p: {"y_hat": g["y"], "y": g["y_hat"]},
        ("y_hat", "y"),
    ),
    Bug("softmax diagonal only", "softmax", lambda g, u, p: {"x": u * _p(p) * (1 - _p(p))}, ("x",)),
    Bug("softmax sum missing", "softmax", lambda g, u, p: {"x": u * _p(p)}, ("x",)),
    Bug("wrong only for negative inputs", "leaky", lambda g, u, p: {"x": u * (p["x"] > 0)}, ("x",)),
    Bug("passed through", "leaky", lambda g, u, p: {"x": u.copy()}, ("x",)),
    Bug(
        "mask of the cotangent",
        "leaky",
        lambda g, u, p: {"x": np.where(u > 0, u, u / 10)},
        ("x",),
        also="nonlinear",
    ),
    Bug(
        "mean and variance constant",
        "layer_norm",
        lambda g, u, p: {**g, "x": _constant(u, **p)},
        ("x",),
    ),
    Bug(
        "gamma of x", "layer_norm", lambda g, u, p: {**g, "gamma": (u * p["x"]).sum(0)}, ("gamma",)
    ),
    Bug("clipped", "dense", put("W", lambda g: np.clip(g, -0.3, 0.3)), ("W",), also="nonlinear"),
    Bug("absolute", "softmax", put("x", np.abs), ("x",), also="nonlinear"),
    Bug(
        "weight decay",
        "dense",
        lambda g, u, p: {**g, "W": g["W"] + p["W"] / 100},
        ("W",),
        also="zero_cotangent",
    ),
    Bug(
        "cotangent ignored",
        "loss",
        lambda g, u, p: loss_vjp(np.ones_like(u), **p),
        ("y_hat", "y"),
        also="zero_cotangent",
    ),
    Bug(
        "not linear in the cotangent",
        "softmax",
        lambda g, u, p: softmax_vjp(np.sign(u), **p),
        ("x",),
        also="nonlinear",
    ),
    Bug("zero", "dense", times("W", 0), ("W",)),
    Bug("None", "dense", lambda g, u, p: {**g, "b": None}, ("b",), "missing"),
    Bug("left out", "dense", lambda g, u, p: {"x": g["x"], "W": g["W"]}, ("b",), "missing"),
    Bug("NaN", "dense", put("W", at((0, 0), lambda v: np.nan * v)), ("W",), "not_finite"),
    Bug("infinity", "dense", put("b", at(0, lambda v: np.inf)), ("b",), "not_finite"),
    Bug("half precision", "dense", put("W", lambda g: g.astype(np.float16)), ("W",), "dtype"),
    Bug("integers", "dense", put("b", lambda g: g.astype(int)), ("b",), "dtype"),
    Bug("unknown name", "dense", lambda g, u, p: {**g, "bias": g["b"]}, (), "extra"),
    Bug("a tuple for a mapping", "dense", lambda g, u, p: tuple(g.values()), (), "count"),
    Bug("input overwritten", "dense", scribbled("x"), ("x",), "input_mutated"),
    Bug("parameter overwritten", "dense", scribbled("W"), ("W",), "input_mutated"),
    Bug("cotangent overwritten", "dense", scribbled_cotangent, (), "cotangent_mutated"),
)


def _z(u: Any, p: Arrays) -> Any:
    return u * (1 - np.tanh(p["x"] @ p["W"] + p["b"]) ** 2)


def _p(p: Arrays) -> Any:
    return softmax(p["x"])


def _of_z(u: Any, x: Any, W: Any, b: Any) -> Arrays:
    z = u * (1 - (x @ W + b) ** 2)
    return {"x": z @ W.T, "W": x.T @ z, "b": z.sum(0)}


def _unsquared(u: Any, x: Any, W: Any, b: Any) -> Arrays:
    z = u * (1 - np.tanh(x @ W + b))
    return {"x": z @ W.T, "W": x.T @ z, "b": z.sum(0)}


def _constant(u: Any, x: Any, gamma: Any) -> Any:
    d = x - x.mean(-1, keepdims=True)
    return u * gamma / np.sqrt((d * d).mean(-1, keepdims=True))
