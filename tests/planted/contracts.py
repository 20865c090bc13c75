"""Broken contracts, planted: gradients right where they are looked at, and wrong in their manners.

Each row of `BROKEN` says of which kinds the errors must be; each row of `KEPT` looks suspicious and
is right, so that no error may be found.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

X = np.random.default_rng(0).normal(size=(5, 4))
W = np.random.default_rng(1).normal(size=(4, 3))


@dataclass(frozen=True)
class Case:
    """A subject, made afresh for each check: some remember.

    Attributes:
        make: () -> (thing, its pullback or None).
        args: the point.
        errors: the kinds of the errors; or of the warnings, where nothing else is wrong.
        options: further options of the check.
    """

    make: Callable[[], tuple[Any, Any]]
    args: tuple[Any, ...]
    errors: frozenset[str] = frozenset()
    warnings: frozenset[str] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)


def case(thing: Any, vjp: Any, *args: Any, errors: str = "", warnings: str = "", **options: Any):
    kinds = (frozenset(errors.split()), frozenset(warnings.split()))
    return Case(lambda: (thing, vjp), args, *kinds, options)


def made(make: Callable[[], tuple[Any, Any]], *args: Any, errors: str = "", warnings: str = ""):
    return Case(make, args, frozenset(errors.split()), frozenset(warnings.split()))


def square(x: Any) -> Any:
    return x * x


def linear(x: Any, w: Any) -> Any:
    return x @ w


def linear_vjp(u: Any, x: Any, w: Any) -> Any:
    return u @ w.T, x.T @ u


def stale_global() -> tuple[Any, Any]:
    cache = {}

    def f(x):
        cache["x"] = x.copy()
        return x * x

    return f, lambda u, x: 2 * cache["x"] * u


def reused_activation() -> tuple[Any, None]:
    """The rule writes its activation to one buffer: the next forward overwrites what it needs."""
    buffer = np.zeros_like(X)

    def rule(x):
        np.tanh(x, out=buffer)
        return buffer.copy(), lambda u: u * (1 - buffer**2)

    return rule, None


def filled_once() -> tuple[Any, Any]:
    """The cache is filled by the first call, and never again."""
    cache: dict[str, Any] = {}

    def f(x):
        return np.sin(cache.setdefault("x", x.copy()) * 0 + x)

    return f, lambda u, x: u * np.cos(cache.setdefault("x", x.copy()))


def filled_once_by_a_layer() -> tuple[Any, Any]:
    """y = tanh(x W + b): the output is kept of the first call, the other gradients change."""
    cache: dict[str, Any] = {}

    def f(x, w, b):
        y = np.tanh(x @ w + b)
        cache.setdefault("y", y)
        return y

    def vjp(u, x, w, b):
        z_bar = u * (1 - cache["y"][: len(u)] ** 2)
        return z_bar @ w.T, x.T @ z_bar, z_bar.sum(0)

    return f, vjp


def worked_out() -> tuple[Any, Any]:
    """The slope was computed beforehand, of one primal; of the other it is a formula."""
    slope = 3 * X**2
    return lambda x, y: np.sum(x**3) + np.sum(y**2), lambda u, x, y: (u * slope, 2 * u * y)


def of_positive_numbers() -> tuple[Any, Any]:
    """Written for x > 0, where |x| is x."""
    return lambda x, y: np.abs(x) * y, lambda u, x, y: (u * y, u * x)


def tiring() -> tuple[Any, Any]:
    """The ninth call of the pullback, and each one after that, gives zeros."""
    calls: list[int] = []

    def vjp(u, x):
        calls.append(1)
        return 2 * x * u if len(calls) < 9 else 0 * x

    return square, vjp


class Adding:
    """The gradients of its parameters are added to what is there."""

    def __init__(self) -> None:
        self.W, self.dW = W, np.zeros_like(W)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, u):
        self.dW += self.x.T @ u
        return u @ self.W.T


class Resetting(Adding):
    def zero_grad(self):
        self.dW[...] = 0


def masked_anew() -> tuple[Any, Any]:
    """Dropout whose pullback draws a mask of its own."""

    def mask(x):
        return (np.random.random(x.shape) > 0.5) * 2.0  # noqa: NPY002

    return lambda x: x * mask(x), lambda u, x: u * mask(x)


def masked() -> tuple[Any, Any]:
    """Dropout whose pullback has the mask that the function drew last."""
    drawn: dict[str, Any] = {}

    def f(x):
        drawn["mask"] = (np.random.random(x.shape) > 0.5) * 2.0  # noqa: NPY002
        return x * drawn["mask"]

    return f, lambda u, x: u * drawn["mask"]


def memoised() -> tuple[Any, Any]:
    """A cache by content is right."""
    cache: dict[bytes, Any] = {}

    def f(x):
        return cache.setdefault(np.ascontiguousarray(x).tobytes(), x * x)

    return f, lambda u, x: 2 * x * u


def accumulating() -> tuple[Any, Any]:
    total = np.zeros_like(X)

    def vjp(u, x):
        nonlocal total
        total = total + 2 * x * u
        return total

    return square, vjp


def accumulating_in_place() -> tuple[Any, Any]:
    total = np.zeros_like(X)

    def vjp(u, x):
        np.add(total, 2 * x * u, out=total)
        return total

    return square, vjp


def one_buffer() -> tuple[Any, Any]:
    buffer = np.zeros_like(X)
    return square, lambda u, x: np.multiply(2 * x, u, out=buffer)


def dropout() -> tuple[Any, None]:
    def rule(x):
        mask = np.random.random(x.shape) < 0.5  # noqa: NPY002
        return x * mask, lambda u: u * mask

    return rule, None


def memory(a: Any) -> Any:
    """The entries in the order of memory, as code does that takes them for contiguous."""
    return a.ravel(order="K").reshape(a.shape)


def from_buffer(a: Any) -> Any:
    """The entries as a kernel reads them that is told the shape and not the strides."""
    flat = np.lib.stride_tricks.as_strided(
        a.reshape(-1)[:1] if a.flags.c_contiguous else a, a.shape
    )
    item, strides = a.itemsize, []
    for length in reversed(a.shape):
        strides.insert(0, item)
        item *= length
    return np.lib.stride_tricks.as_strided(flat, a.shape, strides).copy()


def squeezed(u: Any, x: Any, w: Any) -> Any:
    u, x = u.squeeze(), x.squeeze()
    return u @ w.T, np.atleast_2d(x).T @ np.atleast_2d(u)


def softmax(x: Any) -> Any:
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(u: Any, x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p * (u - (u * p).sum(-1, keepdims=True))


def table_vjp(u: Any, table: Any) -> Any:
    """Written for one table and one batch: its shapes are numbers."""
    found = np.zeros((5, 4))
    np.add.at(found, np.array([0, 1, 1, 4, 2])[: len(u)], u)
    return found


BROKEN: dict[str, Case] = {
    "the cache is a global": made(stale_global, X, errors="stale"),
    "a buffer of the rule is used again": made(reused_activation, X, errors="stale"),
    "a cache is filled once": made(filled_once, X, warnings="stale"),
    "the output of the first call is kept": made(
        filled_once_by_a_layer, X, W, np.ones(3), errors="stale"
    ),
    "the slope of one of two was worked out": made(worked_out, X, 1 + X, errors="stale"),
    "the pullback counts its calls": made(tiring, X, errors="stale"),
    "the pullback of dropout draws a mask of its own": made(masked_anew, X, errors="value"),
    "a layer adds to its gradients": case(Adding(), None, X, warnings="accumulates"),
    "accumulates": made(accumulating, X, errors="accumulates"),
    "accumulates in a buffer": made(accumulating_in_place, X, errors="accumulates"),
    "reads a cotangent in the order of memory": case(
        square, lambda u, x: 2 * x * memory(u), X, errors="layout"
    ),
    "reads a cotangent without its strides": case(
        square, lambda u, x: 2 * x * from_buffer(u), X, errors="layout"
    ),
    "refuses a cotangent that is not contiguous": case(
        square, lambda u, x: 2 * x * np.frombuffer(u).reshape(u.shape), X, errors="layout"
    ),
    "reads an input in the order of memory": case(
        lambda x: memory(x) ** 2, lambda u, x: 2 * memory(x) * u, X, errors="input_layout"
    ),
    "the pullback reads an input in the order of memory": case(
        square, lambda u, x: 2 * memory(x) * u, X, errors="input_layout"
    ),
    "clips": case(square, lambda u, x: np.clip(2 * x * u, -50, 50), X, errors="nonlinear"),
    "forgets small cotangents": case(
        square, lambda u, x: 2 * x * np.where(np.abs(u) < 0.1, 0, u), X, errors="nonlinear"
    ),
    "adds what is too small to be seen": case(
        square, lambda u, x: 2 * x * u + 1e-30, X, errors="zero_cotangent"
    ),
    "divides by the cotangent": case(
        square, lambda u, x: 2 * x * u * (u / u), X, errors="zero_cotangent"
    ),
    "returns its input": case(
        lambda x, w: np.sum(x * w),
        lambda u, x, w: (w, u * x),
        X,
        X,
        errors="aliased_input zero_cotangent value",
    ),
    "returns a view of its input": case(
        lambda x: np.sum(x * x) / 2,
        lambda u, x: x[...] if u == 1 else u * x,
        X,
        errors="aliased_input",
    ),
    "squeezes a batch of one": case(linear, squeezed, X, W, errors="batch_of_one"),
    "NaN for an empty batch": case(
        lambda x, b: x + b,
        lambda u, x, b: (u.copy(), u.mean(0) * len(u)),
        X,
        X[0],
        errors="empty_batch",
    ),
    "writes to its input": case(
        square, lambda u, x: np.multiply(x, 2 * u, out=x), X, errors="input_mutated aliased_input"
    ),
    "writes to a constant": case(
        lambda x, c: x * c,
        lambda u, x, c: (np.multiply(c, u, out=c).copy(), None),
        X,
        X + 3,
        errors="input_mutated",
        wrt=("x",),
    ),
    "overflows in float32": case(softmax, softmax_vjp, np.float32(X + 95), errors="overflow"),
    "a wider dtype": case(
        square, lambda u, x: 2.0 * x * u.astype(float), np.float32(X), errors="dtype"
    ),
    "a complex cotangent of a real primal": case(
        lambda x: np.abs(np.fft.fft(x)) ** 2,
        lambda u, x: 2 * np.fft.ifft(u * np.fft.fft(x)) * x.shape[-1],
        X,
        errors="dtype",
    ),
}

KEPT: dict[str, Case] = {
    "a pullback for positive numbers": made(of_positive_numbers, np.abs(X), np.abs(X[::-1])),
    "a cache by content": made(memoised, X),
    "dropout with the mask that was drawn": made(masked, X, warnings="random"),
    "a layer adds to gradients that it can reset": case(Resetting(), None, X),
    "one buffer for all answers": made(one_buffer, X, warnings="aliased"),
    "the cotangent for both": case(
        lambda a, b: a + b, lambda u, a, b: (u, u), X, X, warnings="aliased"
    ),
    "a broadcast view of the cotangent": case(
        lambda x: x.sum(1, keepdims=True),
        lambda u, x: np.broadcast_to(u, x.shape),
        X,
        warnings="aliased",
    ),
    "the same dropout mask": made(dropout, X, warnings="random"),
    "shapes that are numbers": case(lambda t: t[np.array([0, 1, 1, 4, 2])[: len(t)]], table_vjp, X),
    "a batch norm": case(
        lambda x: (x - x.mean(0)) / x.std(0),
        lambda u, x: (
            (u - u.mean(0) - (x - x.mean(0)) / x.var(0) * (u * (x - x.mean(0))).mean(0)) / x.std(0)
        ),
        X,
    ),
    "a cumulative sum": case(
        lambda x: np.cumsum(x * x, axis=0),
        lambda u, x: 2 * x * np.cumsum(u[::-1], axis=0)[::-1],
        X,
    ),
    "the inverse of a Hilbert matrix": case(
        np.linalg.inv,
        lambda u, a: -np.linalg.inv(a).T @ u @ np.linalg.inv(a).T,
        1 / (np.arange(4.0)[:, None] + np.arange(4.0) + 1),
    ),
    "a maximum with ties": case(
        lambda x: x.max(1),
        lambda u, x: (np.arange(4) == x.argmax(1)[:, None]) * u[:, None],
        np.round(X),
    ),
    "a saturated softmax": case(
        lambda x: softmax(x - x.max(-1, keepdims=True)), softmax_vjp, 1000 * X
    ),
    "a wider dtype in float16": case(
        square, lambda u, x: 2 * x * u.astype(float), np.float16(X), warnings="dtype"
    ),
    "a wider dtype by a wide constant": case(
        lambda x, c: x * c,
        lambda u, x, c: (u * c, None),
        np.float32(X),
        X,
        warnings="dtype",
        wrt=("x",),
    ),
    "a real cotangent of a complex primal": case(
        lambda z: z.real * 2, lambda u, z: 2 * u, X + 1j * X[::-1], warnings="dtype"
    ),
    "a pullback that refuses negative strides": case(
        square,
        lambda u, x: 2 * x * u if min(u.strides) >= 0 else np.frombuffer(u),
        X,
        warnings="layout",
    ),
    "a large gradient in float16": case(square, lambda u, x: 2 * x * u, np.float16(100 * X)),
}
