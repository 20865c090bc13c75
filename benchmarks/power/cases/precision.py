"""Data in half precision, functions that only know single precision, extreme scales and offsets."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import decades, draw, normal, uniform

try:
    import ml_dtypes  # noqa: F401  (registers bfloat16 with NumPy)

    HALF = ("float16", "bfloat16")
except ImportError:
    HALF = ("float16",)


def in_single(f: Callable[..., Any]) -> Callable[..., Any]:
    """Returns f computed in single precision and rounded to the dtype of its first argument."""

    def rounded(*args: Any, **inputs: Any) -> Any:
        named = {
            k: v.astype(np.float32) if v.dtype.kind not in "iu" else v for k, v in inputs.items()
        }
        dtype = next(iter(inputs.values())).dtype
        out = f(*(np.asarray(a, np.float32) for a in args), **named)
        if isinstance(out, dict):
            return {name: np.asarray(v).astype(inputs[name].dtype) for name, v in out.items()}
        return np.asarray(out).astype(dtype)

    return rounded


def dense(x, W, b):
    return np.tanh(x @ W + b)


def dense_vjp(g, x, W, b, *, slope=True) -> Arrays:
    z = g * (1 - np.tanh(x @ W + b) ** 2) if slope else g
    return {"x": z @ W.T, "W": x.T @ z, "b": z.sum(0)}


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(g, z) -> Arrays:
    p = softmax(z)
    return {"z": p * (g - (g * p).sum(-1, keepdims=True))}


def rms(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w


def rms_vjp(g, x, w) -> Arrays:
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    h = g * w
    return {"x": r * h - r**3 * x * (h * x).mean(-1, keepdims=True), "w": (g * x * r).sum(0)}


def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_vjp(g, x) -> Arrays:
    t = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return {
        "x": g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608 * (1 + 0.134145 * x * x))
    }


def _halved(dtype: str) -> tuple[Family, ...]:
    """Returns families whose data, function and gradients are in this precision."""

    def family(name, at, f, vjp, diff, bugs=(), rights=()) -> Family:
        half = tuple(
            Bug(b.name, b.diagnosis, in_single(b.wrong), b.on, b.kind, b.source, b.tags)
            for b in bugs
        )
        return Family(
            f"{name}_{dtype}",
            at,
            in_single(f),
            in_single(vjp),
            diff,
            half,
            rights,
            f,
            dtype,
            "half",
        )

    rows = {
        "float16": (Right("saturated", draw(z=normal(6, 8, scale=8)), dtype=dtype),),
        "bfloat16": (Right("saturated", draw(z=normal(6, 8, scale=6)), dtype=dtype),),
    }
    return (
        family(
            "dense",
            draw(x=(16, 12), W=normal(12, 10, scale=0.3), b=(10,)),
            dense,
            dense_vjp,
            "x W b",
            (
                Bug(
                    "bias_mean",
                    "mean for sum",
                    lambda g, x, W, b: {"b": dense_vjp(g, x, W, b)["b"] / len(x)},
                ),
                Bug(
                    "slope_left_out",
                    "missing activation",
                    lambda g, x, W, b: dense_vjp(g, x, W, b, slope=False),
                ),
                Bug("sign", "sign", lambda g, x, W, b: {"W": -dense_vjp(g, x, W, b)["W"]}),
                Bug("half", "factor", lambda g, x, W, b: {"x": dense_vjp(g, x, W, b)["x"] / 2}),
            ),
        ),
        family(
            "softmax",
            draw(z=(6, 8)),
            softmax,
            softmax_vjp,
            "z",
            (Bug("cross_term", "missing term", lambda g, z: {"z": g * softmax(z)}),),
            rows[dtype],
        ),
        family(
            "rms_norm",
            draw(x=(8, 16), w=(16,)),
            rms,
            rms_vjp,
            "x w",
            (
                Bug(
                    "cross_term_sign",
                    "sign",
                    lambda g, x, w: {"x": 2 * g * w - rms_vjp(g, x, w)["x"]},
                ),
                Bug(
                    "weights_swapped",
                    "swapped",
                    lambda g, x, w: {"w": np.roll(rms_vjp(g, x, w)["w"], 1)},
                ),
            ),
        ),
        family(
            "gelu",
            draw(x=normal(200)),
            gelu,
            gelu_vjp,
            "x",
            (
                Bug(
                    "product_rule",
                    "missing term",
                    lambda g, x: {"x": g * 0.5 * (1 + np.tanh(0.8 * x))},
                ),
                Bug(
                    "overflows",
                    "not finite",
                    lambda g, x: {"x": gelu_vjp(g, x)["x"] * np.where(np.abs(x) > 2, np.inf, 1)},
                ),
            ),
        ),
        family(
            "relu",
            draw(x=normal(100)),
            lambda x: np.maximum(x, 0),
            lambda g, x: {"x": g * (x > 0)},
            "x",
            (Bug("leaks", "missing term", lambda g, x: {"x": g * np.where(x > 0, 1, 0.3)}),),
        ),
    )


# --------------------------------------------------------------------------- single precision only
def single(x, W):
    """Whatever comes in, float32 comes out."""
    return np.tanh(x.astype(np.float32) @ W.astype(np.float32))


def single_vjp(g, x, W) -> Arrays:
    x, W = x.astype(np.float32), W.astype(np.float32)
    z = (g * (1 - np.tanh(x @ W) ** 2)).astype(np.float32)
    return {"x": z @ W.T, "W": x.T @ z}


SINGLE = Family(
    "single_precision_only",
    draw(x=(8, 6), W=normal(6, 5, scale=0.4)),
    single,
    single_vjp,
    "x W",
    (
        Bug("transposed", "transpose", lambda g, x, W: {"W": single_vjp(g[:6, :5], x[:6], W)["W"]}),
        Bug(
            "one_percent",
            "factor",
            lambda g, x, W: {"W": np.float32(1.01) * single_vjp(g, x, W)["W"]},
        ),
        Bug("sign", "sign", lambda g, x, W: {"x": -single_vjp(g, x, W)["x"]}),
    ),
    (
        Right(
            "medium", draw(x=(40, 60), W=normal(60, 50, scale=0.1)), dtype="float32", tags="large"
        ),
        Right(
            "sum_of_many",
            draw(x=(2000, 10), W=normal(10, 3, scale=0.3)),
            dtype="float32",
            tags="large",
        ),
    ),
    lambda x, W: np.tanh(x @ W),
    "float32",
    "single",
)

HALF_INSIDE = Family(
    "mixed_precision_product",
    draw(x=(8, 16), W=(16, 6)),
    lambda x, W: x.astype(np.float16).astype(x.dtype) @ W.astype(np.float16).astype(W.dtype),
    lambda g, x, W: {
        "x": g @ W.astype(np.float16).astype(W.dtype).T,
        "W": x.astype(np.float16).astype(x.dtype).T @ g,
    },
    "x W",
    (
        Bug("sign", "sign", lambda g, x, W: {"W": -(x.T @ g)}),
        Bug("half", "factor", lambda g, x, W: {"x": g @ W.T / 2}, source="BVLC/caffe#6814"),
        Bug("rows_reversed", "flipped", lambda g, x, W: {"x": g @ W[::-1].T}),
    ),
    (
        Right(
            "residual",
            forward=lambda x, W: x[:, :6] + (x @ W).astype(np.float16).astype(x.dtype),
            backward=lambda g, x, W: {"x": g @ W.T + np.pad(g, ((0, 0), (0, 10))), "W": x.T @ g},
            reference=lambda x, W: x[:, :6] + x @ W,
            tags="rounded",
        ),
        Right(
            "rounded_output",
            forward=lambda x, W: (x @ W).astype(np.float16).astype(x.dtype),
            backward=lambda g, x, W: {"x": g @ W.T, "W": x.T @ g},
            reference=lambda x, W: x @ W,
            tags="rounded",
        ),
    ),
    lambda x, W: x @ W,
    tags="rounded",
)


# ------------------------------------------------------------------------------ scales and offsets
def scaled(name: str, factor: float) -> Family:
    """Returns a smooth function whose values and gradients have this scale."""

    def vjp(g, x, *, wrong=1.0) -> Arrays:
        return {"x": (g * (factor * wrong) * np.cos(x)).astype(x.dtype)}

    return Family(
        f"sine_times_{name}",
        draw(x=(9,)),
        lambda x: (factor * np.sin(x)).astype(x.dtype),
        vjp,
        "x",
        (
            Bug("sign", "sign", lambda g, x: vjp(g, x, wrong=-1.0), tags="scale"),
            Bug("seven_times_and_sign", "factor", lambda g, x: vjp(g, x, wrong=-7.0), tags="scale"),
            Bug("zero", "zero gradient", lambda g, x: {"x": np.zeros_like(x)}, tags="scale"),
        ),
        tags="scale",
    )


OFFSETS = Family(
    "large_offset",
    draw(x=(8,)),
    lambda x: 1e9 + np.sum(np.sin(x)),
    lambda g, x: {"x": g * np.cos(x)},
    "x",
    (
        Bug("sign", "sign", lambda g, x: {"x": -g * np.cos(x)}),
        Bug("ten_percent", "factor", lambda g, x: {"x": 1.1 * g * np.cos(x)}),
        Bug(
            "stopped",
            "zero gradient",
            lambda g, x: {"x": np.zeros_like(x)},
            source="climate-analytics-lab/jax-gcm#820",
        ),
    ),
    reference=lambda x: np.sum(np.sin(x)),
    tags="offset float64",
)

SLOW = Family(
    "slowly_varying_at_1e8",
    draw(x=uniform(6, low=0.5e8, high=3e8)),
    lambda x: 1e8 * np.sin(x / 1e8),
    lambda g, x: {"x": g * np.cos(x / 1e8)},
    "x",
    (
        Bug("chain_rule", "factor", lambda g, x: {"x": g * 1e8 * np.cos(x / 1e8)}),
        Bug("sign", "sign", lambda g, x: {"x": -g * np.cos(x / 1e8)}),
    ),
    tags="scale",
)

FAST = Family(
    "fast_at_1e-8",
    draw(x=normal(6, scale=1e-8)),
    lambda x: np.sin(1e8 * x),
    lambda g, x: {"x": g * x.dtype.type(1e8) * np.cos(1e8 * x)},
    "x",
    (
        Bug("chain_rule", "factor", lambda g, x: {"x": g * np.cos(1e8 * x)}),
        Bug("sign", "sign", lambda g, x: {"x": -g * x.dtype.type(1e8) * np.cos(1e8 * x)}),
    ),
    tags="scale",
)

MIXED = Family(
    "parameters_of_unlike_scale",
    draw(x=(10,), a=normal(3, scale=1e-6, shift=1e-6), c=normal(3, scale=1e5)),
    lambda x, a, c: np.sum((a[:, None] * 1e6 * np.sin(x) + c[:, None] * 1e-5 * np.cos(x)) ** 2),
    lambda g, x, a, c: _mixed(g, x, a, c),
    "x a c",
    (
        Bug("large_one_zero", "zero gradient", lambda g, x, a, c: {"c": np.zeros_like(c)}),
        Bug("large_one_sign", "sign", lambda g, x, a, c: {"c": -_mixed(g, x, a, c)["c"]}),
        Bug(
            "small_one_half",
            "missing factor 2",
            lambda g, x, a, c: {"a": _mixed(g, x, a, c)["a"] / 2},
        ),
    ),
    tags="decades",
)


def _mixed(g, x, a, c) -> Arrays:
    y = 2 * g * (a[:, None] * 1e6 * np.sin(x) + c[:, None] * 1e-5 * np.cos(x))
    dx = y * (a[:, None] * 1e6 * np.cos(x) - c[:, None] * 1e-5 * np.sin(x))
    return {"x": dx.sum(0), "a": 1e6 * y @ np.sin(x), "c": 1e-5 * y @ np.cos(x)}


SQUARES = Family(
    "sum_of_squares_over_decades",
    draw(x=decades(30)),
    lambda x: 0.5 * x * x,
    lambda g, x: {"x": g * x},
    "x",
    (
        Bug(
            "small_entries_dead",
            "zeroed block",
            lambda g, x: {"x": g * np.where(np.abs(x) < 1e-3, 0, x)},
        ),
        Bug(
            "small_entries_flipped", "sign", lambda g, x: {"x": g * np.where(np.abs(x) < 1, -x, x)}
        ),
        Bug(
            "small_entries_doubled",
            "factor",
            lambda g, x: {"x": g * np.where(np.abs(x) < 1e-5, 2 * x, x)},
        ),
    ),
    tags="decades",
)

FAMILIES = (
    *(family for dtype in HALF for family in _halved(dtype)),
    SINGLE,
    HALF_INSIDE,
    scaled("1e-12", 1e-12),
    scaled("1e-7", 1e-7),
    scaled("1e9", 1e9),
    OFFSETS,
    SLOW,
    FAST,
    MIXED,
    SQUARES,
)
