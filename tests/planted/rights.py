"""Right gradients that are hard to pass: scale, saturation, offsets, kinks, domain edges, layout.

`RIGHTS` may never be accused, in either precision, at any seed; those that are not in
`MAY_BE_UNDECIDED` must pass at the seeds that are tried.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from planted.bugs import Right, softmax, softmax_vjp


def entrywise(f: Callable[[Any], Any], slope: Callable[[Any], Any], draw: Callable) -> Right:
    return Right(draw, lambda x: f(x), lambda u, x: {"x": (u * slope(x)).astype(x.dtype)})


def drawn(values: Callable[[np.random.Generator], Any]) -> Callable[..., dict[str, Any]]:
    return lambda rng, dtype: {"x": np.asarray(values(rng)).astype(dtype)}


def usual(size: int = 20, scale: float = 1.0, offset: float = 0.0) -> Callable:
    return drawn(lambda rng: rng.normal(size=size) * scale + offset)


def spread(low: float, high: float, size: int = 15) -> Callable:
    return drawn(lambda rng: 10.0 ** rng.uniform(low, high, size=size))


def of(dtype_like: Any, value: float) -> Any:
    return dtype_like.dtype.type(value)


def summed(factor: float, offset: float) -> Right:
    return Right(
        usual(),
        lambda x: of(x, factor) * np.sum(np.sin(x)) + of(x, offset),
        lambda u, x: {"x": u * of(x, factor) * np.cos(x)},
    )


def sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def step(x: Any) -> Any:
    return (x > 0).astype(x.dtype)


def log_sum_exp(x: Any) -> Any:
    m = x.max(-1, keepdims=True)
    return (m + np.log(np.exp(x - m).sum(-1, keepdims=True)))[..., 0]


def layer_norm(x: Any) -> Any:
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + of(x, 1e-5))


def layer_norm_vjp(u: Any, x: Any) -> dict[str, Any]:
    d = x - x.mean(-1, keepdims=True)
    s = np.sqrt((d * d).mean(-1, keepdims=True) + of(x, 1e-5))
    h = d / s
    return {"x": (u - u.mean(-1, keepdims=True) - h * (u * h).mean(-1, keepdims=True)) / s}


def mlp(act: Callable, slope: Callable, *sizes: int, batch: int) -> Right:
    pairs = list(pairwise(sizes))

    def draw(rng: np.random.Generator, dtype: Any) -> dict[str, Any]:
        weights = {f"W{i}": rng.normal(size=s) / np.sqrt(s[0]) for i, s in enumerate(pairs)}
        arrays = {"x": rng.normal(size=(batch, sizes[0])), **weights}
        return {name: a.astype(dtype) for name, a in arrays.items()}

    def forward(x: Any, **W: Any) -> list[Any]:
        zs = [x]
        for i in range(len(pairs)):
            zs.append((act(zs[-1]) if i else zs[-1]) @ W[f"W{i}"])
        return zs

    def vjp(u: Any, x: Any, **W: Any) -> dict[str, Any]:
        zs = forward(x, **W)
        g, found = u * zs[-1], {}
        for i in reversed(range(len(pairs))):
            found[f"W{i}"] = (act(zs[i]) if i else zs[i]).T @ g
            g = g @ W[f"W{i}"].T
            g = g * slope(zs[i]) if i else g
        return {"x": g, **found}

    return Right(draw, lambda **p: np.sum(forward(**p)[-1] ** 2) / 2, vjp)


def linear(x: Any, W: Any) -> Any:
    return x @ W


def linear_vjp(u: Any, x: Any, W: Any) -> dict[str, Any]:
    return {"x": u @ W.T, "W": x.T @ u}


def strided(rng: np.random.Generator, dtype: Any) -> dict[str, Any]:
    return {
        "x": rng.normal(size=(8, 10)).astype(dtype)[::2, ::-2],
        "W": np.asfortranarray(rng.normal(size=(5, 3)).astype(dtype)),
    }


def shaped(*shape: int) -> Callable:
    return drawn(lambda rng: rng.normal(size=shape))


def scaled_sine(scale: float) -> tuple[Callable, Callable]:
    return (
        lambda x: np.sin(x / of(x, scale)),
        lambda x: np.cos(x / of(x, scale)) / of(x, scale),
    )


def at_zero(rng: np.random.Generator) -> Any:
    return np.concatenate([rng.normal(size=10), np.zeros(5)])


BUFFERS = {name: np.zeros(12, name) for name in ("float64", "float32")}

RIGHTS: dict[str, Right] = {
    **{f"input of {s:g}": entrywise(*scaled_sine(s), usual(scale=s)) for s in (1e-12, 1e-6, 1e12)},
    **{f"gradient of {s:g}": summed(s, 0.0) for s in (1e-12, 1e-6, 1e12)},
    **{f"offset of {s:g}": summed(1.0, s) for s in (1e3, 1e6, 1e9)},
    "tiny inputs": entrywise(np.sin, np.cos, usual(scale=1e-12)),
    "shifted inputs": entrywise(np.sin, np.cos, usual(offset=1e3)),
    "tiny bias": Right(
        lambda rng, dtype: {
            "x": rng.normal(size=(5, 4)).astype(dtype),
            "b": (1e-12 * rng.normal(size=4)).astype(dtype),
        },
        lambda x, b: np.tanh(x + b),
        lambda u, x, b: {
            "x": u * (1 - np.tanh(x + b) ** 2),
            "b": (u * (1 - np.tanh(x + b) ** 2)).sum(0),
        },
    ),
    "saturated sigmoid": entrywise(
        sigmoid,
        lambda x: sigmoid(x) * sigmoid(-x),
        drawn(lambda rng: np.concatenate([30 * rng.normal(size=9), [700, -700, 40, -40]])),
    ),
    "sigmoid saturated everywhere": entrywise(
        sigmoid, lambda x: sigmoid(x) * sigmoid(-x), drawn(lambda rng: [800.0, 700.0, -800.0])
    ),
    **{
        f"softmax of {s}": Right(
            drawn(lambda rng, s=s: s * rng.normal(size=(4, 5))), softmax, softmax_vjp
        )
        for s in (1, 30, 300, 1000)
    },
    "softmax of one class": Right(shaped(4, 1), softmax, softmax_vjp),
    "log-sum-exp of a thousand": Right(
        drawn(lambda rng: 300 * rng.normal(size=(4, 5)) + 1000),
        log_sum_exp,
        lambda u, x: {"x": u[:, None] * softmax(x)},
    ),
    "logarithm": entrywise(np.log, lambda x: 1 / x, spread(-8, 2)),
    "square root": entrywise(np.sqrt, lambda x: 0.5 / np.sqrt(x), spread(-8, 2)),
    "sum of square roots": Right(
        spread(-8, 8), lambda x: np.sqrt(x).sum(), lambda u, x: {"x": u * of(x, 0.5) / np.sqrt(x)}
    ),
    "x log x": entrywise(lambda x: x * np.log(x), lambda x: 1 + np.log(x), spread(-8, 0)),
    "arccosine": entrywise(
        np.arccos,
        lambda x: -1 / np.sqrt(1 - x * x),
        drawn(lambda rng: np.append(rng.uniform(-0.9, 0.9, size=8), [0.999, -0.9999])),
    ),
    "exponential": entrywise(np.exp, np.exp, usual(scale=20)),
    "fast oscillation": entrywise(
        lambda x: np.sin(x * of(x, 1000)), lambda x: of(x, 1000) * np.cos(x * of(x, 1000)), usual()
    ),
    "wide range": entrywise(np.square, lambda x: 2 * x, spread(-8, 8)),
    "rectifier": entrywise(relu, step, usual(200)),
    "rectifier at zero, slope 0": entrywise(relu, step, drawn(at_zero)),
    "rectifier at zero, slope 1": entrywise(
        relu, lambda x: (x >= 0).astype(x.dtype), drawn(at_zero)
    ),
    "rectifier, all zero": entrywise(relu, step, drawn(lambda rng: np.zeros(6))),
    "rectifier, all dead": entrywise(relu, step, drawn(lambda rng: -1 - rng.random(6))),
    "rectifier near zero": entrywise(
        relu,
        step,
        drawn(lambda rng: np.append(rng.normal(size=10), [1e-7, -1e-7, 3e-8, -2e-9, 1e-4, -1e-2])),
    ),
    "absolute value at zero": entrywise(np.abs, np.sign, drawn(at_zero)),
    "clip": entrywise(
        lambda x: np.clip(x, -0.5, 0.5), lambda x: (np.abs(x) < 0.5).astype(x.dtype), usual(60)
    ),
    "median of a three-way tie": Right(
        drawn(lambda rng: [1.0, 1.0, 1.0, 0.0, 2.0]),
        lambda x: np.median(x),
        lambda u, x: {"x": u * np.array([0, 1, 0, 0, 0], dtype=x.dtype)},
    ),
    "sorting of ties": Right(
        drawn(lambda rng: np.round(2 * rng.normal(size=12))),
        lambda x: np.sort(x),
        lambda u, x: {"x": u[np.argsort(np.argsort(x, kind="stable"), kind="stable")]},
    ),
    "row maximum": Right(
        shaped(6, 5),
        lambda x: x.max(1),
        lambda u, x: {"x": u[:, None] * (x == x.max(1, keepdims=True))},
    ),
    "narrow rectifier network": mlp(relu, step, 6, 16, 16, 3, batch=8),
    "wide rectifier network": mlp(relu, step, 6, 64, 64, 3, batch=16),
    "tanh network": mlp(np.tanh, lambda z: 1 - np.tanh(z) ** 2, 6, 30, 20, 3, batch=8),
    "batch of one": mlp(np.tanh, lambda z: 1 - np.tanh(z) ** 2, 4, 5, 3, batch=1),
    "empty batch": Right(
        lambda rng, dtype: {
            "x": np.zeros((0, 4), dtype),
            "W": rng.normal(size=(4, 3)).astype(dtype),
        },
        linear,
        linear_vjp,
    ),
    "strided inputs": Right(strided, linear, linear_vjp),
    **{
        f"layer norm of an offset of {o:g}": Right(
            drawn(lambda rng, o=o: rng.normal(size=(5, 7)) + o), layer_norm, layer_norm_vjp
        )
        for o in (0, 30, 1000)
    },
    "stationary point": Right(
        drawn(lambda rng: np.zeros(5)), lambda x: np.sum(x * x), lambda u, x: {"x": 2 * u * x}
    ),
    "unused primal": Right(
        lambda rng, dtype: {n: rng.normal(size=4).astype(dtype) for n in ("x", "z")},
        lambda x, z: np.sin(x),
        lambda u, x, z: {"x": u * np.cos(x), "z": np.zeros_like(z)},
    ),
    "sum of a softmax": Right(
        shaped(4, 5), lambda x: softmax(x).sum(), lambda u, x: softmax_vjp(u * np.ones_like(x), x)
    ),
    "piecewise constant": entrywise(lambda x: np.floor(3 * x), np.zeros_like, usual()),
    "reused buffer": Right(
        drawn(lambda rng: rng.normal(size=12)),
        lambda x: np.sin(x, out=BUFFERS[x.dtype.name]),
        lambda u, x: {"x": u * np.cos(x)},
    ),
    "reciprocal over sixteen decades": entrywise(
        lambda x: 1 / x,
        lambda x: -1 / (x * x),
        drawn(lambda rng: rng.normal(size=8) * 10.0 ** rng.uniform(-8, 8, size=8)),
    ),
    "mean of absolute values, in float32 only": Right(
        drawn(lambda rng: rng.normal(size=1600)),
        lambda x: np.abs(x.astype(np.float32)).mean(),
        lambda u, x: {"x": (u * np.sign(x) / x.size).astype(x.dtype)},
    ),
    "computed in float32": entrywise(
        lambda x: np.sin(x.astype(np.float32)).astype(x.dtype), np.cos, usual()
    ),
}

MAY_BE_UNDECIDED = {
    "sum of a softmax",  # constant up to rounding: no probe could fail
    "mean of absolute values, in float32 only",  # kinks that no step of float32 passes
    "computed in float32",  # half of its digits are noise
    "piecewise constant",  # a jump may lie within the smallest useful step
}
