"""Convolution, pooling, padding, resampling."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import (
    distinct,
    draw,
    laid_out,
    literal,
    normal,
    padded,
    quantised,
    uniform,
)


def conv1d(x, w, b):
    """Stride 2, one zero on both sides: (n, c, l), (o, c, k) -> (n, o, (l + 2 - k) // 2 + 1)."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1))), w.shape[2], axis=2)[
        :, :, ::2
    ]
    return np.einsum("nclk,ock->nol", windows, w) + b[:, None]


def conv1d_vjp(g, x, w, b, *, flipped=False, stride=2, cut=1) -> Arrays:
    padded_x = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    windows = sliding_window_view(padded_x, w.shape[2], axis=2)[:, :, ::2]
    dx = np.zeros_like(padded_x)
    kernel = w[:, :, ::-1] if flipped else w
    for k in range(w.shape[2]):
        for j in range(g.shape[2]):
            at = stride * j + k
            if at < dx.shape[2]:
                dx[:, :, at] += g[:, :, j] @ kernel[:, :, k]
    return {
        "x": dx[:, :, cut : cut + x.shape[2]],
        "w": np.einsum("nol,nclk->ock", g, windows),
        "b": g.sum((0, 2)),
    }


CONV1D = Family(
    "conv1d",
    draw(x=(2, 3, 9), w=(4, 3, 3), b=(4,)),
    conv1d,
    conv1d_vjp,
    "x w b",
    (
        Bug(
            "kernel_flipped",
            "flipped",
            lambda g, x, w, b: {"x": conv1d_vjp(g, x, w, b, flipped=True)["x"]},
        ),
        Bug(
            "stride_ignored",
            "stride",
            lambda g, x, w, b: {"x": conv1d_vjp(g, x, w, b, stride=1)["x"]},
            source="huggingface/candle#2337",
        ),
        Bug(
            "padding_not_cut",
            "off by one",
            lambda g, x, w, b: {"x": conv1d_vjp(g, x, w, b, cut=0)["x"]},
        ),
        Bug(
            "weight_averaged",
            "mean for sum",
            lambda g, x, w, b: {"w": conv1d_vjp(g, x, w, b)["w"] / (len(x) * g.shape[2])},
            source="sebgao/cTensor#3",
        ),
        Bug("bias_over_batch_only", "missing reduction", lambda g, x, w, b: {"b": g.sum(0)[:, 0]}),
        Bug("unpadded_weight", "boundary", lambda g, x, w, b: {"w": _interior(g, x, w)}),
    ),
    (
        Right(
            "fortran",
            draw(
                x=laid_out(normal(2, 3, 9), "fortran"),
                w=laid_out(normal(4, 3, 3), "strided"),
                b=(4,),
            ),
        ),
        Right("one_sample", draw(x=(1, 3, 9), w=(4, 3, 3), b=(4,))),
        Right("float32", dtype="float32"),
        Right("zero_padded_data", draw(x=padded(4, 3, 9, zeros=2), w=(4, 3, 3), b=(4,))),
    ),
)


def _interior(g, x, w):
    """The weight gradient without the windows that reach into the padding."""
    g = g.copy()
    g[:, :, 0] = 0
    return conv1d_vjp(g, x, w, w[:, 0, 0])["w"]


def unfolded(x, k=3):
    """Returns (n, c·k·k, positions), the columns of a 3×3 convolution with padding 1."""
    n, c, h, w = x.shape
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (k, k), axis=(2, 3))
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * k * k, h * w)


def folded(columns, shape, k=3, overwrite=False):
    """The adjoint of `unfolded`."""
    n, c, h, w = shape
    x = np.zeros((n, c, h + 2, w + 2), columns.dtype)
    parts = columns.reshape(n, c, k, k, h, w)
    for i in range(k):
        for j in range(k):
            if overwrite:
                x[:, :, i : i + h, j : j + w] = parts[:, :, i, j]
            else:
                x[:, :, i : i + h, j : j + w] += parts[:, :, i, j]
    return x[:, :, 1:-1, 1:-1]


def conv2d(x, w):
    n, _, height, width = x.shape
    return (w.reshape(len(w), -1) @ unfolded(x)).reshape(n, len(w), height, width)


def conv2d_vjp(g, x, w, *, overwrite=False, samples=None, mix=False) -> Arrays:
    flat = g.reshape(len(g), g.shape[1], -1)
    rows = w.reshape(len(w), -1)
    if mix:  # (c, k, k) read as (k, k, c)
        rows = w.transpose(0, 2, 3, 1).reshape(len(w), -1)
    dw = np.einsum("nop,nkp->ok", flat[:samples], unfolded(x)[:samples]).reshape(w.shape)
    return {"x": folded(rows.T @ flat, x.shape, overwrite=overwrite), "w": dw}


CONV2D = Family(
    "conv2d",
    draw(x=(2, 3, 5, 4), w=(4, 3, 3, 3)),
    conv2d,
    conv2d_vjp,
    "x w",
    (
        Bug(
            "overlaps_overwritten",
            "accumulation",
            lambda g, x, w: {"x": conv2d_vjp(g, x, w, overwrite=True)["x"]},
        ),
        Bug(
            "columns_mixed", "transpose", lambda g, x, w: {"x": conv2d_vjp(g, x, w, mix=True)["x"]}
        ),
        Bug(
            "first_32_samples",
            "missing term",
            lambda g, x, w: {"w": conv2d_vjp(g, x, w, samples=32)["w"]},
            on="batch",
            source="open-mmlab/mmcv#1169",
        ),
        Bug(
            "kernel_transposed",
            "transpose",
            lambda g, x, w: {"w": conv2d_vjp(g, x, w)["w"].swapaxes(2, 3)},
        ),
        Bug(
            "first_pixel_only",
            "missing term",
            lambda g, x, w: {"w": conv2d_vjp(g * (np.arange(g.shape[3]) > 0), x, w)["w"]},
        ),
        Bug(
            "swapped_pixels",
            "swapped",
            lambda g, x, w: {"x": _pixels_swapped(conv2d_vjp(g, x, w)["x"])},
            on="large",
        ),
    ),
    (
        Right("batch", draw(x=(40, 1, 4, 4), w=(2, 1, 3, 3))),
        Right("large", draw(x=(2, 3, 130, 130), w=(2, 3, 3, 3)), tags="large"),
        Right(
            "constant_image",
            draw(x=lambda rng, dt: np.ones((2, 3, 5, 4), dt), w=(4, 3, 3, 3)),
            tags="symmetric",
        ),
    ),
)


def _pixels_swapped(gradient):
    flat = gradient.reshape(-1).copy()
    flat[[12_345, 77_001]] = flat[[77_001, 12_345]]
    return flat.reshape(gradient.shape)


def grouped(x, w):
    """A depthwise convolution over length: (n, c, l), (c, k)."""
    return np.einsum("nclk,ck->ncl", sliding_window_view(x, w.shape[1], axis=2), w)


def grouped_vjp(g, x, w, *, shared=False) -> Arrays:
    windows = sliding_window_view(x, w.shape[1], axis=2)
    dx = np.zeros_like(x)
    for k in range(w.shape[1]):
        dx[:, :, k : k + g.shape[2]] += g * w[:, k][:, None]
    dw = np.einsum("ncl,nclk->ck", g, windows)
    return {"x": dx, "w": np.roll(dw, 1, axis=0) if shared else dw}


DEPTHWISE = Family(
    "depthwise_convolution",
    draw(x=(2, 4, 7), w=(4, 3)),
    grouped,
    grouped_vjp,
    "x w",
    (
        Bug(
            "groups_rotated",
            "wrong axis",
            lambda g, x, w: {"w": grouped_vjp(g, x, w, shared=True)["w"]},
            source="pytorch/pytorch#51430",
        ),
        Bug(
            "groups_summed",
            "missing axis",
            lambda g, x, w: {
                "w": np.broadcast_to(grouped_vjp(g, x, w)["w"].sum(0), w.shape).copy()
            },
            source="tracel-ai/burn#1891",
        ),
        Bug("kernel_flipped", "flipped", lambda g, x, w: {"x": grouped_vjp(g, x, w[:, ::-1])["x"]}),
    ),
)


def transposed(x, w):
    """Transposed convolution of stride 2: (n, c, l), (c, o, k) -> (n, o, 2 (l - 1) + k)."""
    y = np.zeros((len(x), w.shape[1], 2 * (x.shape[2] - 1) + w.shape[2]), x.dtype)
    for k in range(w.shape[2]):
        y[:, :, k : k + 2 * x.shape[2] - 1 : 2] += np.einsum("ncl,co->nol", x, w[:, :, k])
    return y


def transposed_vjp(g, x, w, *, stride=2) -> Arrays:
    ends = [slice(k, k + stride * (x.shape[2] - 1) + 1, stride) for k in range(w.shape[2])]
    return {
        "x": sum(np.einsum("nol,co->ncl", g[:, :, at], w[:, :, k]) for k, at in enumerate(ends)),
        "w": np.stack([np.einsum("ncl,nol->co", x, g[:, :, at]) for at in ends], axis=2),
    }


TRANSPOSED = Family(
    "transposed_convolution",
    draw(x=(2, 3, 5), w=(3, 4, 3)),
    transposed,
    transposed_vjp,
    "x w",
    (
        Bug(
            "stride_ignored",
            "stride",
            lambda g, x, w: {"x": transposed_vjp(g, x, w, stride=1)["x"]},
            source="pytorch/pytorch#63314",
        ),
        Bug(
            "weight_stride_ignored",
            "stride",
            lambda g, x, w: {"w": transposed_vjp(g, x, w, stride=1)["w"]},
        ),
        Bug(
            "kernel_flipped",
            "flipped",
            lambda g, x, w: {"x": transposed_vjp(g, x, w[:, :, ::-1])["x"]},
        ),
    ),
)


# ----------------------------------------------------------------------------------------- pooling
def max_pool(x):
    """Windows of 3, stride 2, over the last axis."""
    return sliding_window_view(x, 3, axis=-1)[..., ::2, :].max(-1)


def max_pool_vjp(g, x, *, last=False, shared=False, every=False, overwrite=False) -> Arrays:
    windows = sliding_window_view(x, 3, axis=-1)[..., ::2, :]
    hit = windows == windows.max(-1, keepdims=True)
    if every:
        share = hit.astype(x.dtype)
    elif shared:
        share = (hit / hit.sum(-1, keepdims=True)).astype(x.dtype)
    else:
        first = 2 - hit[..., ::-1].argmax(-1) if last else hit.argmax(-1)
        share = (np.arange(3) == first[..., None]).astype(x.dtype)
    dx = np.zeros_like(x)
    for k in range(3):
        part = g * share[..., k]
        at = (..., slice(k, k + 2 * g.shape[-1] - 1, 2))
        if overwrite:
            dx[at] = np.where(share[..., k] > 0, part, dx[at])
        else:
            dx[at] += part
    return {"x": dx}


MAX_POOL = Family(
    "max_pool",
    draw(x=distinct(2, 3, 9)),
    max_pool,
    max_pool_vjp,
    "x",
    (
        Bug(
            "overlaps_overwritten",
            "accumulation",
            lambda g, x: max_pool_vjp(g, x, overwrite=True),
            source="FluxML/NNlib.jl#205",
        ),
        Bug(
            "every_tied_entry",
            "outside the subgradient",
            lambda g, x: max_pool_vjp(g, x, every=True),
            on="ties",
            source="Theano/Theano#4568",
        ),
        Bug(
            "close_counts_as_equal",
            "wrong mask",
            lambda g, x: {"x": _close(g, x)},
            on="close",
            source="mni-ml/framework#22",
        ),
        Bug(
            "first_window_only",
            "missing term",
            lambda g, x: {"x": max_pool_vjp(g * (np.arange(g.shape[-1]) == 0), x)["x"]},
            source="riccardoandreoni0/CNN-from-scratch#1",
        ),
        Bug("minimum", "wrong mask", lambda g, x: max_pool_vjp(g, -x)),
        Bug("averaged", "wrong function", lambda g, x: {"x": _averaged(g, x)}),
        Bug(
            "padding_takes_all",
            "outside the subgradient",
            lambda g, x: {"x": np.where(x == 0, 2, 1) * max_pool_vjp(g, x)["x"]},
            on="zero_padded",
        ),
    ),
    (
        Right("ties", draw(x=quantised(2, 3, 9, step=1.0)), tags="kink"),
        Right(
            "ties_last",
            draw(x=quantised(2, 3, 9, step=1.0)),
            tags="kink",
            backward=lambda g, x: max_pool_vjp(g, x, last=True),
        ),
        Right(
            "ties_shared",
            draw(x=quantised(2, 3, 9, step=1.0)),
            tags="kink",
            backward=lambda g, x: max_pool_vjp(g, x, shared=True),
        ),
        Right("close", draw(x=distinct(2, 3, 9, gap=2e-3))),
        Right(
            "zero_padded",
            draw(x=lambda rng, dt: np.maximum(rng.normal(size=(6, 4, 15)), 0).astype(dt)),
            tags="kink",
        ),
        Right("large", draw(x=(10, 10, 1001)), tags="large"),
    ),
)


def _close(g, x):
    windows = sliding_window_view(x, 3, axis=-1)[..., ::2, :]
    near = (windows.max(-1, keepdims=True) - windows < 1e-2).astype(x.dtype)
    dx = np.zeros_like(x)
    for k in range(3):
        dx[..., k : k + 2 * g.shape[-1] - 1 : 2] += g * near[..., k]
    return dx


def _averaged(g, x):
    dx = np.zeros_like(x)
    for k in range(3):
        dx[..., k : k + 2 * g.shape[-1] - 1 : 2] += g / 3
    return dx


def blocks(x):
    """Means of 2×2 blocks."""
    n, h, w = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2).mean((2, 4))


def repeated(g):
    return np.repeat(np.repeat(g, 2, axis=1), 2, axis=2)


AVERAGE_POOL = Family(
    "average_pool",
    draw(x=(2, 4, 6)),
    blocks,
    lambda g, x: {"x": repeated(g) / 4},
    "x",
    (
        Bug("undivided", "mean for sum", lambda g, x: {"x": repeated(g)}),
        Bug("halved_once", "factor", lambda g, x: {"x": repeated(g) / 2}),
        Bug("tiled", "wrong layout", lambda g, x: {"x": np.tile(g, (1, 2, 2)) / 4}),
        Bug(
            "blocked",
            "zero gradient",
            lambda g, x: {"x": np.zeros_like(x)},
            source="mashmawy/AlbiruniML#2",
        ),
    ),
    (
        Right(
            "nearest_upsampling",
            forward=lambda x: repeated(x),
            backward=lambda g, x: {"x": 4 * blocks(g)},
        ),
    ),
)


def pad_reflect(x):
    return np.pad(x, ((0, 0), (2, 2)), mode="reflect")


def pad_reflect_vjp(g, x, mirrored=1.0, shift=0) -> Arrays:
    dx = g[:, 2:-2].copy()
    dx[:, 1 - shift : 3 - shift] += mirrored * g[:, 1::-1]
    dx[:, -3 + shift : -1 + shift or None] += mirrored * g[:, :-3:-1]
    return {"x": dx}


REFLECT = Family(
    "reflection_padding",
    draw(x=(3, 6)),
    pad_reflect,
    pad_reflect_vjp,
    "x",
    (
        Bug("mirror_dropped", "missing term", lambda g, x: pad_reflect_vjp(g, x, 0.0)),
        Bug("edge_repeated", "off by one", lambda g, x: pad_reflect_vjp(g, x, 1.0, 1)),
    ),
)


def resampled(x, t):
    """Linear interpolation of the rows of x at positions t, clamped at both ends."""
    t = np.clip(t, 0, x.shape[1] - 1)
    i = np.minimum(t.astype(int), x.shape[1] - 2)
    f = t - i.astype(t.dtype)
    return x[:, i] * (1 - f) + x[:, i + 1] * f


def resampled_vjp(g, x, t, *, clamped=True, swapped=False, added=True) -> Arrays:
    inside = np.clip(t, 0, x.shape[1] - 1)
    i = np.minimum(inside.astype(int), x.shape[1] - 2)
    f = inside - i.astype(t.dtype)
    left, right = (f, 1 - f) if swapped else (1 - f, f)
    dx = np.zeros_like(x)
    for at, share in ((i, left), (i + 1, right)):
        if added:
            np.add.at(dx.T, at, (g * share).T)
        else:
            dx[:, at] = g * share
    dt = (g * (x[:, i + 1] - x[:, i])).sum(0)
    return {"x": dx, "t": dt * (t == inside) if clamped else dt}


GRID = Family(
    "linear_interpolation",
    draw(x=(2, 6), t=literal(0.3, 1.7, 1.2, 4.6, 3.5, 1.4, -0.8, 5.9, 4.1)),
    resampled,
    resampled_vjp,
    "x t",
    (
        Bug(
            "border_not_clamped",
            "boundary",
            lambda g, x, t: {"t": resampled_vjp(g, x, t, clamped=False)["t"]},
            source="pytorch/pytorch#23925",
        ),
        Bug(
            "weights_swapped",
            "swapped",
            lambda g, x, t: {"x": resampled_vjp(g, x, t, swapped=True)["x"]},
        ),
        Bug(
            "duplicates_overwritten",
            "accumulation",
            lambda g, x, t: {"x": resampled_vjp(g, x, t, added=False)["x"]},
        ),
        Bug("grid_sign", "sign", lambda g, x, t: {"t": -resampled_vjp(g, x, t)["t"]}),
        Bug("grid_missing", "missing", lambda g, x, t: {"t": None}, kind="contract"),
        Bug(
            "wild_at_the_border",
            "outside the subgradient",
            lambda g, x, t: {"t": np.where(t == 5, -8, 1) * resampled_vjp(g, x, t)["t"]},
            on="at_nodes",
            source="pytorch/pytorch#32829",
        ),
    ),
    (
        Right("at_nodes", draw(x=(2, 6), t=literal(0.3, 1, 2.0, 4.6, 3, 0, 5)), tags="kink"),
        Right(
            "in_pixels_of_1e4",
            draw(x=(2, 10_001), t=uniform(9, low=9e3, high=9.9e3)),
            tags="large cancellation float64",
        ),
    ),
)


def bilinear_resize(x):
    """Doubles both sides, corners aligned."""
    return np.einsum(
        "ih,nhw,jw->nij", _stretch(x.shape[1], x.dtype), x, _stretch(x.shape[2], x.dtype)
    )


def _stretch(n, dtype, corners=True):
    t = (
        np.linspace(0, n - 1, 2 * n)
        if corners
        else np.clip((np.arange(2 * n) + 0.5) / 2 - 0.5, 0, n - 1)
    )
    i = np.minimum(t.astype(int), n - 2)
    m = np.zeros((2 * n, n))
    m[np.arange(2 * n), i] += 1 - (t - i)
    m[np.arange(2 * n), i + 1] += t - i
    return m.astype(dtype)


def bilinear_resize_vjp(g, x, corners=True) -> Arrays:
    rows, columns = _stretch(x.shape[1], x.dtype, corners), _stretch(x.shape[2], x.dtype, corners)
    return {"x": np.einsum("ih,nij,jw->nhw", rows, g, columns)}


RESIZE = Family(
    "bilinear_resize",
    draw(x=(2, 4, 3)),
    bilinear_resize,
    bilinear_resize_vjp,
    "x",
    (
        Bug(
            "corners_not_aligned",
            "boundary",
            lambda g, x: bilinear_resize_vjp(g, x, corners=False),
        ),
        Bug("nearest", "wrong function", lambda g, x: {"x": 4 * blocks(g)}),
        Bug("normalised", "factor", lambda g, x: {"x": bilinear_resize_vjp(g, x)["x"] / 4}),
    ),
)

FAMILIES = (
    CONV1D,
    CONV2D,
    DEPTHWISE,
    TRANSPOSED,
    MAX_POOL,
    AVERAGE_POOL,
    REFLECT,
    GRID,
    RESIZE,
)
