"""Selection, order and layout: gathers, sorts, running sums, segments, concatenation."""

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import (
    away,
    coins,
    decades,
    distinct,
    draw,
    fixed,
    integers,
    laid_out,
    normal,
    quantised,
    uniform,
)

DUPLICATES = fixed([0, 3, 3, 1, 3, 0])


def scattered(g, i, shape, *, overwrite=False):
    dx = np.zeros(shape, g.dtype)
    if overwrite:
        dx[i] = g
    else:
        np.add.at(dx, i, g)
    return dx


GATHER = Family(
    "gather",
    draw(x=(5, 3), i=DUPLICATES),
    lambda x, i: x[i],
    lambda g, x, i: {"x": scattered(g, i, x.shape)},
    "x",
    (
        Bug(
            "duplicates_overwritten",
            "accumulation",
            lambda g, x, i: {"x": scattered(g, i, x.shape, overwrite=True)},
            source="pytorch/pytorch#1631",
        ),
        Bug(
            "gathered_instead",
            "wrong function",
            lambda g, x, i: {"x": g[i % len(g)][: len(x)].copy()},
            source="ooples/AiDotNet.Tensors#894",
        ),
        Bug(
            "off_by_one",
            "off by one",
            lambda g, x, i: {"x": scattered(g, (i + 1) % len(x), x.shape)},
        ),
        Bug(
            "averaged",
            "mean for sum",
            lambda g, x, i: {
                "x": scattered(g, i, x.shape)
                / np.maximum(np.bincount(i, minlength=len(x)), 1)[:, None].astype(x.dtype)
            },
        ),
        Bug(
            "one_row_dead",
            "zeroed block",
            lambda g, x, i: {"x": scattered(g * (i != i[0])[:, None], i, x.shape)},
            on="large",
        ),
    ),
    (
        Right("untouched_rows", draw(x=(9, 2), i=fixed([4, 4])), tags="sparse"),
        Right("large", draw(x=(20_000, 5), i=integers(30_000, below=20_000)), tags="large sparse"),
        Right("empty_index", draw(x=(4, 2), i=fixed(np.zeros(0, int))), tags="empty constant"),
    ),
)

SCATTER = Family(
    "scatter_add",
    draw(x=(5, 3), v=(6, 3), i=DUPLICATES),
    lambda x, v, i: x + scattered(v, i, x.shape),
    lambda g, x, v, i: {"x": g.copy(), "v": g[i]},
    "x v",
    (
        Bug(
            "values_unindexed",
            "wrong layout",
            lambda g, x, v, i: {"v": np.resize(g, v.shape)},
        ),
        Bug(
            "target_masked",
            "mask",
            lambda g, x, v, i: {"x": g * (np.bincount(i, minlength=len(x)) == 0)[:, None]},
        ),
        Bug(
            "last_duplicate_only",
            "accumulation",
            lambda g, x, v, i: {
                "v": g[i] * np.array([i[k] not in i[k + 1 :] for k in range(len(i))])[:, None]
            },
            source="tracel-ai/burn#4909",
        ),
    ),
)


def embedding(w, t, padding=0):
    return w[t] * (t != padding)[..., None]


def embedding_vjp(g, w, t, *, padding=0, by_count=False) -> Arrays:
    dw = scattered(g * (t != padding)[..., None], t, w.shape)
    if by_count:
        dw = dw / np.maximum(np.bincount(t.ravel(), minlength=len(w)), 1)[:, None]
    return {"w": dw.astype(w.dtype)}


EMBEDDING = Family(
    "embedding",
    draw(w=(7, 3), t=fixed([[1, 0, 4], [4, 4, 0]])),
    embedding,
    embedding_vjp,
    "w",
    (
        Bug(
            "padding_trained",
            "mask missing",
            lambda g, w, t: embedding_vjp(g, w, t, padding=-1),
            source="pytorch/pytorch#26302",
        ),
        Bug(
            "scaled_by_frequency",
            "factor",
            lambda g, w, t: embedding_vjp(g, w, t, by_count=True),
            source="pytorch/pytorch#190063",
        ),
        Bug(
            "duplicates_overwritten",
            "accumulation",
            lambda g, w, t: {"w": scattered(g * (t != 0)[..., None], t, w.shape, overwrite=True)},
        ),
        Bug(
            "wrong_padding_row",
            "off by one",
            lambda g, w, t: embedding_vjp(g, w, t, padding=1),
            source="pytorch/torchtitan#4637",
        ),
    ),
    (Right("vocabulary", draw(w=(4000, 30), t=integers(8, 60, below=4000)), tags="large sparse"),),
)


def segment_mean(x, s):
    n = np.maximum(np.bincount(s, minlength=4), 1)[:, None].astype(x.dtype)
    return scattered(x, s, (4, x.shape[1])) / n


SEGMENTS = Family(
    "segment_mean",
    draw(x=(7, 2), s=fixed([0, 0, 1, 3, 3, 3, 0])),
    segment_mean,
    lambda g, x, s: {"x": g[s] / np.bincount(s)[s][:, None].astype(x.dtype)},
    "x",
    (
        Bug("undivided", "mean for sum", lambda g, x, s: {"x": g[s]}),
        Bug("one_count_for_all", "wrong count", lambda g, x, s: {"x": g[s] * (4 / len(x))}),
        Bug(
            "counts_shifted",
            "off by one",
            lambda g, x, s: {
                "x": g[s] / np.maximum(np.bincount(s + 1)[s], 1)[:, None].astype(x.dtype)
            },
        ),
    ),
    (Right("one_segment", draw(x=(7, 2), s=fixed([2] * 7))),),
)


# ------------------------------------------------------------------------------------------- order
def sorted_vjp(g, x, *, inverse=True) -> Arrays:
    order = np.argsort(x, axis=-1, kind="stable")
    at = np.argsort(order, axis=-1) if inverse else order
    return {"x": np.take_along_axis(g, at, -1)}


SORT = Family(
    "sort",
    draw(x=distinct(3, 8)),
    lambda x: np.sort(x, axis=-1),
    sorted_vjp,
    "x",
    (
        Bug(
            "permutation_not_inverted",
            "transpose",
            lambda g, x: sorted_vjp(g, x, inverse=False),
            source="pytorch/pytorch#57166",
        ),
        Bug("unpermuted", "wrong layout", lambda g, x: {"x": g.copy()}),
        Bug("descending", "flipped", lambda g, x: sorted_vjp(g[..., ::-1], x)),
        Bug("ties_summed", "outside the subgradient", lambda g, x: {"x": _tied(g, x)}, on="ties"),
    ),
    (
        Right("ties", draw(x=quantised(3, 8, step=1.0)), tags="kink"),
        Right("large", draw(x=(5, 20_000)), tags="large kink"),
    ),
)


def _tied(g, x):
    """Each of several equal entries gets what all of them should share."""
    exact = sorted_vjp(g, x)["x"]
    same = x[..., :, None] == x[..., None, :]
    return (same * exact[..., None, :]).sum(-1)


def top(x, k=3):
    return -np.sort(-x, axis=-1)[..., :k]


def top_vjp(g, x) -> Arrays:
    order = np.argsort(-x, axis=-1, kind="stable")[..., : g.shape[-1]]
    dx = np.zeros_like(x)
    np.put_along_axis(dx, order, g, -1)
    return {"x": dx}


TOP_K = Family(
    "top_k",
    draw(x=distinct(4, 7)),
    top,
    top_vjp,
    "x",
    (
        Bug(
            "positions_lost",
            "wrong layout",
            lambda g, x: {"x": np.concatenate([g, np.zeros_like(x[..., 3:])], -1)},
        ),
        Bug("smallest", "flipped", lambda g, x: top_vjp(g, -x)),
        Bug(
            "threshold_for_all",
            "accumulation",
            lambda g, x: {"x": (x >= top(x)[..., -1:]) * g.mean(-1, keepdims=True)},
        ),
        Bug(
            "one_too_many",
            "off by one",
            lambda g, x: {"x": top_vjp(np.concatenate([g, g[..., -1:]], -1), x)["x"]},
        ),
    ),
    (Right("ties", draw(x=quantised(4, 7, step=1.0)), tags="kink"),),
)


def median_vjp(g, x) -> Arrays:
    order = np.argsort(x, axis=-1, kind="stable")
    dx = np.zeros_like(x)
    n = x.shape[-1]
    for k in {(n - 1) // 2, n // 2}:
        np.put_along_axis(dx, order[..., k : k + 1], (g / (1 if n % 2 else 2))[..., None], -1)
    return {"x": dx}


MEDIAN = Family(
    "median",
    draw(x=distinct(3, 6)),
    lambda x: np.median(x, axis=-1),
    median_vjp,
    "x",
    (
        Bug("lower_only", "missing term", lambda g, x: {"x": _lower(g, x)}),
        Bug(
            "mean_instead",
            "wrong function",
            lambda g, x: {"x": np.broadcast_to(g[:, None] / x.shape[-1], x.shape).copy()},
        ),
        Bug(
            "middle_position",
            "wrong layout",
            lambda g, x: {
                "x": np.where(np.isin(np.arange(x.shape[-1]), (2, 3)), g[:, None] / 2, 0)
            },
        ),
    ),
    (Right("odd", draw(x=distinct(3, 7))),),
)


def _lower(g, x):
    order = np.argsort(x, axis=-1, kind="stable")
    dx = np.zeros_like(x)
    np.put_along_axis(dx, order[..., 2:3], g[:, None], -1)
    return dx


def running_max(x):
    return np.maximum.accumulate(x, axis=-1)


def running_max_vjp(g, x, *, ties_last=False) -> Arrays:
    dx = np.zeros_like(x)
    best = np.zeros(x.shape[0], int)
    rows = np.arange(x.shape[0])
    for k in range(x.shape[1]):
        at = x[rows, best]
        best = np.where(x[:, k] >= at if ties_last else x[:, k] > at, k, best)
        dx[rows, best] += g[:, k]
    return {"x": dx}


CUMMAX = Family(
    "cumulative_max",
    draw(x=distinct(3, 7)),
    running_max,
    running_max_vjp,
    "x",
    (
        Bug("only_where_new", "missing term", lambda g, x: {"x": g * (x == running_max(x))}),
        Bug(
            "summed_from_behind",
            "wrong function",
            lambda g, x: {"x": np.cumsum(g[:, ::-1], -1)[:, ::-1]},
        ),
        Bug("overwritten", "accumulation", lambda g, x: {"x": _last_only(g, x)}),
    ),
    (
        Right("ties", draw(x=quantised(3, 7, step=1.0)), tags="kink"),
        Right(
            "ties_last",
            draw(x=quantised(3, 7, step=1.0)),
            tags="kink",
            backward=lambda g, x: running_max_vjp(g, x, ties_last=True),
        ),
    ),
)


def _last_only(g, x):
    dx, best, rows = np.zeros_like(x), np.zeros(x.shape[0], int), np.arange(x.shape[0])
    for k in range(x.shape[1]):
        best = np.where(x[:, k] > x[rows, best], k, best)
        dx[rows, best] = g[:, k]
    return dx


# ------------------------------------------------------------------------------------ running sums
CUMSUM = Family(
    "cumulative_sum",
    draw(x=(4, 6)),
    lambda x: np.cumsum(x, -1),
    lambda g, x: {"x": np.cumsum(g[:, ::-1], -1)[:, ::-1]},
    "x",
    (
        Bug("same_direction", "transpose", lambda g, x: {"x": np.cumsum(g, -1)}),
        Bug("exclusive", "off by one", lambda g, x: {"x": np.cumsum(g[:, ::-1], -1)[:, ::-1] - g}),
        Bug("wrong_axis", "wrong axis", lambda g, x: {"x": np.cumsum(g[::-1], 0)[::-1]}),
    ),
    (
        Right("reversed_input", draw(x=laid_out(normal(4, 6), "reversed"))),
        Right("large", draw(x=(2, 50_000)), tags="large"),
    ),
)


def cumprod_vjp(g, x) -> Arrays:
    left = np.concatenate([np.ones_like(x[:, :1]), np.cumprod(x, -1)[:, :-1]], -1)
    tail = np.array(g)
    for k in range(x.shape[1] - 2, -1, -1):
        tail[:, k] = g[:, k] + x[:, k + 1] * tail[:, k + 1]
    return {"x": left * tail}


def _divided(g, x):
    with np.errstate(all="ignore"):
        return np.cumsum((g * np.cumprod(x, -1))[:, ::-1], -1)[:, ::-1] / x


HOLES = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]])

CUMPROD = Family(
    "cumulative_product",
    draw(x=(4, 5)),
    lambda x: np.cumprod(x, -1),
    cumprod_vjp,
    "x",
    (
        Bug(
            "nan_at_zero",
            "not finite",
            lambda g, x: {"x": _divided(g, x)},
            on="zeros",
            source="tensorflow/tensorflow#3862",
        ),
        Bug(
            "zero_at_zero",
            "zeroed block",
            lambda g, x: {"x": np.nan_to_num(_divided(g, x), nan=0, posinf=0, neginf=0)},
            on="zeros",
            source="tensorflow/tensorflow#119430",
        ),
        Bug("tail_only", "missing term", lambda g, x: {"x": g * np.cumprod(x, -1) / x}),
    ),
    (
        Right(
            "zeros",
            draw(x=lambda rng, dt: (rng.normal(size=(4, 5)) * HOLES).astype(dt)),
            source="tracel-ai/burn#3864",
        ),
        Right("decades", draw(x=decades(4, 5, low=-2, high=2)), tags="decades"),
    ),
)

DIFFERENCES = Family(
    "finite_differences",
    draw(x=(3, 7)),
    lambda x: np.diff(x, axis=-1),
    lambda g, x: {"x": np.pad(g, ((0, 0), (1, 0))) - np.pad(g, ((0, 0), (0, 1)))},
    "x",
    (
        Bug(
            "sign",
            "sign",
            lambda g, x: {"x": np.pad(g, ((0, 0), (0, 1))) - np.pad(g, ((0, 0), (1, 0)))},
        ),
        Bug("right_half", "missing term", lambda g, x: {"x": np.pad(g, ((0, 0), (1, 0)))}),
        Bug(
            "constant_passes_cheap_probes",
            "missing term",
            lambda g, x: {
                "x": np.pad(g, ((0, 0), (1, 0)))
                - np.pad(g, ((0, 0), (0, 1)))
                + g.mean(-1, keepdims=True)
            },
        ),
    ),
)

# ------------------------------------------------------------------------------------------ layout
WHERE = Family(
    "where",
    draw(a=(4, 5), b=(4, 5), m=coins(4, 5)),
    lambda a, b, m: np.where(m > 0, a, b),
    lambda g, a, b, m: {"a": g * m, "b": g * (1 - m)},
    "a b",
    (
        Bug("branches_swapped", "swapped", lambda g, a, b, m: {"a": g * (1 - m), "b": g * m}),
        Bug("unmasked", "mask missing", lambda g, a, b, m: {"b": g.copy()}),
    ),
)

LAYOUT = Family(
    "roll_flip_transpose",
    draw(x=(4, 4)),
    lambda x: np.roll(x[:, ::-1], 1, axis=0).T,
    lambda g, x: {"x": np.roll(g.T, -1, axis=0)[:, ::-1]},
    "x",
    (
        Bug("rolled_onward", "sign", lambda g, x: {"x": np.roll(g.T, 1, axis=0)[:, ::-1]}),
        Bug("not_flipped", "flipped", lambda g, x: {"x": np.roll(g.T, -1, axis=0)}),
        Bug("not_transposed", "transpose", lambda g, x: {"x": np.roll(g, -1, axis=0)[:, ::-1]}),
    ),
)

CONCATENATE = Family(
    "concatenate",
    draw(a=(3, 2), b=(3, 4), c=(3, 1)),
    lambda a, b, c: np.concatenate([a, 2 * b, c], 1),
    lambda g, a, b, c: {"a": g[:, :2].copy(), "b": 2 * g[:, 2:6], "c": g[:, 6:].copy()},
    "a b c",
    (
        Bug("offset_wrong", "off by one", lambda g, a, b, c: {"b": 2 * g[:, 1:5]}),
        Bug("last_piece_first", "swapped", lambda g, a, b, c: {"c": g[:, :1].copy()}),
        Bug("factor_forgotten", "missing factor 2", lambda g, a, b, c: {"b": g[:, 2:6].copy()}),
    ),
    (Right("empty_piece", draw(a=(3, 2), b=(3, 4), c=(3, 0)), tags="empty"),),
)

OUTER = Family(
    "broadcast_product",
    draw(a=(4, 1), b=(3,), c=()),
    lambda a, b, c: a * b + c,
    lambda g, a, b, c: {"a": (g * b).sum(1, keepdims=True), "b": (g * a).sum(0), "c": g.sum()},
    "a b c",
    (
        Bug(
            "unreduced",
            "missing reduction",
            lambda g, a, b, c: {"a": g * b},
            kind="contract",
            source="tenstorrent/tt-metal#40008",
        ),
        Bug(
            "scalar_as_array",
            "missing reduction",
            lambda g, a, b, c: {"c": g.copy()},
            kind="contract",
            source="deeplearning4j/nd4j#2424",
        ),
        Bug(
            "axis_squeezed",
            "wrong shape",
            lambda g, a, b, c: {"a": (g * b).sum(1)},
            kind="contract",
            source="aesara-devs/aesara#1089",
        ),
        Bug("mean_over_broadcast", "mean for sum", lambda g, a, b, c: {"b": (g * a).mean(0)}),
        Bug(
            "reduced_over_the_wrong_axis",
            "wrong axis",
            lambda g, a, b, c: {"b": np.resize((g * a).sum(1), 3)},
        ),
    ),
    (Right("sizes_of_one", draw(a=(1, 1), b=(1,), c=())),),
)

TRIANGLE = Family(
    "masked_fill_triangle",
    draw(x=(5, 5)),
    lambda x: np.tril(x) * 2,
    lambda g, x: {"x": 2 * np.tril(g)},
    "x",
    (
        Bug("upper", "mask inverted", lambda g, x: {"x": 2 * np.triu(g)}),
        Bug("diagonal_lost", "off by one", lambda g, x: {"x": 2 * np.tril(g, -1)}),
        Bug("unmasked", "mask missing", lambda g, x: {"x": 2 * g}),
    ),
)


def maximum_share(g, x, y, share):
    return {
        "x": g * np.where(x == y, share, x > y).astype(x.dtype),
        "y": g * np.where(x == y, 1 - share, y > x).astype(x.dtype),
    }


MAXIMUM = Family(
    "maximum_of_two",
    draw(x=away(12), y=lambda rng, dt: np.zeros(12, dt)),
    lambda x, y: np.maximum(x, y),
    lambda g, x, y: maximum_share(g, x, y, 1.0),
    "x y",
    (
        Bug(
            "both_at_ties",
            "outside the subgradient",
            lambda g, x, y: {"y": g * (y >= x)},
            on="ties",
        ),
        Bug(
            "neither_at_ties",
            "outside the subgradient",
            lambda g, x, y: {"x": g * (x > y), "y": g * (y > x)},
            on="ties",
        ),
        Bug("smaller", "mask inverted", lambda g, x, y: {"x": g * (x < y)}),
    ),
    (
        Right("ties", draw(x=quantised(16, step=1.0), y=quantised(16, step=1.0)), tags="kink"),
        Right(
            "ties_half",
            draw(x=quantised(16, step=1.0), y=quantised(16, step=1.0)),
            tags="kink",
            backward=lambda g, x, y: maximum_share(g, x, y, 0.5),
        ),
    ),
)


def row_max_vjp(g, x, *, shared=True) -> Arrays:
    hit = x == x.max(-1, keepdims=True)
    return {"x": g[:, None] * (hit / (hit.sum(-1, keepdims=True) if shared else 1)).astype(x.dtype)}


ROW_MAX = Family(
    "maximum_over_axis",
    draw(x=distinct(4, 6)),
    lambda x: x.max(-1),
    row_max_vjp,
    "x",
    (
        Bug(
            "full_at_each_tie",
            "outside the subgradient",
            lambda g, x: row_max_vjp(g, x, shared=False),
            on="all_equal",
            source="tensorflow/tensorflow#4886",
        ),
        Bug(
            "spread",
            "wrong function",
            lambda g, x: {"x": np.broadcast_to(g[:, None] / x.shape[1], x.shape).copy()},
        ),
        Bug("of_the_whole_array", "wrong axis", lambda g, x: {"x": g[:, None] * (x == x.max())}),
    ),
    (
        Right("all_equal", draw(x=normal(4, 6, scale=0.0)), tags="kink"),
        Right(
            "first_tie",
            draw(x=quantised(4, 6, step=1.0)),
            tags="kink",
            backward=lambda g, x: {"x": g[:, None] * (np.arange(6) == x.argmax(-1)[:, None])},
        ),
        Right("values_of_1e8", draw(x=uniform(4, 6, low=1e8, high=2e8)), tags="scale"),
    ),
)

FAMILIES = (
    GATHER,
    SCATTER,
    EMBEDDING,
    SEGMENTS,
    SORT,
    TOP_K,
    MEDIAN,
    CUMMAX,
    CUMSUM,
    CUMPROD,
    DIFFERENCES,
    WHERE,
    LAYOUT,
    CONCATENATE,
    OUTER,
    TRIANGLE,
    MAXIMUM,
    ROW_MAX,
)
