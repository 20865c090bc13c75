"""Losses: scalars of a prediction and a target."""

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import (
    away,
    decades,
    draw,
    fixed,
    integers,
    joined,
    literal,
    normal,
    quantised,
    uniform,
)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_sum_exp(z):
    m = z.max(-1, keepdims=True)
    return (m + np.log(np.exp(z - m).sum(-1, keepdims=True)))[..., 0]


def logistic(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def one_hot(t, like):
    return np.eye(like.shape[-1], dtype=like.dtype)[t]


def squared_error(p, y):
    return np.mean((p - y) ** 2)


def squared_error_vjp(g, p, y) -> Arrays:
    d = g * (2 / p.size) * (p - y)
    return {"p": d, "y": -d}


SQUARED = Family(
    "squared_error",
    draw(p=(6, 4), y=(6, 4)),
    squared_error,
    squared_error_vjp,
    "p y",
    (
        Bug(
            "factor_2",
            "missing factor 2",
            lambda g, p, y: {"p": g / p.size * (p - y)},
            source="BVLC/caffe#6814",
        ),
        Bug("mean_over_batch", "wrong count", lambda g, p, y: {"p": g * 2 / len(p) * (p - y)}),
        Bug("sign", "sign", lambda g, p, y: squared_error_vjp(g, y, p)),
        Bug("target_not_negated", "sign", lambda g, p, y: {"y": g * 2 / p.size * (p - y)}),
        Bug(
            "cotangent_ignored",
            "cotangent ignored",
            lambda g, p, y: {"p": 2 / p.size * (p - y)},
            source="sherjilozair/ctc#2",
        ),
        Bug(
            "wrong_sign_at_1e-12",
            "sign",
            lambda g, p, y: squared_error_vjp(-7 * g, p, y),
            on="tiny",
            tags="scale",
        ),
        Bug(
            "constant_at_1e9",
            "factor",
            lambda g, p, y: {"p": 1.2 * squared_error_vjp(g, p, y)["p"]},
            on="offset",
            tags="offset",
        ),
    ),
    (
        Right("tiny", draw(p=normal(6, 4, scale=1e-6), y=normal(6, 4, scale=1e-6)), tags="scale"),
        Right("huge", draw(p=normal(6, 4, scale=1e8), y=normal(6, 4, scale=1e8)), tags="scale"),
        Right(
            "offset",
            tags="offset float64",
            forward=lambda p, y: 1e9 + squared_error(p, y),
            reference=squared_error,
        ),
        Right(
            "zero_residual",
            draw(p=normal(6, 4, scale=0.0), y=normal(6, 4, scale=0.0)),
            tags="vacuous",
        ),
        Right("large", draw(p=(400, 250), y=(400, 250)), tags="large"),
        Right("float32", draw(p=(60, 40), y=(60, 40)), dtype="float32"),
    ),
)


def logits_loss(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


BINARY = Family(
    "binary_cross_entropy",
    draw(z=normal(8, 3, scale=2), y=uniform(8, 3)),
    logits_loss,
    lambda g, z, y: {"z": g / z.size * (logistic(z) - y), "y": -g / z.size * z},
    "z y",
    (
        Bug("sum_for_mean", "sum for mean", lambda g, z, y: {"z": g * (logistic(z) - y)}),
        Bug(
            "sigmoid_twice",
            "extra activation",
            lambda g, z, y: {"z": g / z.size * (logistic(z) - y) * logistic(z) * (1 - logistic(z))},
        ),
        Bug("sign", "sign", lambda g, z, y: {"z": g / z.size * (y - logistic(z))}),
        Bug(
            "of_probability",
            "wrong function",
            lambda g, z, y: {
                "z": g / z.size * (logistic(z) - y) / (logistic(z) * (1 - logistic(z)))
            },
        ),
        Bug("target_constant", "missing", lambda g, z, y: {"y": None}, kind="contract"),
    ),
    (Right("extreme", draw(z=normal(8, 3, scale=40), y=uniform(8, 3)), tags="saturated"),),
)


def cross_entropy(z, t, smoothing=0.0, ignored=-1):
    keep = t != ignored
    losses = (1 - smoothing) * (log_sum_exp(z) - z[np.arange(len(t)), np.where(keep, t, 0)])
    losses = losses + smoothing * (log_sum_exp(z) - z.mean(-1))
    return (losses * keep).sum() / keep.sum()


def cross_entropy_vjp(
    g, z, t, smoothing=0.0, ignored=-1, count=None, masked=True, floor=1.0
) -> Arrays:
    keep = t != ignored
    target = (1 - smoothing) * one_hot(np.where(keep, t, 0), z) + floor * smoothing / z.shape[1]
    d = (softmax(z) - target) * (keep[:, None] if masked else 1)
    return {"z": (g / (keep.sum() if count is None else count) * d).astype(z.dtype)}


CROSS_ENTROPY = Family(
    "cross_entropy",
    draw(z=normal(8, 5, scale=1.5), t=integers(8, below=5)),
    cross_entropy,
    cross_entropy_vjp,
    "z",
    (
        Bug("one_not_subtracted", "missing term", lambda g, z, t: {"z": g / len(t) * softmax(z)}),
        Bug("sum_for_mean", "sum for mean", lambda g, z, t: cross_entropy_vjp(g, z, t, count=1)),
        Bug(
            "mean_over_classes",
            "wrong count",
            lambda g, z, t: cross_entropy_vjp(g, z, t, count=z.size),
        ),
        Bug(
            "off_by_one_label",
            "off by one",
            lambda g, z, t: cross_entropy_vjp(g, z, (t + 1) % z.shape[1]),
        ),
        Bug(
            "log_softmax_for_softmax",
            "wrong function",
            lambda g, z, t: {"z": g / len(t) * (z - log_sum_exp(z)[:, None] - one_hot(t, z))},
        ),
        Bug(
            "unshifted",
            "not finite",
            lambda g, z, t: {"z": _unshifted(g, z, t)},
            on="large_logits_float32",
        ),
        Bug(
            "wrong_axis",
            "wrong axis",
            lambda g, z, t: {"z": g / len(t) * (softmax(z.T).T - one_hot(t, z))},
        ),
        Bug(
            "counts_half_the_batch",
            "wrong count",
            lambda g, z, t: cross_entropy_vjp(g, z, t, count=len(t) / 2),
        ),
    ),
    (
        Right(
            "confident", draw(z=normal(8, 5, scale=30), t=integers(8, below=5)), tags="saturated"
        ),
        Right(
            "large_logits_float32",
            draw(z=normal(8, 5, scale=90), t=integers(8, below=5)),
            dtype="float32",
            tags="saturated",
        ),
        Right("one_sample", draw(z=(1, 5), t=integers(1, below=5))),
        Right("thousand_classes", draw(z=(100, 1000), t=integers(100, below=1000)), tags="large"),
        Right(
            "shifted",
            draw(z=normal(8, 5, shift=1000), t=integers(8, below=5)),
            tags="cancellation float64",
        ),
    ),
)


def _unshifted(g, z, t):
    with np.errstate(all="ignore"):
        e = np.exp(z)
        return (g / len(t) * (e / e.sum(-1, keepdims=True) - one_hot(t, z))).astype(z.dtype)


SMOOTHED = Family(
    "label_smoothing_with_ignored",
    draw(z=normal(8, 5, scale=1.5), t=fixed([0, 3, -1, 2, 4, -1, 1, 2])),
    lambda z, t: cross_entropy(z, t, 0.1),
    lambda g, z, t: cross_entropy_vjp(g, z, t, 0.1),
    "z",
    (
        Bug(
            "ignored_counted",
            "mask missing",
            lambda g, z, t: cross_entropy_vjp(g, z, t, 0.1, masked=False),
            source="pytorch/pytorch#73205",
        ),
        Bug(
            "ignored_in_the_mean",
            "wrong count",
            lambda g, z, t: cross_entropy_vjp(g, z, t, 0.1, count=len(t)),
            source="PaddlePaddle/Paddle#28622",
        ),
        Bug(
            "smoothing_left_out",
            "missing term",
            lambda g, z, t: cross_entropy_vjp(g, z, t, 0.0),
            source="linkedin/Liger-Kernel#198",
        ),
        Bug(
            "uniform_left_out",
            "missing term",
            lambda g, z, t: cross_entropy_vjp(g, z, t, 0.1, floor=0.0),
        ),
    ),
)


def hinge(s, y):
    return np.mean(np.maximum(0, 1 - y * s))


def signs(*shape):
    return lambda rng, dtype: rng.choice([-1.0, 1.0], size=shape).astype(dtype)


HINGE = Family(
    "hinge",
    draw(s=away(12, kinks=(-1, 1)), y=signs(12)),
    hinge,
    lambda g, s, y: {"s": g / s.size * -y * (y * s < 1)},
    "s",
    (
        Bug("margin_zero", "wrong mask", lambda g, s, y: {"s": g / s.size * -y * (y * s < 0)}),
        Bug(
            "label_left_out",
            "sign",
            lambda g, s, y: {"s": -g / s.size * (y * s < 1).astype(s.dtype)},
        ),
        Bug("all_violate", "mask missing", lambda g, s, y: {"s": g / s.size * -y}),
        Bug(
            "twice_at_margin",
            "outside the subgradient",
            lambda g, s, y: {"s": g / s.size * -y * np.where(y * s == 1, 2, y * s < 1)},
            on="at_margin",
        ),
        Bug(
            "sign_at_margin",
            "outside the subgradient",
            lambda g, s, y: {"s": g / s.size * -y * np.where(y * s == 1, -1, y * s < 1)},
            on="at_margin",
        ),
    ),
    (
        Right("at_margin", draw(s=quantised(24, step=0.5), y=signs(24)), tags="kink"),
        Right(
            "at_margin_closed",
            draw(s=quantised(24, step=0.5), y=signs(24)),
            tags="kink",
            backward=lambda g, s, y: {"s": g / s.size * -y * (y * s <= 1)},
        ),
        Right(
            "none_violates",
            draw(s=lambda rng, dt: np.full(8, 3, dt), y=lambda rng, dt: np.ones(8, dt)),
            tags="constant",
        ),
    ),
)


def huber(p, y):
    d = np.abs(p - y)
    return np.sum(np.where(d < 1, 0.5 * d * d, d - 0.5))


HUBER = Family(
    "huber",
    draw(p=normal(20, scale=2), y=(20,)),
    huber,
    lambda g, p, y: {"p": g * np.clip(p - y, -1, 1), "y": -g * np.clip(p - y, -1, 1)},
    "p y",
    (
        Bug("unclipped", "mask missing", lambda g, p, y: {"p": g * (p - y), "y": -g * (p - y)}),
        Bug("sign_left_out", "sign", lambda g, p, y: {"p": g * np.minimum(np.abs(p - y), 1)}),
        Bug("wrong_threshold", "wrong constant", lambda g, p, y: {"p": g * np.clip(p - y, -2, 2)}),
        Bug(
            "linear_half",
            "factor",
            lambda g, p, y: {"p": g * np.where(np.abs(p - y) < 1, p - y, 0.5 * np.sign(p - y))},
        ),
    ),
    (Right("at_the_seams", draw(p=literal(1, -1, 0, 2, 3.5), y=literal(0, 0, 0, 1, 1))),),
)


def divergence(a, b):
    """KL of two softmaxes."""
    la, lb = a - log_sum_exp(a)[:, None], b - log_sum_exp(b)[:, None]
    return np.sum(np.exp(la) * (la - lb)) / len(a)


def divergence_vjp(g, a, b) -> Arrays:
    p, q = softmax(a), softmax(b)
    r = (a - log_sum_exp(a)[:, None]) - (b - log_sum_exp(b)[:, None])
    return {"a": g / len(a) * p * (r - (p * r).sum(-1, keepdims=True)), "b": g / len(a) * (q - p)}


KL = Family(
    "kl_divergence",
    draw(a=(5, 4), b=(5, 4)),
    divergence,
    divergence_vjp,
    "a b",
    (
        Bug("reverse", "swapped", lambda g, a, b: divergence_vjp(g, b, a)),
        Bug("target_as_constant", "zero gradient", lambda g, a, b: {"a": np.zeros_like(a)}),
        Bug("normaliser_left_out", "missing term", lambda g, a, b: {"b": -g / len(a) * softmax(a)}),
        Bug(
            "entropy_term", "missing term", lambda g, a, b: {"a": g / len(a) * softmax(a) * (a - b)}
        ),
        Bug("mean_over_all", "wrong count", lambda g, a, b: divergence_vjp(g / a.shape[1], a, b)),
    ),
)


def gaussian(mean, log_var, y):
    return 0.5 * np.sum(log_var + (y - mean) ** 2 * np.exp(-log_var))


def gaussian_vjp(g, mean, log_var, y) -> Arrays:
    w = np.exp(-log_var)
    return {"mean": g * (mean - y) * w, "log_var": 0.5 * g * (1 - (y - mean) ** 2 * w)}


GAUSSIAN = Family(
    "gaussian_likelihood",
    draw(mean=(8,), log_var=(8,), y=(8,)),
    gaussian,
    gaussian_vjp,
    "mean log_var",
    (
        Bug(
            "variance_detached",
            "missing term",
            lambda g, mean, log_var, y: {"log_var": 0.5 * g * np.ones_like(y)},
        ),
        Bug(
            "deviation_for_variance",
            "wrong power",
            lambda g, mean, log_var, y: {"mean": g * (mean - y) * np.exp(-0.5 * log_var)},
        ),
        Bug(
            "half_missing",
            "missing factor 2",
            lambda g, mean, log_var, y: {
                "log_var": 2 * gaussian_vjp(g, mean, log_var, y)["log_var"]
            },
        ),
        Bug(
            "sign",
            "sign",
            lambda g, mean, log_var, y: {
                "log_var": 0.5 * g * (1 + (y - mean) ** 2 * np.exp(-log_var))
            },
        ),
    ),
    (
        Right(
            "wide_variances", draw(mean=(12,), log_var=normal(12, scale=8), y=(12,)), tags="decades"
        ),
    ),
)


def focal(z, y):
    p = logistic(z)
    q = np.where(y > 0, p, 1 - p)
    return np.sum(-((1 - q) ** 2) * np.log(q))


def focal_vjp(g, z, y, modulated=1.0) -> Arrays:
    p = logistic(z)
    q, s = np.where(y > 0, p, 1 - p), np.where(y > 0, 1, -1).astype(z.dtype)
    dq = modulated * 2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q
    return {"z": g * dq * s * p * (1 - p)}


FOCAL = Family(
    "focal",
    draw(z=(14,), y=signs(14)),
    focal,
    focal_vjp,
    "z",
    (
        Bug("weight_detached", "missing term", lambda g, z, y: focal_vjp(g, z, y, 0.0)),
        Bug("modulation_half", "missing factor 2", lambda g, z, y: focal_vjp(g, z, y, 0.5)),
        Bug(
            "of_probability",
            "missing activation",
            lambda g, z, y: {"z": focal_vjp(g, z, y)["z"] / (logistic(z) * (1 - logistic(z)))},
        ),
    ),
)


def triplet(a, p, n):
    return np.sum(np.maximum(0, ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.5))


def triplet_vjp(g, a, p, n) -> Arrays:
    on = g * (((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.5 > 0)[:, None]
    return {"a": 2 * on * (n - p), "p": 2 * on * (p - a), "n": 2 * on * (a - n)}


TRIPLET = Family(
    "triplet",
    draw(a=(6, 3), p=(6, 3), n=(6, 3)),
    triplet,
    triplet_vjp,
    "a p n",
    (
        Bug("anchor_half", "missing term", lambda g, a, p, n: {"a": -triplet_vjp(g, a, p, n)["p"]}),
        Bug("negative_sign", "sign", lambda g, a, p, n: {"n": -triplet_vjp(g, a, p, n)["n"]}),
        Bug("mask_left_out", "mask missing", lambda g, a, p, n: {"p": 2 * g * (p - a)}),
    ),
    (
        Right(
            "same_pair",
            draw(a=normal(6, 3, scale=0.0), p=normal(6, 3, scale=0.0), n=normal(6, 3, scale=2)),
            tags="vacuous",
            source="tensorflow/tensorflow#30199",
        ),
    ),
)


def info_nce(u, v):
    s = u @ v.T / 0.5
    return np.mean(log_sum_exp(s) - np.diagonal(s))


def info_nce_vjp(g, u, v) -> Arrays:
    d = g / len(u) / 0.5 * (softmax(u @ v.T / 0.5) - np.eye(len(u), dtype=u.dtype))
    return {"u": d @ v, "v": d.T @ u}


CONTRASTIVE = Family(
    "contrastive",
    draw(u=(6, 6), v=(6, 6)),
    info_nce,
    info_nce_vjp,
    "u v",
    (
        Bug("temperature", "missing factor", lambda g, u, v: info_nce_vjp(g / 2, u, v)),
        Bug("keys_untransposed", "transpose", lambda g, u, v: {"v": info_nce_vjp(g, v, u)["u"]}),
        Bug("keys_detached", "zero gradient", lambda g, u, v: {"v": np.zeros_like(v)}),
    ),
)


def poisson(z, y):
    return np.mean(np.exp(z) - y * z)


POISSON = Family(
    "poisson",
    draw(z=(10,), y=lambda rng, dtype: rng.poisson(2.0, size=10).astype(dtype)),
    poisson,
    lambda g, z, y: {"z": g / z.size * (np.exp(z) - y)},
    "z",
    (
        Bug("linear_rate", "missing activation", lambda g, z, y: {"z": g / z.size * (z - y)}),
        Bug("target_left_out", "missing term", lambda g, z, y: {"z": g / z.size * np.exp(z)}),
    ),
    (
        Right(
            "wide_rates",
            draw(z=decades(12, low=-3, high=0.9), y=uniform(12, high=5)),
            tags="decades",
        ),
    ),
)


def dice(p, y):
    return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


def dice_vjp(g, p, y, *, quotient=1.0) -> Arrays:
    bottom = p.sum() + y.sum() + 1
    return {"p": -g * (2 * y / bottom - quotient * (2 * (p * y).sum() + 1) / bottom**2)}


DICE = Family(
    "dice",
    draw(p=uniform(15), y=lambda rng, dtype: (rng.random(15) < 0.5).astype(dtype)),
    dice,
    dice_vjp,
    "p",
    (
        Bug("quotient_rule", "missing term", lambda g, p, y: dice_vjp(g, p, y, quotient=0.0)),
        Bug("quotient_sign", "sign", lambda g, p, y: dice_vjp(g, p, y, quotient=-1.0)),
    ),
)

QUANTILE = Family(
    "pinball",
    draw(p=(16,), y=(16,)),
    lambda p, y: np.sum(np.maximum(0.9 * (y - p), -0.1 * (y - p))),
    lambda g, p, y: {"p": g * np.where(y > p, -0.9, 0.1).astype(p.dtype)},
    "p",
    (
        Bug(
            "quantile_swapped",
            "swapped",
            lambda g, p, y: {"p": g * np.where(y > p, -0.1, 0.9).astype(p.dtype)},
        ),
        Bug(
            "zero_at_ties_outside",
            "outside the subgradient",
            lambda g, p, y: {
                "p": g * np.where(y == p, 0.5, np.where(y > p, -0.9, 0.1)).astype(p.dtype)
            },
            on="ties",
        ),
    ),
    (
        Right(
            "ties",
            draw(p=joined(normal(8), literal(1, 2, 3)), y=joined(normal(8), literal(1, 2, 3))),
            tags="kink",
        ),
    ),
)

FAMILIES = (
    SQUARED,
    BINARY,
    CROSS_ENTROPY,
    SMOOTHED,
    HINGE,
    HUBER,
    KL,
    GAUSSIAN,
    FOCAL,
    TRIPLET,
    CONTRASTIVE,
    POISSON,
    DICE,
    QUANTILE,
)
