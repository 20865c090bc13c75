"""Softmax and its kin, and everything that subtracts a mean and divides by a deviation."""

import numpy as np

from benchmarks.power.cases.losses import log_sum_exp, softmax
from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import decades, draw, normal

EPS = 1e-5


def softmax_vjp(g, z) -> Arrays:
    p = softmax(z)
    return {"z": p * (g - (g * p).sum(-1, keepdims=True))}


SOFTMAX = Family(
    "softmax",
    draw(z=(5, 5)),
    softmax,
    softmax_vjp,
    "z",
    (
        Bug(
            "diagonal_only",
            "missing term",
            lambda g, z: {"z": g * softmax(z) * (1 - softmax(z))},
            source="HomericIntelligence/Odyssey#3666",
        ),
        Bug(
            "summed_over_batch",
            "wrong axis",
            lambda g, z: {"z": softmax(z) * (g - (g * softmax(z)).sum(0))},
        ),
        Bug(
            "cross_term_sign",
            "sign",
            lambda g, z: {"z": softmax(z) * (g + (g * softmax(z)).sum(-1, keepdims=True))},
        ),
        Bug("cross_term_left_out", "missing term", lambda g, z: {"z": softmax(z) * g}),
    ),
    (
        Right("saturated", draw(z=normal(5, 5, scale=30)), tags="saturated"),
        Right("one_class", draw(z=(5, 1)), tags="constant"),
        Right("long", draw(z=(20, 2000)), tags="large"),
        Right("float32", draw(z=normal(6, 20, scale=4)), dtype="float32"),
    ),
)

LOG_SOFTMAX = Family(
    "log_softmax",
    draw(z=(5, 4)),
    lambda z: z - log_sum_exp(z)[..., None],
    lambda g, z: {"z": g - softmax(z) * g.sum(-1, keepdims=True)},
    "z",
    (
        Bug("unsummed", "missing reduction", lambda g, z: {"z": g - softmax(z) * g}),
        Bug(
            "exponent_left_out",
            "missing activation",
            lambda g, z: {"z": g - (z - log_sum_exp(z)[..., None]) * g.sum(-1, keepdims=True)},
        ),
        Bug(
            "assumed_normalised",
            "missing term",
            lambda g, z: {"z": g - softmax(z)},
            source="pytorch/pytorch#52241",
        ),
    ),
)

LOG_SUM_EXP = Family(
    "log_sum_exp",
    draw(z=(5, 4)),
    log_sum_exp,
    lambda g, z: {"z": g[:, None] * softmax(z)},
    "z",
    (
        Bug(
            "argmax_only",
            "wrong function",
            lambda g, z: {"z": g[:, None] * (z == z.max(-1, keepdims=True))},
        ),
        Bug(
            "unnormalised",
            "missing factor",
            lambda g, z: {"z": g[:, None] * np.exp(z - z.max(-1, keepdims=True))},
        ),
        Bug("overflows", "not finite", lambda g, z: {"z": _plain(g, z)}, on="large_float32"),
    ),
    (
        Right(
            "large_float32",
            draw(z=normal(5, 4, scale=60, shift=60)),
            dtype="float32",
            tags="saturated",
        ),
        Right("ties", draw(z=normal(5, 4, scale=0.0))),
    ),
)


def _plain(g, z):
    with np.errstate(all="ignore"):
        return g[:, None] * np.exp(z) / np.exp(z).sum(-1, keepdims=True)


# ---------------------------------------------------------------- mean and variance over some axes
def standardised(x, axes):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + EPS)


def normalise(x, w, b, axes):
    return standardised(x, axes) * w + b


def normalise_vjp(
    g, x, w, b, axes, *, mean=1.0, variance=1.0, eps=EPS, count=0, scaled=True, summed=None
) -> Arrays:
    """Returns the pullback; `mean` and `variance` weigh the two terms that are easily forgotten."""
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    z = (x - x.mean(axes, keepdims=True)) * inverse
    n = z.size / inverse.size
    h = g * w if scaled else g
    dx = (
        h
        - mean * h.mean(axes, keepdims=True)
        - variance * z * (h * z).mean(axes, keepdims=True) * n / (n + count)
    )
    over = summed or tuple(
        i for i in range(x.ndim) if np.broadcast_shapes(w.shape, (1,) * x.ndim)[i] == 1
    )
    return {
        "x": inverse * dx,
        "w": (g * z).sum(over).reshape(w.shape),
        "b": g.sum(over).reshape(w.shape),
    }


def _bound(axes, **wrong):
    return lambda g, x, w, b: normalise_vjp(g, x, w, b, axes, **wrong)


BATCH = Family(
    "batch_norm",
    draw(x=(8, 4), w=(4,), b=(4,)),
    lambda x, w, b: normalise(x, w, b, 0),
    _bound(0),
    "x w b",
    (
        Bug("variance_term", "missing term", _bound(0, variance=0.0), source="mlpack/mlpack#1923"),
        Bug("mean_term", "missing term", _bound(0, mean=0.0)),
        Bug("as_in_inference", "missing term", _bound(0, mean=0.0, variance=0.0)),
        Bug("variance_sign", "sign", _bound(0, variance=-1.0)),
        Bug("scale_left_out", "missing factor", _bound(0, scaled=False)),
        Bug("unbiased_count", "wrong count", _bound(0, count=-1.0)),
        Bug("weight_from_input", "wrong factor", lambda g, x, w, b: {"w": (g * x).sum(0)}),
        Bug(
            "gamma_and_beta_swapped",
            "swapped",
            lambda g, x, w, b: {"w": g.sum(0), "b": (g * standardised(x, 0)).sum(0)},
            source="Oneflow-Inc/oneflow#6149",
        ),
        Bug(
            "bias_mean",
            "mean for sum",
            lambda g, x, w, b: {"b": g.mean(0)},
            source="intel/ipex-llm#94",
        ),
        Bug("epsilon_left_out", "missing term", _bound(0, eps=0.0), on="small_variance"),
    ),
    (
        Right("small_variance", draw(x=normal(8, 4, scale=1e-2), w=(4,), b=(4,))),
        Right(
            "constant_batch",
            draw(
                x=lambda rng, dt: np.ones((8, 4), dt) * np.arange(1, 5).astype(dt),
                w=(4,),
                b=(4,),
            ),
            tags="cancellation float64",
        ),
        Right(
            "offset", draw(x=normal(8, 4, shift=1e4), w=(4,), b=(4,)), tags="cancellation float64"
        ),
        Right("float32", draw(x=(16, 6), w=(6,), b=(6,)), dtype="float32"),
        Right("large", draw(x=(500, 200), w=(200,), b=(200,)), tags="large"),
    ),
)

LAYER = Family(
    "layer_norm",
    draw(x=(3, 4, 6), w=(6,), b=(6,)),
    lambda x, w, b: normalise(x, w, b, -1),
    _bound(-1),
    "x w b",
    (
        Bug(
            "rank_two_assumed",
            "wrong axis",
            lambda g, x, w, b: {"x": normalise_vjp(g, x, w, b, (1, 2))["x"]},
            source="flagos-ai/FlagGems#5392",
        ),
        Bug("mean_term", "missing term", _bound(-1, mean=0.0), source="pytorch/functorch#534"),
        Bug(
            "weight_of_last_row",
            "missing reduction",
            lambda g, x, w, b: {"w": (g * standardised(x, -1))[-1, -1]},
            source="karpathy/llm.c#408",
        ),
        Bug(
            "input_missing",
            "missing",
            lambda g, x, w, b: {"x": None},
            kind="contract",
            source="huggingface/candle#3613",
        ),
        Bug(
            "weight_of_one_feature",
            "extra term",
            lambda g, x, w, b: {"w": (g * x).sum((0, 1))},
            on="one_feature",
            source="pytorch/pytorch#188372",
        ),
        Bug(
            "weight_unreduced",
            "missing reduction",
            lambda g, x, w, b: {"w": (g * standardised(x, -1)).sum(0)},
            kind="contract",
        ),
    ),
    (
        Right("one_feature", draw(x=(3, 4, 1), w=(1,), b=(1,)), tags="constant"),
        Right("one_row", draw(x=(1, 1, 6), w=(6,), b=(6,))),
        Right(
            "wide_scales",
            draw(
                x=lambda rng, dt: (
                    rng.normal(size=(3, 4, 6)) * 10.0 ** np.arange(-2, 2)[:, None]
                ).astype(dt),
                w=(6,),
                b=(6,),
            ),
            tags="decades",
        ),
        Right(
            "float16_inside",
            tags="rounded",
            forward=lambda x, w, b: normalise(x.astype(np.float16).astype(x.dtype), w, b, -1),
            reference=lambda x, w, b: normalise(x, w, b, -1),
        ),
    ),
)


def group(x, w, b):
    n, c, length = x.shape
    z = standardised(x.reshape(n, 2, c // 2, length), (2, 3)).reshape(x.shape)
    return z * w[:, None] + b[:, None]


def group_vjp(g, x, w, b, *, groups=2) -> Arrays:
    n, c, length = x.shape
    split = (n, groups, c // groups, length)
    h = (g * w[:, None]).reshape(split)
    one = np.ones(1, x.dtype)
    dx = normalise_vjp(h, x.reshape(split), one, one, (2, 3), summed=(0, 1, 2, 3))["x"]
    z = standardised(x.reshape(n, 2, c // 2, length), (2, 3)).reshape(x.shape)
    return {"x": dx.reshape(x.shape), "w": (g * z).sum((0, 2)), "b": g.sum((0, 2))}


GROUP = Family(
    "group_norm",
    draw(x=(2, 4, 5), w=(4,), b=(4,)),
    group,
    group_vjp,
    "x w b",
    (
        Bug(
            "as_instance_norm",
            "wrong axis",
            lambda g, x, w, b: {"x": group_vjp(g, x, w, b, groups=4)["x"]},
        ),
        Bug(
            "as_layer_norm",
            "wrong axis",
            lambda g, x, w, b: {"x": group_vjp(g, x, w, b, groups=1)["x"]},
        ),
        Bug("bias_over_batch_only", "missing reduction", lambda g, x, w, b: {"b": g.sum(0)[:, 0]}),
    ),
)


def rms(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rms_vjp(g, x, w, *, cross=1.0) -> Arrays:
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + EPS)
    h = g * w
    return {
        "x": r * h - cross * r**3 * x * (h * x).mean(-1, keepdims=True),
        "w": (g * x * r).sum(0),
    }


RMS = Family(
    "rms_norm",
    draw(x=(5, 6), w=(6,)),
    rms,
    rms_vjp,
    "x w",
    (
        Bug("cross_term", "missing term", lambda g, x, w: {"x": rms_vjp(g, x, w, cross=0.0)["x"]}),
        Bug("sum_for_mean", "wrong count", lambda g, x, w: {"x": rms_vjp(g, x, w, cross=6.0)["x"]}),
        Bug("cube_for_square", "wrong power", lambda g, x, w: {"w": (g * x).sum(0)}),
    ),
    (
        Right(
            "zero_rows",
            draw(
                x=lambda rng, dt: np.vstack([rng.normal(size=(3, 6)), np.zeros((2, 6))]).astype(dt),
                w=(6,),
            ),
            tags="curved float64",
        ),
        Right("tiny", draw(x=normal(5, 6, scale=1e-6), w=(6,))),
    ),
)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


UNIT = Family(
    "l2_normalise",
    draw(x=(5, 4)),
    unit,
    lambda g, x: {
        "x": (g - unit(x) * (g * unit(x)).sum(-1, keepdims=True))
        / np.sqrt((x * x).sum(-1, keepdims=True))
    },
    "x",
    (
        Bug(
            "projection_left_out",
            "missing term",
            lambda g, x: {"x": g / np.sqrt((x * x).sum(-1, keepdims=True))},
        ),
        Bug(
            "norm_left_out",
            "missing factor",
            lambda g, x: {"x": g - unit(x) * (g * unit(x)).sum(-1, keepdims=True)},
        ),
        Bug(
            "norm_squared",
            "wrong power",
            lambda g, x: {
                "x": (g - unit(x) * (g * unit(x)).sum(-1, keepdims=True))
                / (x * x).sum(-1, keepdims=True)
            },
        ),
    ),
    (
        Right("tiny", draw(x=normal(5, 4, scale=1e-8)), tags="scale"),
        Right(
            "wide_scales",
            draw(
                x=lambda rng, dt: (
                    rng.normal(size=(6, 4)) * 10.0 ** np.arange(-6, 6, 2)[:, None]
                ).astype(dt)
            ),
            tags="decades",
        ),
    ),
)


def weight_norm(x, v, s):
    return x @ (v * (s / np.sqrt((v * v).sum(0))))


def weight_norm_vjp(g, x, v, s) -> Arrays:
    n = np.sqrt((v * v).sum(0))
    dW, u = x.T @ g, v / n
    ds = (dW * u).sum(0)
    return {"x": g @ (u * s).T, "v": s / n * (dW - u * ds), "s": ds}


WEIGHT = Family(
    "weight_norm",
    draw(x=(5, 4), v=(4, 3), s=(3,)),
    weight_norm,
    weight_norm_vjp,
    "x v s",
    (
        Bug(
            "norm_detached",
            "missing term",
            lambda g, x, v, s: {"v": s / np.sqrt((v * v).sum(0)) * (x.T @ g)},
        ),
        Bug(
            "scale_left_out",
            "missing factor",
            lambda g, x, v, s: {"v": weight_norm_vjp(g, x, v, np.ones_like(s))["v"]},
        ),
        Bug("scale_unnormalised", "missing factor", lambda g, x, v, s: {"s": (x.T @ g * v).sum(0)}),
    ),
)

COSINE = Family(
    "cosine_similarity",
    draw(a=(5, 4), b=(5, 4)),
    lambda a, b: (unit(a) * unit(b)).sum(-1),
    lambda g, a, b: {"a": _cosine(g, a, b), "b": _cosine(g, b, a)},
    "a b",
    (
        Bug(
            "own_norm_detached",
            "missing term",
            lambda g, a, b: {"a": g[:, None] * unit(b) / np.sqrt((a * a).sum(-1, keepdims=True))},
        ),
        Bug("norms_swapped", "swapped", lambda g, a, b: {"a": _cosine(g, b, a)}),
    ),
    (
        Right(
            "parallel",
            draw(a=lambda rng, dt: np.ones((3, 4), dt), b=lambda rng, dt: 2 * np.ones((3, 4), dt)),
            tags="cancellation",
        ),
    ),
)


def _cosine(g, a, b):
    c = (unit(a) * unit(b)).sum(-1, keepdims=True)
    return g[:, None] * (unit(b) - c * unit(a)) / np.sqrt((a * a).sum(-1, keepdims=True))


STANDARD = Family(
    "standard_deviation",
    draw(x=(6, 5)),
    lambda x: x.std(0, ddof=1),
    lambda g, x: {"x": g * (x - x.mean(0)) / (x.std(0, ddof=1) * (len(x) - 1))},
    "x",
    (
        Bug(
            "biased",
            "wrong count",
            lambda g, x: {"x": g * (x - x.mean(0)) / (x.std(0, ddof=1) * len(x))},
        ),
        Bug(
            "of_variance",
            "missing factor 2",
            lambda g, x: {"x": 2 * g * (x - x.mean(0)) / (len(x) - 1)},
        ),
        Bug(
            "uncentred",
            "missing term",
            lambda g, x: {"x": g * x / (x.std(0, ddof=1) * (len(x) - 1))},
        ),
    ),
    (
        Right(
            "columns_apart",
            draw(
                x=lambda rng, dt: (rng.normal(size=(6, 5)) * 10.0 ** np.arange(-6, 4, 2)).astype(dt)
            ),
            tags="decades",
        ),
    ),
)

NORM = Family(
    "euclidean_norm",
    draw(x=(6, 4)),
    lambda x: np.sqrt((x * x).sum(-1)),
    lambda g, x: {
        "x": g[:, None]
        * np.where(
            x.any(-1, keepdims=True),
            x / np.sqrt(np.maximum((x * x).sum(-1, keepdims=True), np.finfo(x.dtype).tiny)),
            0,
        )
    },
    "x",
    (
        Bug(
            "nan_at_zero",
            "not finite",
            lambda g, x: {"x": _plain_norm(g, x)},
            on="zero_rows",
            source="pytorch/pytorch#2421",
        ),
        Bug(
            "squared",
            "wrong power",
            lambda g, x: {"x": g[:, None] * x / (x * x).sum(-1, keepdims=True)},
        ),
        Bug(
            "ones_at_zero",
            "outside the subgradient",
            lambda g, x: {
                "x": np.where(x.any(-1, keepdims=True), _plain_norm(g, x), 3 * g[:, None])
            },
            on="zero_rows",
        ),
    ),
    (
        Right(
            "zero_rows",
            draw(
                x=lambda rng, dt: np.vstack([rng.normal(size=(4, 4)), np.zeros((2, 4))]).astype(dt)
            ),
            tags="kink",
        ),
        Right("wide_range", draw(x=decades(20, 1)), tags="decades kink"),
    ),
)


def _plain_norm(g, x):
    with np.errstate(all="ignore"):
        return g[:, None] * x / np.sqrt((x * x).sum(-1, keepdims=True))


FAMILIES = (
    SOFTMAX,
    LOG_SOFTMAX,
    LOG_SUM_EXP,
    BATCH,
    LAYER,
    GROUP,
    RMS,
    UNIT,
    WEIGHT,
    COSINE,
    STANDARD,
    NORM,
)
