"""Wrong gradients by kind: those that the table of known mistakes has, and those that it has not.

Each row draws a right gradient with what its subject offers, and what somebody made of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.diagnosis import Evidence

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


@dataclass
class Setting:
    """A primal with its true gradient and what the subject offers."""

    true: Array
    quantities: dict[str, Array] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    cotangents: tuple[str, ...] = ()
    neighbours: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Planted:
    """One mistake: the kinds that name it rightly, where it happens, and what it does."""

    name: str
    kinds: tuple[str, ...]
    setting: Callable[[Rng], Setting]
    spoil: Callable[[Setting, Rng], Array]


def evidence(planted: Planted, seed: int, noise: float) -> Evidence | None:
    """Returns the evidence of a planted mistake, None where it drowns in the noise.

    The noise is relative to the mean |true|.
    """
    rng = np.random.default_rng(seed)
    setting = planted.setting(rng)
    claimed = np.asarray(planted.spoil(setting, rng), dtype=float)
    sigma = noise * float(np.mean(np.abs(setting.true)))
    if not np.any(np.abs(claimed - setting.true) > 16 * sigma):
        return None
    return Evidence(
        primal="x",
        claimed=claimed,
        true=setting.true + sigma * rng.normal(size=setting.true.shape),
        bar=np.full(claimed.shape, 4 * sigma),
        sigma=np.full(claimed.shape, sigma),
        seen=np.ones(claimed.shape, dtype=bool),
        quantities=setting.quantities,
        outputs=setting.outputs,
        cotangents=setting.cotangents,
        neighbours=setting.neighbours,
        parts=setting.parts,
    )


def size(rng: Rng) -> int:
    return int(rng.integers(4, 33))


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(x / 2))


def one_hot(labels: Array, x: Array) -> Array:
    return (labels[:, None] == np.arange(x.shape[1])) * 1.0


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def elementwise(f: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Any:
    def setting(rng: Rng) -> Setting:
        x, u = rng.normal(size=(2, size(rng), size(rng)))
        return Setting(u * slope(x), {"x": x, "y": f(x), "u": u}, ("y",), ("u",))

    return setting


tanh = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
logistic = elementwise(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)))
exponential = elementwise(np.exp, np.exp)
rectifier = elementwise(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0)
leaky = elementwise(lambda x: np.where(x > 0, x, x / 5), lambda x: np.where(x > 0, 1, 0.2))

softplus = elementwise(lambda x: np.logaddexp(0, x), sigmoid)


def logarithm(rng: Rng) -> Setting:
    u = rng.normal(size=(size(rng), size(rng)))
    x = rng.uniform(0.5, 3, size=u.shape)
    return Setting(u / x, {"x": x, "y": np.log(x), "u": u}, ("y",), ("u",))


def product(rng: Rng) -> Setting:
    x, b, u = rng.normal(size=(3, size(rng), size(rng)))
    neighbours = {"b": (u * x, u * x)}
    return Setting(u * b, {"x": x, "b": b, "y": x * b, "u": u}, ("y",), ("u",), neighbours)


def plain(rng: Rng) -> Setting:
    """A gradient of which nothing more is known."""
    n, m, k = size(rng), size(rng), size(rng)
    x = rng.normal(size=(n, m))
    return Setting(rng.normal(size=(n, m)), {"x": x, "W": rng.normal(size=(m, k))})


def square(rng: Rng) -> Setting:
    n = size(rng)
    return Setting(rng.normal(size=(n, n)), {"x": rng.normal(size=(n, n))})


def symmetric(rng: Rng) -> Setting:
    """A gradient that is the same on both sides of the diagonal."""
    s = square(rng)
    return Setting(s.true + s.true.T, s.quantities)


def even(rng: Rng) -> Setting:
    n, m = 4 * int(rng.integers(2, 9)), size(rng)
    return Setting(rng.normal(size=(n, m)), {"x": rng.normal(size=(n, m))})


def cube(rng: Rng) -> Setting:
    n = int(rng.integers(4, 9))
    return Setting(rng.normal(size=(n, n, n)), {"x": rng.normal(size=(n, n, n))})


def complex_numbers(rng: Rng) -> Setting:
    n, m = size(rng), size(rng)
    return Setting(rng.normal(size=(n, m, 2)), {"x": rng.normal(size=(n, m, 2))}, parts=(2,))


def dense(rng: Rng) -> Setting:
    """W of tanh(a @ W + b)."""
    batch, n, m = size(rng), size(rng), size(rng)
    a, x, b = rng.normal(size=(batch, n)), rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)
    u, y = rng.normal(size=(batch, m)), np.tanh(a @ x + b)
    quantities = {"a": a, "x": x, "b": b, "y": y, "u": u}
    return Setting(a.T @ (u * (1 - y * y)), quantities, ("y",), ("u",))


def bias(rng: Rng) -> Setting:
    """The bias of tanh(a @ W + b), with as many outputs as samples."""
    batch, n = size(rng), size(rng)
    a, W, x = rng.normal(size=(batch, n)), rng.normal(size=(n, batch)), rng.normal(size=batch)
    u, y = rng.normal(size=(batch, batch)), np.tanh(a @ W / np.sqrt(n) + x)
    quantities = {"a": a, "W": W / np.sqrt(n), "x": x, "y": y, "u": u}
    return Setting((u * (1 - y * y)).sum(0), quantities, ("y",), ("u",))


def network(rng: Rng) -> Setting:
    """The first weights of a network of two layers, with weight decay, and half a squared error."""
    n, a, h, k = 9, 4, 6, 3
    x, w2, y = rng.normal(size=(n, a)), rng.normal(size=(h, k)), rng.normal(size=(n, k))
    w1, b1 = 0.5 * rng.normal(size=(a, h)), rng.normal(size=h)
    z = x @ w1 + b1
    delta = (np.tanh(z) @ w2 - y) / n
    quantities = {"data": x, "x": w1, "b1": b1, "w2": w2, "y": y, "u": np.array(1.0)}
    true = x.T @ ((delta @ w2.T) * (1 - np.tanh(z) ** 2)) + 0.01 * w1
    return Setting(true, quantities, (), ("u",))


def without_slope(data: Array, x: Array, b1: Array, w2: Array, y: Array, u: Array) -> Array:
    delta = (np.tanh(data @ x + b1) @ w2 - y) / len(data)
    return data.T @ (delta @ w2.T) + 0.01 * x


def hidden(rng: Rng) -> Setting:
    """A gradient with a factor of z, whose other factor nobody knows."""
    x, z, u = rng.normal(size=(3, size(rng), size(rng)))
    return Setting(u * (1 + z * z), {"x": x, "z": z})


def untold_factor(q: dict[str, Array]) -> Array:
    return q["u"] * np.sin(3.7 * (q["a"] @ q["x"]))


def untold_dense(rng: Rng) -> Setting:
    """W of f(a @ W), f unlike all that is known."""
    batch, n, m = size(rng), size(rng), size(rng)
    a, x, u = rng.normal(size=(batch, n)), rng.normal(size=(n, m)), rng.normal(size=(batch, m))
    quantities = {"a": a, "x": x, "u": u}
    return Setting(a.T @ untold_factor(quantities), quantities, (), ("u",))


def classes(rng: Rng) -> Setting:
    x, u = rng.normal(size=(2, size(rng), size(rng)))
    y = softmax(x)
    true = y * (u - (u * y).sum(-1, keepdims=True))
    return Setting(true, {"x": x, "y": y, "u": u}, ("y",), ("u",))


def normalised(rng: Rng) -> Setting:
    x, u = 1 + rng.normal(size=(2, size(rng), size(rng)))
    d = x - x.mean(-1, keepdims=True)
    s = np.sqrt((d * d).mean(-1, keepdims=True) + 1e-3)
    h = d / s
    true = (u - u.mean(-1, keepdims=True) - h * (u * h).mean(-1, keepdims=True)) / s
    return Setting(true, {"x": x, "y": h, "u": u, "s": s[:, 0]}, ("y",), ("u",))


def unit(rng: Rng) -> Setting:
    """x of y = x / |x|, row by row."""
    x, u = rng.normal(size=(2, size(rng), size(rng)))
    s = np.sqrt((x * x).sum(-1, keepdims=True))
    y = x / s
    true = (u - y * (u * y).sum(-1, keepdims=True)) / s
    return Setting(true, {"x": x, "y": y, "u": u, "s": s[:, 0]}, ("y",), ("u",))


def reused(rng: Rng) -> Setting:
    """W of y = tanh(tanh(a @ W) @ W)."""
    batch, n = size(rng), size(rng)
    a, x = rng.normal(size=(batch, n)), rng.normal(size=(n, n)) / np.sqrt(n)
    h = np.tanh(a @ x)
    u, y = rng.normal(size=(batch, n)), np.tanh(h @ x)
    g = u * (1 - y * y)
    true = h.T @ g + a.T @ (g @ x.T * (1 - h * h))
    return Setting(true, {"a": a, "x": x, "h": h, "y": y, "u": u}, ("y",), ("u",))


def regression(rng: Rng) -> Setting:
    shape = (size(rng), size(rng))
    x, y = rng.uniform(0.05, 0.95, size=(2, *shape))
    true = (x - y) / shape[0]
    return Setting(true, {"x": x, "target": y, "u": np.array(1.0)}, (), ("u",))


def classification(rng: Rng) -> Setting:
    n, m = size(rng), size(rng)
    x, labels = rng.normal(size=(n, m)), rng.integers(0, m, n)
    true = (softmax(x) - one_hot(labels, x)) / n
    return Setting(true, {"x": x, "labels": labels, "u": np.array(1.7)}, (), ("u",))


def gathered(rng: Rng) -> Setting:
    """The rows of a table that are looked up, some more than once."""
    n, m = size(rng), size(rng)
    index = rng.integers(0, n, 2 * n)
    u = rng.normal(size=(2 * n, m))
    true = np.zeros((n, m))
    np.add.at(true, index, u)
    return Setting(true, {"x": rng.normal(size=(n, m)), "index": index, "u": u}, (), ("u",))


def dropped(rng: Rng) -> Setting:
    x, u = rng.normal(size=(2, size(rng), size(rng)))
    keep = (rng.random(x.shape) > 0.3) * 1.0
    return Setting(
        u * keep / 0.7,
        {"x": x, "y": x * keep / 0.7, "u": u, "keep": keep, "p": np.array(0.3)}, ("y",), ("u",),
    )  # fmt: skip


def of(change: Callable[[Array], Array]) -> Callable[[Setting, Rng], Array]:
    """A mistake that is a function of the true gradient alone."""
    return lambda s, rng: change(s.true.copy())


def made(change: Callable[..., Array]) -> Callable[[Setting, Rng], Array]:
    """A mistake that is a function of the quantities by name."""
    return lambda s, rng: change(**s.quantities)


def within(select: Callable[[Array, Rng], Any], value: Callable[[Array], Any]) -> Any:
    """A mistake in a part of the gradient."""

    def spoil(s: Setting, rng: Rng) -> Array:
        g, part = s.true.copy(), select(s.true, rng)
        g[part] = value(g[part])
        return g

    return spoil


def entry(g: Array, rng: Rng) -> Any:
    return tuple(int(rng.integers(n)) for n in g.shape)


def row(g: Array, rng: Rng) -> Any:
    return int(rng.integers(len(g)))


def column(g: Array, rng: Rng) -> Any:
    return slice(None), int(rng.integers(g.shape[1]))


def block(g: Array, rng: Rng) -> Any:
    (i, j), (k, n) = (rng.integers(0, m - 2) for m in g.shape), (2, 3)
    return slice(i, i + k), slice(j, j + n)


def stripe(g: Array, rng: Rng) -> Any:
    return slice(None, None, 2 + int(rng.integers(2)))


def border(g: Array, rng: Rng) -> Any:
    inside = np.zeros(g.shape, bool)
    inside[1:-1, 1:-1] = True
    return ~inside


def normed(g: Array) -> Array:
    return g / np.linalg.norm(g)


def bfloat16(g: Array) -> Array:
    mantissa, exponent = np.frexp(g)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def last_written(s: Setting, rng: Rng) -> Array:
    g = np.zeros_like(s.true)
    g[s.quantities["index"]] = s.quantities["u"]
    return g


def blocks_exchanged(g: Array) -> Array:
    return np.concatenate([g[len(g) // 2 :], g[: len(g) // 2]])


def rows_swapped(s: Setting, rng: Rng) -> Array:
    g = s.true.copy()
    i, j = rng.choice(len(g), 2, replace=False)
    g[[i, j]] = g[[j, i]]
    return g


FACTORS = ("known factor", "constant factor")
CHAIN = ("chain factor missing", "chain factor extra", "chain factor replaced", "passed on")
CHAIN += ("another derivative",)
PART = ("zeroed", "scaled", "mask missing", "constant part")

KINDS: tuple[Planted, ...] = (
    Planted("sign", ("sign",), plain, of(np.negative)),
    Planted("zero", ("zero",), plain, of(np.zeros_like)),
    Planted("twice", FACTORS[:1], plain, of(lambda g: 2 * g)),
    Planted("half", FACTORS[:1], plain, of(lambda g: g / 2)),
    Planted("N times", FACTORS[:1], plain, of(lambda g: g * len(g))),
    Planted("1/N", FACTORS[:1], plain, of(lambda g: g / len(g))),
    Planted("root N", FACTORS[:1], plain, of(lambda g: g * len(g) ** 0.5)),
    Planted("batch and features", FACTORS[:1], plain, of(lambda g: g / g.size)),
    Planted("free constant", FACTORS, plain, lambda s, rng: s.true * rng.uniform(1.1, 1.9)),
    Planted("factor of each row", ("factor of each slice", "chain factor extra"), plain,
            lambda s, rng: s.true * rng.uniform(1, 2, (len(s.true), 1))),
    Planted("square transpose", ("transposed",), square, of(np.transpose)),
    Planted("transposed, reshaped", ("reshaped in the wrong order",), plain,
            of(lambda g: g.T.reshape(g.shape))),
    Planted("one triangle doubled", ("symmetry",), symmetric, of(lambda g: 2 * np.tril(g, -1)
            + np.diag(np.diag(g)))),
    Planted("axes permuted", ("axes permuted",), cube, of(lambda g: g.transpose(2, 0, 1))),
    Planted("rows reversed", ("reversed",), plain, of(lambda g: g[::-1])),
    Planted("all reversed", ("reversed",), plain, of(lambda g: g[::-1, ::-1])),
    Planted("rolled", ("rolled",), plain, of(lambda g: np.roll(g, 1, 0))),
    Planted("off by one", ("off by one",), plain,
            of(lambda g: np.concatenate([0 * g[:1], g[:-1]]))),
    Planted("two rows swapped", ("slices swapped",), plain, rows_swapped),
    Planted("halves exchanged", ("blocks exchanged", "rolled"), even, of(blocks_exchanged)),
    Planted("summed and spread", ("reduced and spread",), plain, of(lambda g: g.sum(0) + 0 * g)),
    Planted("averaged and spread", ("reduced and spread",), plain,
            of(lambda g: g.mean(1, keepdims=True) + 0 * g)),
    Planted("constant", ("constant",), plain, lambda s, rng: 0 * s.true + rng.normal()),
    Planted("mean removed", ("mean removed", "mean term"), plain, of(lambda g: g - g.mean(0))),
    Planted("cumulated", ("cumulated",), plain, of(lambda g: np.cumsum(g, 0))),
    Planted("absolute", ("absolute",), plain, of(np.abs)),
    Planted("rectified", ("rectified",), plain, of(lambda g: np.maximum(g, 0))),
    Planted("clipped", ("clipped",), plain, of(lambda g: np.clip(g, -0.7, 0.7))),
    Planted("normalised", ("normalised",), plain, of(normed)),
    Planted("sign of it", ("signs only",), plain, of(np.sign)),
    Planted("rounded to bfloat16", ("rounded",), plain, of(bfloat16)),
    Planted("rounded to two decimals", ("rounded",), plain, of(lambda g: np.round(g, 2))),
    Planted("one entry zeroed", ("zeroed",), plain, within(entry, np.zeros_like)),
    Planted("one entry doubled", ("scaled",), plain, within(entry, lambda g: 2 * g)),
    Planted("row zeroed", ("zeroed",), plain, within(row, np.zeros_like)),
    Planted("column halved", ("scaled",), plain, within(column, lambda g: g / 2)),
    Planted("block negated", ("sign of a part",), plain, within(block, np.negative)),
    Planted("stripe zeroed", ("zeroed",), plain, within(stripe, np.zeros_like)),
    Planted("border zeroed", ("zeroed",), plain, within(border, np.zeros_like)),
    Planted("zero for negative inputs", ("zeroed",), leaky, made(lambda x, y, u: u * (x > 0))),
    Planted("negative slope forgotten", ("scaled", *CHAIN), leaky, made(lambda x, y, u: u)),
    Planted("mask of a rectifier missing", ("mask missing", *CHAIN), rectifier,
            made(lambda x, y, u: u)),
    Planted("mask inverted", ("mask inverted", "another derivative"), rectifier,
            made(lambda x, y, u: u * (x < 0))),
    Planted("dropout not rescaled", FACTORS[:1], dropped,
            made(lambda x, y, u, keep, p: u * keep)),
    Planted("dropout mask missing", ("mask missing",), dropped,
            made(lambda x, y, u, keep, p: u / 0.7)),
    Planted("derivative of tanh missing", CHAIN, tanh, made(lambda x, y, u: u)),
    Planted("derivative of tanh, its square missing", CHAIN, tanh,
            made(lambda x, y, u: u * (1 - y))),
    Planted("input for output in tanh", CHAIN, tanh, made(lambda x, y, u: u * (1 - x * x))),
    Planted("derivative of a sigmoid twice", CHAIN, logistic,
            made(lambda x, y, u: u * (y * (1 - y)) ** 2)),
    Planted("epsilon in the denominator", ("epsilon",), logarithm,
            made(lambda x, y, u: u / (x + 1e-3))),
    Planted("1 / x missing", CHAIN, logarithm, made(lambda x, y, u: u)),
    Planted("exp of the output", CHAIN, exponential, made(lambda x, y, u: u * x)),
    Planted("other operand missing", CHAIN, product, made(lambda x, b, y, u: u)),
    Planted("own operand for the other", ("of another primal", *CHAIN), product,
            made(lambda x, b, y, u: u * x)),
    Planted("weight decay too many", ("weight decay",), plain,
            lambda s, rng: s.true + 0.013 * s.quantities["x"]),
    Planted("weight decay forgotten", ("weight decay",), plain,
            lambda s, rng: s.true - rng.uniform(0.1, 0.5) * s.quantities["x"]),
    Planted("L1 penalty", ("L1 penalty",), plain,
            lambda s, rng: s.true + 0.05 * np.sign(s.quantities["x"])),
    Planted("constant added", ("term",), plain, lambda s, rng: s.true + 0.25),
    Planted("mean term missing", ("mean term",), normalised,
            lambda s, rng: s.true + (s.quantities["u"].mean(-1) / s.quantities["s"])[:, None]),
    Planted("variance term missing", ("projection term", "mean and variance terms"), normalised,
            made(lambda x, y, u, s: (u - u.mean(-1, keepdims=True)) / s[:, None])),
    Planted("norm's projection missing", ("projection term",), unit,
            lambda s, rng: s.quantities["u"] / s.quantities["s"][:, None]),
    Planted("a multiple of x for each row", ("term of each slice",), plain,
            lambda s, rng: s.true + rng.normal(size=(len(s.true), 1)) * s.quantities["x"]),
    Planted("a number for each row", ("term of each slice",), plain,
            lambda s, rng: s.true + rng.normal(size=(len(s.true), 1))),
    Planted("one use of a weight alone", ("part of the derivative",), reused,
            made(lambda a, x, h, y, u: h.T @ (u * (1 - y * y)))),
    Planted("both terms missing", ("mean and variance terms",), normalised,
            made(lambda x, y, u, s: u / s[:, None])),
    Planted("softmax's diagonal", ("softmax's Jacobian", "another derivative"), classes,
            made(lambda x, y, u: u * y * (1 - y))),
    Planted("softmax's sum missing", ("softmax's Jacobian", "another derivative"), classes,
            made(lambda x, y, u: u * y)),
    Planted("softmax's other axis", ("softmax's Jacobian",), classes,
            made(lambda x, y, u: y * (u - (u * y).sum(0)))),
    Planted("gradient of cross-entropy", ("another loss", *CHAIN), regression,
            made(lambda x, target, u: (x - target) / (x * (1 - x)) / len(x))),
    Planted("gradient of the absolute error", ("another loss",), regression,
            made(lambda x, target, u: np.sign(x - target) / len(x))),
    Planted("softmax forgotten", ("another loss", "term"), classification,
            made(lambda x, labels, u: (sigmoid(x) - one_hot(labels, x)) / len(x))),
    Planted("label never subtracted", ("scaled", "another derivative", "term", "sign of a part"),
            classification, made(lambda x, labels, u: softmax(x) / len(x))),
    Planted("cotangent forgotten", ("cotangent left out",), lambda rng: scaled(classification(rng)),
            lambda s, rng: s.true / 1.7),
    Planted("gradient of the other", ("of another primal", "swapped", *CHAIN), product,
            lambda s, rng: s.neighbours["b"][1]),
    Planted("swapped", ("swapped",), lambda rng: exchanged(product(rng)),
            lambda s, rng: s.neighbours["b"][1]),
    Planted("conjugated", ("conjugated",), complex_numbers, of(lambda g: g * np.array([1, -1]))),
    Planted("times i", ("rotated",), complex_numbers,
            of(lambda g: g[..., ::-1] * np.array([-1, 1]))),
    Planted("imaginary part dropped", ("zeroed",), complex_numbers,
            of(lambda g: g * np.array([1, 0]))),
    Planted("tanh's derivative missing under a sum", ("another product",), dense,
            made(lambda a, x, b, y, u: a.T @ u)),
    Planted("pre-activation under a sum", ("another product",), dense,
            made(lambda a, x, b, y, u: a.T @ (u * (1 - (a @ x + b) ** 2)))),
    Planted("slope of a hidden layer missing", ("chain factor in a network",), network,
            made(without_slope)),
    Planted("last sample left out", ("part of the sum", "samples left out"), dense,
            made(lambda a, x, b, y, u: a[:-1].T @ (u * (1 - y * y))[:-1])),
    Planted("bias of half of the samples", ("part of the sum",), bias,
            made(lambda a, W, x, y, u: (u * (1 - y * y))[: len(x) // 2].sum(0))),
    Planted("sign of all but a penalty", ("factor beside a term",), plain,
            lambda s, rng: 0.2 * s.quantities["x"] - s.true),
    Planted("a constant that differs", ("nearly right",), plain, of(lambda g: 1.0005 * g)),
    Planted("one factor for another", ("chain factor replaced",), hidden,
            lambda s, rng: s.true * s.quantities["x"] / (1 + s.quantities["z"] ** 2)),
    Planted("one for positive inputs", ("constant part",), plain,
            lambda s, rng: np.where(s.quantities["x"] > 0, 1.0, s.true)),
    Planted("linear too early", ("passed on in part",), softplus,
            made(lambda x, y, u: np.where(x > 0.7, u, u * sigmoid(x)))),
    Planted("summed, doubled and spread", ("reduced and scaled",), plain,
            of(lambda g: 2 * g.sum(0) + 0 * g)),
    Planted("last sample of an unknown function left out", ("samples left out",), untold_dense,
            lambda s, rng: s.quantities["a"][:-1].T @ untold_factor(s.quantities)[:-1]),
    Planted("bias summed over the wrong axis", ("another product",), bias,
            made(lambda a, W, x, y, u: (u * (1 - y * y)).sum(1))),
    Planted("duplicates not accumulated", ("duplicates not accumulated",), gathered, last_written),
)  # fmt: skip


def scaled(s: Setting) -> Setting:
    s.true = s.true * 1.7
    return s


def exchanged(s: Setting) -> Setting:
    s.neighbours = {"b": (s.true, s.neighbours["b"][1])}
    return s


def shuffled(g: Array, rng: Rng) -> Array:
    return rng.permutation(g.ravel()).reshape(g.shape)


def smoothed(g: Array) -> Array:
    return (np.roll(g, 1, 0) + g + np.roll(g, -1, 0)) / 3


def rotated(g: Array, rng: Rng) -> Array:
    q = np.linalg.qr(rng.normal(size=(len(g), len(g))))[0]
    return q @ g


def scattered(s: Setting, rng: Rng) -> Array:
    return s.true + rng.normal(size=s.true.shape) * (rng.random(s.true.shape) < 0.2)


ELSEWHERE: tuple[tuple[str, Callable[[Setting, Rng], Array]], ...] = (
    ("cube", of(lambda g: g**3)),
    ("square with sign", of(lambda g: g * np.abs(g))),
    ("square", of(lambda g: g * g)),
    ("root with sign", of(lambda g: np.sign(g) * np.sqrt(np.abs(g)))),
    ("sine", of(np.sin)),
    ("hyperbolic tangent", of(np.tanh)),
    ("arcsinh", of(np.arcsinh)),
    ("sinh", of(np.sinh)),
    ("exponential less one", of(np.expm1)),
    ("softsign", of(lambda g: g / (1 + np.abs(g)))),
    ("soft threshold", of(lambda g: np.sign(g) * np.maximum(np.abs(g) - 0.3, 0) + 0.01 * g**3)),
    ("entries permuted", lambda s, rng: shuffled(s.true, rng)),
    ("noise added", lambda s, rng: s.true + rng.normal(size=s.true.shape)),
    ("noise instead", lambda s, rng: rng.normal(size=s.true.shape)),
    ("random factors", lambda s, rng: s.true * rng.uniform(0.5, 2, s.true.shape)),
    ("random signs", lambda s, rng: s.true * rng.choice([-1.0, 1.0], s.true.shape)
     * rng.uniform(0.9, 1.1, s.true.shape)),
    ("a little noise", lambda s, rng: s.true * (1 + 0.05 * rng.normal(size=s.true.shape))),
    ("noise at some entries", scattered),
    ("smoothed", of(smoothed)),
    ("turned", lambda s, rng: rotated(s.true, rng)),
    ("sorted", of(lambda g: np.sort(g, 0))),
    ("sigmoid of it", of(sigmoid)),
    ("softmax of it", of(softmax)),
    ("whitened by a square", of(lambda g: g / (0.5 + g * g))),
    ("times its neighbour", of(lambda g: g * np.roll(g, 1, 1))),
    ("rows mixed", of(lambda g: g + 0.3 * g[::-1])),
    ("momentum", lambda s, rng: 0.9 * rng.normal(size=s.true.shape) + s.true),
    ("sine of the input added", lambda s, rng: s.true + np.sin(3 * s.quantities["x"])),
    ("odd power of the input", lambda s, rng: s.true * (1.3 + s.quantities["x"] ** 5)),
    ("cosine of a multiple", lambda s, rng: s.true * (2 + np.cos(2.7 * s.quantities["x"]))),
    ("a row of noise", within(row, lambda g: g + np.sin(37 * g) + 2)),
    ("squared, half of it", of(lambda g: np.where(g > 0.5, g * g + g, g))),
    ("second order", of(lambda g: g + 0.1 * (g @ g.T @ g))),
)  # fmt: skip
"""Mistakes of no kind that the table has."""

UNTOLD = tuple(Planted(name, ("unknown",), plain, spoil) for name, spoil in ELSEWHERE)
