"""Elementwise functions: a function, its slope, and wrong slopes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Draw, Family, Right
from benchmarks.power.draws import away, decades, draw, joined, literal, normal, quantised, uniform

Slope = Callable[[Any], Any]


def pulled(slope: Slope) -> Callable[..., Arrays]:
    """Returns the pullback of an elementwise function with this slope."""
    return lambda g, x: {"x": g * slope(x).astype(x.dtype)}


def wrong(name: str, diagnosis: str, slope: Slope, **options: Any) -> Bug:
    """Returns the bug of a wrong slope."""
    return Bug(name, diagnosis, pulled(slope), **options)


def elementwise(
    name: str,
    at: Draw,
    f: Slope,
    slope: Slope,
    bugs: tuple[Bug, ...],
    rights: tuple[Right, ...] = (),
) -> Family:
    """Returns the family of an elementwise function."""
    return Family(name, at, lambda x: f(x).astype(x.dtype), pulled(slope), "x", bugs, rights)


def logistic(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def _overflowing_logistic(x):
    with np.errstate(all="ignore"):
        e = np.exp(-x)
        return e / (1 + e) ** 2


SIGMOID = elementwise(
    "sigmoid",
    draw(x=normal(40, scale=1.5)),
    logistic,
    lambda x: logistic(x) * (1 - logistic(x)),
    (
        wrong("plus", "sign", lambda x: logistic(x) * (1 + logistic(x))),
        wrong("of_z", "wrong activation", lambda x: x * (1 - x)),
        wrong("left_out", "missing activation", np.ones_like),
        wrong("quarter_everywhere", "constant slope", lambda x: np.full_like(x, 0.25)),
        wrong(
            "overflows",
            "not finite",
            _overflowing_logistic,
            on="far_float32",
            source="jax-ml/jax#764",
        ),
        wrong(
            "flushed_beyond_4",
            "zeroed block",
            lambda x: np.where(np.abs(x) > 4, 0, logistic(x) * (1 - logistic(x))),
            on="large",
        ),
    ),
    (
        Right(
            "saturated",
            draw(x=joined(normal(20), literal(-40, -20, 25, 36, 700, -700))),
            tags="saturated",
        ),
        Right(
            "far_float32",
            draw(x=joined(normal(20), literal(-60, -95, 60))),
            dtype="float32",
            tags="saturated",
        ),
        Right("large", draw(x=normal(100_000, scale=2.5)), tags="large"),
    ),
)


def _overflowing_tanh(x):
    with np.errstate(all="ignore"):
        e = np.exp(2 * x)
        return 4 * e / (e + 1) ** 2


TANH = elementwise(
    "tanh",
    draw(x=normal(40, scale=0.8)),
    np.tanh,
    lambda x: 1 - np.tanh(x) ** 2,
    (
        wrong("of_z", "wrong activation", lambda x: 1 - x * x),
        wrong("unsquared", "wrong activation", lambda x: 1 - np.tanh(x)),
        wrong("sign", "sign", lambda x: np.tanh(x) ** 2 - 1),
        wrong("half_per_mille", "factor", lambda x: (1 - np.tanh(x) ** 2) * 1.0005, tags="subtle"),
        wrong(
            "overflows", "not finite", _overflowing_tanh, on="far_float32", source="jax-ml/jax#764"
        ),
        Bug(
            "swapped_entries",
            "swapped",
            lambda g, x: {"x": _swapped(g * (1 - np.tanh(x) ** 2), 31, 77_777)},
            on="large",
        ),
        Bug(
            "one_doubled",
            "one entry",
            lambda g, x: {"x": _scaled(g * (1 - np.tanh(x) ** 2), 54_321, 2)},
            on="large",
        ),
    ),
    (
        Right("large", draw(x=normal(100_000)), tags="large"),
        Right(
            "far_float32",
            draw(x=joined(normal(20), literal(20, 45, 190))),
            dtype="float32",
            tags="saturated",
        ),
        Right("wide_range", draw(x=decades(60, low=-8, high=1)), tags="decades"),
        Right(
            "float16_inside",
            tags="rounded",
            forward=lambda x: np.tanh(x.astype(np.float16).astype(x.dtype)),
            reference=lambda x: np.tanh(x),
        ),
    ),
)


def _swapped(gradient, i, j):
    gradient[i], gradient[j] = gradient[j], gradient[i]
    return gradient


def _scaled(gradient, i, factor):
    gradient[i] *= factor
    return gradient


def _relu(x):
    return np.maximum(x, 0)


RELU = elementwise(
    "relu",
    draw(x=away(40)),
    _relu,
    lambda x: x > 0,
    (
        wrong("all_pass", "mask missing", np.ones_like),
        wrong("inverted", "mask inverted", lambda x: x < 0),
        wrong("leaks", "missing term", lambda x: np.where(x > 0, 1, 0.01)),
        Bug("mask_of_cotangent", "wrong mask", lambda g, x: {"x": g * (g > 0)}),
        Bug("guided", "wrong mask", lambda g, x: {"x": g * ((x > 0) & (g > 0))}),
        wrong(
            "two_at_zero",
            "outside the subgradient",
            lambda x: np.where(x == 0, 2.0, x > 0),
            on="at_zero",
        ),
        wrong(
            "minus_at_zero",
            "outside the subgradient",
            lambda x: np.where(x == 0, -1.0, x > 0),
            on="quantised",
        ),
        wrong("nan_at_zero", "not finite", lambda x: np.where(x == 0, np.nan, x > 0), on="at_zero"),
        wrong(
            "inverted_near_zero",
            "mask inverted",
            lambda x: np.where(np.abs(x) < 1e-3, x < 0, x > 0),
            on="near_zero",
        ),
        wrong("straight_through", "straight-through", np.ones_like, on="quantised"),
        Bug(
            "one_dead_among_kinks",
            "one entry",
            lambda g, x: {"x": _scaled(g * (x > 0), int(np.argmax(x)), 0)},
            on="many_at_zero",
        ),
    ),
    (
        Right(
            "at_zero",
            draw(x=joined(away(20), literal(0, 0, -0.0))),
            tags="kink",
            source="pytorch/pytorch#114234",
        ),
        Right(
            "at_zero_one",
            draw(x=joined(away(20), literal(0, 0))),
            tags="kink",
            backward=pulled(lambda x: x >= 0),
        ),
        Right(
            "at_zero_half",
            draw(x=joined(away(20), literal(0, 0))),
            tags="kink",
            backward=pulled(lambda x: 0.5 * (np.sign(x) + 1)),
        ),
        Right(
            "near_zero",
            draw(x=joined(away(20), literal(1e-4, -1e-4, 1e-7, -1e-7, 3e-10))),
            tags="kink",
        ),
        Right("quantised", draw(x=quantised(60, step=0.5)), tags="kink"),
        Right(
            "many_at_zero",
            draw(x=lambda rng, dtype: np.maximum(rng.normal(size=3000), 0).astype(dtype)),
            tags="kink large",
        ),
        Right("all_at_zero", draw(x=normal(50, scale=0.0)), tags="kink"),
        Right("large", draw(x=normal(100_000)), tags="large kink"),
    ),
)

LEAKY = elementwise(
    "leaky_relu",
    draw(x=away(40)),
    lambda x: np.where(x > 0, x, 0.1 * x),
    lambda x: np.where(x > 0, 1, 0.1),
    (
        wrong("no_leak", "missing term", lambda x: x > 0),
        wrong("slopes_swapped", "swapped", lambda x: np.where(x > 0, 0.1, 1)),
        wrong("default_slope", "wrong constant", lambda x: np.where(x > 0, 1, 0.01)),
        wrong(
            "zero_at_zero",
            "outside the subgradient",
            lambda x: np.where(x == 0, 0, np.where(x > 0, 1, 0.1)),
            on="at_zero",
        ),
    ),
    (
        Right("at_zero", draw(x=joined(away(20), literal(0, 0))), tags="kink"),
        Right(
            "at_zero_upper",
            draw(x=joined(away(20), literal(0, 0))),
            tags="kink",
            backward=pulled(lambda x: np.where(x >= 0, 1, 0.1)),
        ),
    ),
)

ELU = elementwise(
    "elu",
    draw(x=away(40)),
    lambda x: np.where(x > 0, x, 1.5 * np.expm1(np.minimum(x, 0))),
    lambda x: np.where(x > 0, 1, 1.5 * np.exp(np.minimum(x, 0))),
    (
        wrong(
            "alpha_missing",
            "missing factor",
            lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
        ),
        wrong(
            "returns_value",
            "missing term",
            lambda x: np.where(x > 0, 1, 1.5 * np.expm1(np.minimum(x, 0))),
        ),
        wrong("ones", "missing activation", np.ones_like),
    ),
)

C0, C1 = float(np.sqrt(2 / np.pi)), 0.044715


def gelu(x):
    return 0.5 * x * (1 + np.tanh(C0 * (x + C1 * x**3)))


def gelu_slope(x, inner=lambda x: C0 * (1 + 3 * C1 * x * x), product=1.0):
    t = np.tanh(C0 * (x + C1 * x**3))
    return 0.5 * (1 + t) + product * 0.5 * x * (1 - t * t) * inner(x)


GELU = elementwise(
    "gelu",
    draw(x=normal(40, scale=1.5)),
    gelu,
    gelu_slope,
    (
        wrong(
            "cubic_factor",
            "missing factor",
            lambda x: gelu_slope(x, lambda x: C0 * (1 + C1 * x * x)),
        ),
        wrong("inner_left_out", "missing activation", lambda x: gelu_slope(x, np.ones_like)),
        wrong("product_rule", "missing term", lambda x: gelu_slope(x, product=0.0)),
        wrong(
            "of_the_logistic_form",
            "other approximation",
            lambda x: logistic(1.702 * x) * (1 + 1.702 * x * (1 - logistic(1.702 * x))),
            tags="subtle",
            source="Oneflow-Inc/oneflow#8693",
        ),
    ),
    (Right("saturated", draw(x=normal(40, scale=8.0)), tags="saturated"),),
)

SILU = elementwise(
    "silu",
    draw(x=normal(40, scale=2.0)),
    lambda x: x * logistic(x),
    lambda x: logistic(x) * (1 + x * (1 - logistic(x))),
    (
        wrong("product_rule", "missing term", logistic),
        wrong("sign", "sign", lambda x: logistic(x) * (1 - x * (1 - logistic(x)))),
        wrong("one_left_out", "missing term", lambda x: logistic(x) * x * (1 - logistic(x))),
    ),
)

SOFTPLUS = elementwise(
    "softplus",
    draw(x=normal(40, scale=2.0)),
    lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    logistic,
    (
        wrong("of_minus_x", "sign", lambda x: logistic(-x)),
        wrong("threshold_too_low", "wrong mask", lambda x: np.where(x > 2, 1, logistic(x))),
        wrong("sigmoid_derivative", "wrong activation", lambda x: logistic(x) * (1 - logistic(x))),
    ),
    (Right("extreme", draw(x=joined(normal(20), literal(-50, 50, 500, -30))), tags="saturated"),),
)

HARD = elementwise(
    "clip",
    draw(x=away(40, kinks=(-1, 1))),
    lambda x: np.clip(x, -1, 1),
    lambda x: (x > -1) & (x < 1),
    (
        wrong("straight_through", "straight-through", np.ones_like),
        wrong("one_bound", "wrong mask", lambda x: x < 1),
        wrong("inverted", "mask inverted", lambda x: np.abs(x) > 1),
        wrong("bound_off", "off by one", lambda x: (x > -1) & (x < 2)),
        wrong(
            "negative_at_bound",
            "outside the subgradient",
            lambda x: np.where(np.abs(x) == 1, -0.5, np.abs(x) < 1),
            on="at_bounds",
        ),
    ),
    (
        Right("at_bounds", draw(x=quantised(50, step=0.5)), tags="kink"),
        Right(
            "at_bounds_open",
            draw(x=quantised(50, step=0.5)),
            tags="kink",
            backward=pulled(lambda x: np.abs(x) <= 1),
        ),
        Right("all_clipped", draw(x=normal(20, shift=9.0)), tags="constant"),
    ),
)

ABS = elementwise(
    "abs",
    draw(x=away(40)),
    np.abs,
    np.sign,
    (
        wrong("ones", "sign", np.ones_like),
        wrong("value", "wrong function", lambda x: x),
        wrong(
            "three_at_zero",
            "outside the subgradient",
            lambda x: np.where(x == 0, 3.0, np.sign(x)),
            on="quantised",
        ),
    ),
    (
        Right("quantised", draw(x=quantised(60, step=0.5)), tags="kink"),
        Right(
            "at_zero_one",
            draw(x=quantised(60, step=0.5)),
            tags="kink",
            backward=pulled(lambda x: np.where(x >= 0, 1, -1)),
        ),
        Right("tiny", draw(x=normal(30, scale=1e-9)), tags="scale"),
    ),
)


def prelu_vjp(g, x, a) -> Arrays:
    return {"x": g * np.where(x > 0, 1, a).astype(x.dtype), "a": (g * np.minimum(x, 0)).sum(0)}


PRELU = Family(
    "prelu",
    draw(x=away(6, 5), a=uniform(5, low=0.1, high=0.4)),
    lambda x, a: np.where(x > 0, x, a * x),
    prelu_vjp,
    "x a",
    (
        Bug(
            "slope_of_positive",
            "mask inverted",
            lambda g, x, a: {"a": (g * np.maximum(x, 0)).sum(0)},
        ),
        Bug(
            "slope_shared",
            "missing reduction",
            lambda g, x, a: {"a": np.full_like(a, (g * np.minimum(x, 0)).sum())},
        ),
        Bug(
            "slope_of_the_mask",
            "missing factor",
            lambda g, x, a: {"a": (g * (x < 0)).sum(0).astype(a.dtype)},
        ),
    ),
    (Right("dead_slope", draw(x=uniform(6, 5, low=0.5, high=2), a=uniform(5)), tags="constant"),),
)

SOFTSIGN = elementwise(
    "softsign",
    draw(x=normal(40)),
    lambda x: x / (1 + np.abs(x)),
    lambda x: 1 / (1 + np.abs(x)) ** 2,
    (
        wrong("unsquared", "wrong power", lambda x: 1 / (1 + np.abs(x))),
        wrong("abs_forgotten", "sign", lambda x: 1 / (1 + x) ** 2),
    ),
    (Right("wide_range", draw(x=decades(40, low=-6, high=6)), tags="decades"),),
)

LOGARITHM = elementwise(
    "log",
    draw(x=uniform(30, low=0.2, high=3)),
    np.log,
    lambda x: 1 / x,
    (
        wrong("base_ten", "factor", lambda x: 1 / (x * float(np.log(10)))),
        wrong("stabilised", "missing term", lambda x: 1 / (x + 1e-3)),
        wrong(
            "stabilised_small", "missing term", lambda x: 1 / (x + 1e-8), on="small", tags="decades"
        ),
        wrong("sign", "sign", lambda x: -1 / x, on="tiny"),
    ),
    (
        Right("small", draw(x=decades(30, low=-8, high=0, signed=False)), tags="decades domain"),
        Right("tiny", draw(x=uniform(20, low=1e-7, high=9e-7)), tags="domain"),
        Right(
            "wide_range", draw(x=decades(40, low=-8, high=8, signed=False)), tags="decades domain"
        ),
    ),
)

SQUARE_ROOT = elementwise(
    "sqrt",
    draw(x=uniform(30, low=0.2, high=3)),
    np.sqrt,
    lambda x: 0.5 / np.sqrt(x),
    (
        wrong("half_missing", "missing factor 2", lambda x: 1 / np.sqrt(x)),
        wrong("stabilised", "missing term", lambda x: 0.5 / np.sqrt(x + 1e-4), on="small"),
        wrong("of_value", "wrong function", lambda x: 0.5 * np.sqrt(x)),
    ),
    (
        Right("small", draw(x=decades(30, low=-9, high=0, signed=False)), tags="decades domain"),
        Right("tiny", draw(x=uniform(20, low=1e-9, high=9e-9)), tags="domain"),
    ),
)

ENTROPY = elementwise(
    "x_log_x",
    draw(x=uniform(30, low=0.05, high=1)),
    lambda x: x * np.log(x),
    lambda x: np.log(x) + 1,
    (
        wrong("one_left_out", "missing term", np.log),
        wrong("sign", "sign", lambda x: -np.log(x) - 1),
    ),
    (
        Right(
            "near_zero", draw(x=decades(30, low=-12, high=-1, signed=False)), tags="decades domain"
        ),
    ),
)

ARC_COSINE = elementwise(
    "arccos",
    draw(x=uniform(30, low=-0.8, high=0.8)),
    np.arccos,
    lambda x: -1 / np.sqrt((1 - x) * (1 + x)),
    (
        wrong("sign", "sign", lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
        wrong(
            "clamped",
            "wrong mask",
            lambda x: -1 / np.sqrt(np.maximum((1 - x) * (1 + x), 1e-2)),
            on="near_one",
        ),
    ),
    (
        Right(
            "near_one",
            draw(
                x=joined(
                    uniform(10, low=-0.5, high=0.5), literal(0.999, -0.9999, 0.999999, 0.99999999)
                )
            ),
            tags="domain float64",
        ),
    ),
)

RECIPROCAL = elementwise(
    "reciprocal",
    draw(x=away(30, gap=0.4)),
    lambda x: 1 / x,
    lambda x: -1 / (x * x),
    (
        wrong("sign", "sign", lambda x: 1 / (x * x)),
        wrong(
            "sign_near_pole",
            "sign",
            lambda x: np.where(np.abs(x) < 1e-3, 1, -1) / (x * x),
            on="wide_range",
        ),
        wrong("unsquared", "wrong power", lambda x: -1 / np.abs(x)),
    ),
    (Right("wide_range", draw(x=decades(40, low=-6, high=6)), tags="decades domain"),),
)

STEP = Family(
    "sign_and_round",
    draw(x=away(30, kinks=(0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.5, -3.5, 4.5), gap=0.05)),
    lambda x: np.sign(x) + np.round(x),
    lambda g, x: {"x": np.zeros_like(x)},
    "x",
    (
        Bug("straight_through", "straight-through", lambda g, x: {"x": g.copy()}),
        Bug(
            "clipped_straight_through", "straight-through", lambda g, x: {"x": g * (np.abs(x) < 1)}
        ),
        Bug("soft", "straight-through", lambda g, x: {"x": g * (1 - np.tanh(x) ** 2)}),
    ),
    tags="constant",
)

QUANTISER = Family(
    "fake_quantise",
    draw(x=away(24, kinks=tuple(0.25 * k + 0.125 for k in range(-24, 24)), gap=0.02), w=(24,)),
    lambda x, w: np.sum(w * np.round(x * 4) / 4) + 0.1 * np.sum(np.sin(x)),
    lambda g, x, w: {"x": 0.1 * g * np.cos(x), "w": g * np.round(x * 4) / 4},
    "x w",
    (
        Bug(
            "straight_through", "straight-through", lambda g, x, w: {"x": g * (w + 0.1 * np.cos(x))}
        ),
        Bug("unrounded", "wrong factor", lambda g, x, w: {"w": g * x}),
    ),
)

POWER = Family(
    "power",
    draw(x=uniform(12, low=0.3, high=2), p=uniform(12, low=-2, high=3)),
    lambda x, p: x**p,
    lambda g, x, p: {"x": g * p * x ** (p - 1), "p": g * x**p * np.log(x)},
    "x p",
    (
        Bug("exponent_kept", "wrong power", lambda g, x, p: {"x": g * p * x**p}),
        Bug("log_left_out", "missing factor", lambda g, x, p: {"p": g * x**p}),
        Bug("exponent_constant", "missing", lambda g, x, p: {"p": None}, kind="contract"),
    ),
)

FAMILIES = (
    SIGMOID,
    TANH,
    RELU,
    LEAKY,
    ELU,
    GELU,
    SILU,
    SOFTPLUS,
    HARD,
    ABS,
    PRELU,
    SOFTSIGN,
    LOGARITHM,
    SQUARE_ROOT,
    ENTROPY,
    ARC_COSINE,
    RECIPROCAL,
    STEP,
    QUANTISER,
    POWER,
)
