"""Dense layers and networks of them."""

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import coins, draw, laid_out, normal, padded, quantised


def linear(x, W, b):
    return x @ W + b


def linear_vjp(g, x, W, b) -> Arrays:
    return {"x": g @ W.T, "W": x.T @ g, "b": g.sum(0)}


def _but_entry(gradient, index, factor):
    changed = np.array(gradient)
    changed[index] = changed[index] * factor
    return changed


def _but_swapped(gradient, i, j):
    changed = np.array(gradient)
    changed[[i, j]] = changed[[j, i]]
    return changed


LINEAR = Family(
    "linear",
    draw(x=(5, 5), W=(5, 5), b=(5,)),
    linear,
    linear_vjp,
    "x W b",
    bugs=(
        Bug("weight_transposed", "transpose", lambda g, x, W, b: {"W": g.T @ x}),
        Bug("input_untransposed", "transpose", lambda g, x, W, b: {"x": g @ W}),
        Bug("bias_mean", "mean for sum", lambda g, x, W, b: {"b": g.mean(0)}),
        Bug("bias_axis", "wrong axis", lambda g, x, W, b: {"b": g.sum(1)}),
        Bug(
            "bias_unreduced",
            "missing reduction",
            lambda g, x, W, b: {"b": g.copy()},
            kind="contract",
            source="deeplearning4j/nd4j#2424",
        ),
        Bug("last_sample_left_out", "off by one", lambda g, x, W, b: {"W": x[:-1].T @ g[:-1]}),
        Bug("weight_mean", "mean for sum", lambda g, x, W, b: {"W": x.T @ g / len(x)}),
        Bug("half", "factor", lambda g, x, W, b: {"W": x.T @ g / 2}, source="BVLC/caffe#6814"),
        Bug(
            "last_feature_zero",
            "zeroed block",
            lambda g, x, W, b: {"x": _but_entry(g @ W.T, (slice(None), -1), 0)},
        ),
        Bug("bias_from_first_row", "missing reduction", lambda g, x, W, b: {"b": g[0].copy()}),
        Bug("no_bias_gradient", "missing", lambda g, x, W, b: {"b": None}, kind="contract"),
        Bug(
            "one_entry_of_1e5",
            "one entry",
            lambda g, x, W, b: {"W": _but_entry(x.T @ g, (123, 45), 1.5)},
            on="wide",
        ),
        Bug(
            "one_entry_dead",
            "one entry",
            lambda g, x, W, b: {"W": _but_entry(x.T @ g, (7, 99), 0)},
            on="wide",
        ),
        Bug(
            "first_64_samples",
            "missing term",
            lambda g, x, W, b: {"W": x[:64].T @ g[:64]},
            on="batch",
        ),
    ),
    rights=(
        Right("wide", draw(x=(4, 320), W=(320, 320), b=(320,)), tags="large"),
        Right("batch", draw(x=(70, 6), W=(6, 4), b=(4,))),
        Right(
            "fortran",
            draw(
                x=laid_out(normal(6, 4), "fortran"),
                W=laid_out(normal(4, 3), "strided"),
                b=laid_out(normal(3), "reversed"),
            ),
        ),
        Right("batch_of_one", draw(x=(1, 4), W=(4, 1), b=(1,))),
        Right("empty_batch", draw(x=(0, 4), W=(4, 3), b=(3,)), tags="empty"),
        Right("float32", draw(x=(8, 6), W=(6, 4), b=(4,)), dtype="float32"),
        Right("tiny", draw(x=normal(5, 5, scale=1e-12), W=(5, 5), b=(5,)), tags="scale"),
        Right(
            "float16_inside",
            draw(x=(6, 8), W=(8, 5), b=(5,)),
            tags="rounded",
            forward=lambda x, W, b: x.astype(np.float16).astype(x.dtype) @ W + b,
            backward=lambda g, x, W, b: {
                "x": g @ W.T,
                "W": x.astype(np.float16).astype(x.dtype).T @ g,
                "b": g.sum(0),
            },
            reference=linear,
        ),
        Right(
            "float32_inside",
            draw(x=(6, 8), W=(8, 5), b=(5,)),
            tags="rounded",
            forward=lambda x, W, b: (
                (x.astype(np.float32) @ W.astype(np.float32)).astype(x.dtype) + b
            ),
            reference=linear,
        ),
    ),
)


# ---------------------------------------------- two layers, tanh, mean squared error, weight decay
DECAY = 0.1


def mlp(x, W1, b1, W2, b2, y):
    p = np.tanh(x @ W1 + b1) @ W2 + b2
    return 0.5 * ((p - y) ** 2).sum() / len(x) + DECAY * ((W1**2).sum() + (W2**2).sum())


def mlp_vjp(
    g,
    x,
    W1,
    b1,
    W2,
    b2,
    y,
    *,
    n=None,
    decay=(1.0, 1.0),
    slope=lambda z, a: 1 - a * a,
    hidden=lambda z, a: a,
) -> Arrays:
    z = x @ W1 + b1
    a = np.tanh(z)
    d = g * (a @ W2 + b2 - y) / (len(x) if n is None else n)
    dz = d @ W2.T * slope(z, a)
    return {
        "W1": x.T @ dz + g * 2 * DECAY * decay[0] * W1,
        "b1": dz.sum(0),
        "W2": hidden(z, a).T @ d + g * 2 * DECAY * decay[1] * W2,
        "b2": d.sum(0),
    }


def _mlp_bias_decay(g, **k) -> Arrays:
    return {"b1": mlp_vjp(g, **k)["b1"] + g * 2 * DECAY * k["b1"]}


def _mlp_dead_unit(g, **k) -> Arrays:
    return {"W1": _but_entry(mlp_vjp(g, **k)["W1"], (slice(None), -1), 0)}


MLP = Family(
    "mlp",
    draw(x=(8, 4), W1=(4, 6), b1=(6,), W2=(6, 3), b2=(3,), y=(8, 3)),
    mlp,
    mlp_vjp,
    "W1 b1 W2 b2",
    bugs=(
        Bug("sum_for_mean", "sum for mean", lambda g, **k: mlp_vjp(g, **k, n=1)),
        Bug("mean_over_everything", "wrong count", lambda g, **k: mlp_vjp(g, **k, n=k["y"].size)),
        Bug("decay_half", "missing factor 2", lambda g, **k: mlp_vjp(g, **k, decay=(0.5, 0.5))),
        Bug("decay_of_one_layer", "missing term", lambda g, **k: mlp_vjp(g, **k, decay=(0.0, 1.0))),
        Bug("decay_of_bias", "extra term", _mlp_bias_decay),
        Bug(
            "slope_of_z",
            "wrong activation",
            lambda g, **k: mlp_vjp(g, **k, slope=lambda z, a: 1 - z * z),
        ),
        Bug(
            "slope_left_out",
            "missing activation",
            lambda g, **k: mlp_vjp(g, **k, slope=lambda z, a: 1.0),
        ),
        Bug(
            "slope_unsquared",
            "wrong activation",
            lambda g, **k: mlp_vjp(g, **k, slope=lambda z, a: 1 - a),
        ),
        Bug(
            "preactivation_kept",
            "wrong factor",
            lambda g, **k: mlp_vjp(g, **k, hidden=lambda z, a: z),
        ),
        Bug("dead_unit", "zeroed block", _mlp_dead_unit, on="wide"),
    ),
    rights=(
        Right(
            "wide",
            draw(
                x=(16, 60),
                W1=normal(60, 100, scale=0.1),
                b1=(100,),
                W2=normal(100, 10, scale=0.1),
                b2=(10,),
                y=(16, 10),
            ),
            tags="large",
        ),
        Right("one_sample", draw(x=(1, 4), W1=(4, 6), b1=(6,), W2=(6, 3), b2=(3,), y=(1, 3))),
        Right("float32", dtype="float32"),
    ),
)


# ------------------------------------------------------------------ rectifiers before and after W1
def rectifiers(x, W1, b, W2):
    return np.maximum(np.maximum(x, 0) @ W1 + b, 0) @ W2


def rectifiers_vjp(g, x, W1, b, W2, *, at_zero=False, masks=(True, True)) -> Arrays:
    h = np.maximum(x, 0)
    z = h @ W1 + b
    d = g @ W2.T * (z > 0 if masks[1] else 1)
    open_ = x >= 0 if at_zero else x > 0
    return {
        "x": d @ W1.T * (open_ if masks[0] else 1),
        "W1": h.T @ d,
        "b": d.sum(0),
        "W2": np.maximum(z, 0).T @ g,
    }


RECTIFIERS = Family(
    "rectifier_network",
    draw(x=(4, 5), W1=(5, 8), b=(8,), W2=(8, 3)),
    rectifiers,
    rectifiers_vjp,
    "x W1 b W2",
    bugs=(
        Bug(
            "first_mask_missing",
            "missing activation",
            lambda g, **k: rectifiers_vjp(g, **k, masks=(False, True)),
        ),
        Bug(
            "second_mask_missing",
            "missing activation",
            lambda g, **k: rectifiers_vjp(g, **k, masks=(True, False)),
            on="wide",
        ),
        Bug(
            "two_per_mille",
            "factor",
            lambda g, **k: {"W1": rectifiers_vjp(g, **k)["W1"] * 1.002},
            on="wide",
            tags="subtle",
        ),
        Bug(
            "dead_unit",
            "zeroed block",
            lambda g, **k: {"W1": _but_entry(rectifiers_vjp(g, **k)["W1"], (slice(None), 3), 0)},
            on="wide",
        ),
        Bug(
            "padding_counted",
            "wrong count",
            lambda g, **k: {"W1": rectifiers_vjp(g, **k)["W1"] * 0.625},
            on="zero_padded",
        ),
        Bug(
            "straight_through_at_padding",
            "outside the subgradient",
            lambda g, **k: {
                "x": np.where(k["x"] == 0, 3, 1) * rectifiers_vjp(g, **k, at_zero=True)["x"]
            },
            on="zero_padded",
        ),
        Bug(
            "rows_swapped_beside_kinks",
            "swapped",
            lambda g, **k: {"W1": _but_swapped(rectifiers_vjp(g, **k)["W1"], 0, 1)},
            on="quantised",
        ),
        Bug(
            "sign_beside_kinks",
            "sign",
            lambda g, **k: {"x": np.where(k["x"] > 1, -1, 1) * rectifiers_vjp(g, **k)["x"]},
            on="quantised_wide",
        ),
    ),
    rights=(
        Right(
            "wide",
            draw(
                x=(16, 40), W1=normal(40, 256, scale=0.2), b=(256,), W2=normal(256, 10, scale=0.1)
            ),
            tags="large kink",
        ),
        Right(
            "wide_float32",
            draw(x=(8, 20), W1=normal(20, 128, scale=0.3), b=(128,), W2=normal(128, 10, scale=0.2)),
            dtype="float32",
            tags="large kink",
        ),
        Right(
            "zero_padded", draw(x=padded(8, 5, zeros=3), W1=(5, 8), b=(8,), W2=(8, 3)), tags="kink"
        ),
        Right(
            "zero_padded_upper",
            draw(x=padded(8, 5, zeros=3), W1=(5, 8), b=(8,), W2=(8, 3)),
            tags="kink",
            backward=lambda g, **k: rectifiers_vjp(g, **k, at_zero=True),
        ),
        Right(
            "quantised",
            draw(x=quantised(6, 5, step=1.0), W1=(5, 8), b=(8,), W2=(8, 3)),
            tags="kink",
        ),
        Right(
            "quantised_wide",
            draw(
                x=quantised(40, 50, step=1.0),
                W1=normal(50, 64, scale=0.2),
                b=(64,),
                W2=normal(64, 10, scale=0.2),
            ),
            tags="large kink",
        ),
    ),
)


# ----------------------------------------------------------------------- low-rank, gated, bilinear
def low_rank(x, W, A, B):
    return x @ W + 0.5 * (x @ A) @ B


def low_rank_vjp(g, x, W, A, B) -> Arrays:
    return {
        "x": g @ W.T + 0.5 * g @ B.T @ A.T,
        "W": x.T @ g,
        "A": 0.5 * x.T @ (g @ B.T),
        "B": 0.5 * (x @ A).T @ g,
    }


LOW_RANK = Family(
    "low_rank_adapter",
    draw(x=(6, 8), W=(8, 5), A=(8, 2), B=(2, 5)),
    low_rank,
    low_rank_vjp,
    "x W A B",
    bugs=(
        Bug(
            "scale_left_out",
            "missing factor",
            lambda g, x, W, A, B: {"A": x.T @ (g @ B.T), "B": (x @ A).T @ g},
        ),
        Bug("input_without_adapter", "missing term", lambda g, x, W, A, B: {"x": g @ W.T}),
        Bug("frozen_weight", "zero gradient", lambda g, x, W, A, B: {"W": np.zeros_like(W)}),
        Bug(
            "dead_at_start",
            "factor",
            lambda g, x, W, A, B: {"B": (x @ A).T @ g * 0.25},
            on="zero_b",
        ),
    ),
    rights=(
        Right(
            "zero_b", draw(x=(6, 8), W=(8, 5), A=(8, 2), B=normal(2, 5, scale=0.0)), tags="vacuous"
        ),
    ),
)


def bilinear(x, y, W):
    return np.einsum("bi,ijk,bj->bk", x, W, y)


def bilinear_vjp(g, x, y, W) -> Arrays:
    return {
        "x": np.einsum("bk,ijk,bj->bi", g, W, y),
        "y": np.einsum("bk,ijk,bi->bj", g, W, x),
        "W": np.einsum("bi,bk,bj->ijk", x, g, y),
    }


BILINEAR = Family(
    "bilinear",
    draw(x=(4, 3), y=(4, 3), W=(3, 3, 2)),
    bilinear,
    bilinear_vjp,
    "x y W",
    bugs=(
        Bug(
            "inputs_swapped",
            "swapped",
            lambda g, x, y, W: {
                "x": bilinear_vjp(g, x, y, W)["y"],
                "y": bilinear_vjp(g, x, y, W)["x"],
            },
        ),
        Bug(
            "weight_transposed",
            "transpose",
            lambda g, x, y, W: {"W": np.einsum("bi,bk,bj->jik", x, g, y)},
        ),
        Bug(
            "product_rule_half",
            "missing term",
            lambda g, x, y, W: {"x": bilinear_vjp(g, x, x, W)["x"]},
        ),
    ),
)


def dropout(x, mask):
    return x * mask / 0.8


DROPOUT = Family(
    "dropout_given_mask",
    draw(x=(8, 10), mask=coins(8, 10, probability=0.8)),
    dropout,
    lambda g, x, mask: {"x": g * mask / 0.8},
    "x",
    bugs=(
        Bug("unscaled", "missing factor", lambda g, x, mask: {"x": g * mask}),
        Bug(
            "scaled_by_rate",
            "wrong factor",
            lambda g, x, mask: {"x": g * mask / 0.2},
            source="NVIDIA/apex#816",
        ),
        Bug("mask_inverted", "mask inverted", lambda g, x, mask: {"x": g * (1 - mask) / 0.8}),
        Bug(
            "mask_of_first_row",
            "stale mask",
            lambda g, x, mask: {"x": g * mask[:1] / 0.8},
            source="lmnt-com/haste#43",
        ),
        Bug("mask_left_out", "mask missing", lambda g, x, mask: {"x": g / 0.8}),
    ),
)


def product_gate(x, U, V):
    return (x @ U) / (1 + np.exp(-(x @ V)))


def product_gate_vjp(g, x, U, V, *, gate_path=True) -> Arrays:
    s = 1 / (1 + np.exp(-(x @ V)))
    du, dv = g * s, g * (x @ U) * s * (1 - s)
    if not gate_path:
        dv = np.zeros_like(dv)
    return {"x": du @ U.T + dv @ V.T, "U": x.T @ du, "V": x.T @ dv}


GATED = Family(
    "gated_linear_unit",
    draw(x=(5, 4), U=(4, 6), V=(4, 6)),
    product_gate,
    product_gate_vjp,
    "x U V",
    bugs=(
        Bug(
            "gate_detached",
            "missing term",
            lambda g, **k: {"x": product_gate_vjp(g, **k, gate_path=False)["x"]},
        ),
        Bug(
            "gate_frozen",
            "zero gradient",
            lambda g, **k: {"V": product_gate_vjp(g, **k, gate_path=False)["V"]},
        ),
        Bug(
            "halves_swapped",
            "swapped",
            lambda g, **k: {"U": product_gate_vjp(g, **k)["V"], "V": product_gate_vjp(g, **k)["U"]},
        ),
    ),
    rights=(
        Right("saturated", draw(x=(5, 4), U=(4, 6), V=normal(4, 6, scale=12.0)), tags="saturated"),
    ),
)

FAMILIES = (LINEAR, MLP, RECTIFIERS, LOW_RANK, BILINEAR, DROPOUT, GATED)
