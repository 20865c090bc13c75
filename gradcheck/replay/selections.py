"""NumPy's functions that decide and give floating values: what each is on a frozen branch.

Where a function is made of others, it is written in terms of them, on traced arrays; where it
selects, recorded indices are gathered.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from gradcheck.replay.elementwise import adjacent, copied, in_lines
from gradcheck.replay.tape import Tape, active, running
from gradcheck.replay.traced import KINDS, Traced, bare, wrapped


def _tape() -> Tape:
    tape = active()
    assert tape is not None
    return tape


def _reduce(u: np.ufunc, x: Any, axis: Any = None, out: Any = None, **kwargs: Any) -> Any:
    given = {key: value for key, value in kwargs.items() if value is not np._NoValue}
    return u.reduce(x, axis=axis, **({} if out is None else {"out": out}), **given)


def _spread(x: Any, axis: Any = None, out: Any = None, **kwargs: Any) -> Any:
    return np.subtract(
        _reduce(np.maximum, x, axis, **kwargs), _reduce(np.minimum, x, axis, **kwargs)
    )


def _clip(x: Any, low: Any = None, high: Any = None, out: Any = None, **kwargs: Any) -> Any:
    low = kwargs.pop("min", kwargs.pop("a_min", low))
    high = kwargs.pop("max", kwargs.pop("a_max", high))
    low, high = (None if bound is np._NoValue else bound for bound in (low, high))
    given = kwargs if out is None else {"out": out, **kwargs}
    if low is None and high is None:
        return np.positive(x, **given)
    if low is None:
        return np.minimum(x, high, **given)
    if high is None:
        return np.maximum(x, low, **given)
    return _CLIP(x, low, high, **given)


_CLIP: Any = np._core.umath.clip  # pyright: ignore


def _round(x: Any, decimals: int = 0, out: Any = None) -> Any:
    tape, data = _tape(), bare(x)
    with running(None):
        steps = data * 10.0**decimals
        value = copied(
            tape.decide(
                "round",
                np.shape(data),
                lambda: np.round(data, decimals),
                lambda _: np.count_nonzero(np.abs(steps - np.trunc(steps)) == 0.5),
            )
        )
    return _to(out, wrapped(value))


def _sort(x: Any, axis: int | None = -1, kind: Any = None, order: Any = None, **kwargs: Any) -> Any:
    return _ordered(
        "sort", x, axis, lambda data, at: np.argsort(data, axis=at, kind=kind, **kwargs)
    )


def _partition(x: Any, kth: Any, axis: int | None = -1, **_: Any) -> Any:
    return _ordered("partition", x, axis, lambda data, at: np.argpartition(data, kth, axis=at))


def _ordered(op: str, x: Any, axis: int | None, order: Callable[[Any, int], Any]) -> Any:
    tape, data = _tape(), np.asanyarray(bare(x))
    with running(None):
        data, at = (data.ravel(), -1) if axis is None else (data, axis)
        index = tape.decide(
            op,
            data.shape,
            lambda: order(data, at),
            lambda found: adjacent(np.sort(data, axis=at), at),
        )
        return wrapped(np.take_along_axis(data, index, at))


def _in_place(function: Callable[..., Any], x: Traced, *args: Any, **kwargs: Any) -> None:
    x[...] = function(x, *args, **kwargs)


def _median(
    x: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    lines, expand = _lines(x, axis, keepdims)
    n = lines.shape[-1]
    middle = slice((n - 1) // 2, n // 2 + 1)

    def places() -> Any:
        return np.argsort(lines, axis=-1, kind="stable")[..., middle]

    def ties(index: Any) -> int:
        values = np.take_along_axis(lines, index, -1)
        equal = np.sum(lines[..., None] == values[..., None, :], axis=-2)
        return int(np.count_nonzero(equal > 1))

    tape = _tape()
    with running(None):
        index = tape.decide("median", lines.shape, places, ties)
        value = np.mean(np.take_along_axis(lines, index, -1), axis=-1)
    return _to(out, wrapped(expand(value)))


def _quantile(
    percent: float,
    x: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    **kwargs: Any,
) -> Any:
    tape = _tape()
    plain: Any = np.quantile if percent == 1 else np.percentile
    lines, expand = _lines(x, axis, keepdims)
    with running(None):
        index = tape.decide(
            "quantile",
            lines.shape,
            lambda: np.argsort(lines, axis=-1, kind="stable"),
            lambda found: adjacent(np.sort(lines, axis=-1)),
        )
        ordered = np.take_along_axis(lines, index, -1)
        if method != "linear" or kwargs or np.all(np.diff(ordered, axis=-1) >= 0):
            if method != "linear" or kwargs:
                tape.escape(f"np.quantile with method={method!r}")
            value = plain(bare(x), bare(q), axis, None, False, method=method, keepdims=keepdims)
        else:
            at = np.asarray(bare(q)) / percent * (lines.shape[-1] - 1)
            low = np.floor(at).astype(int)
            high = np.minimum(low + 1, lines.shape[-1] - 1)
            parts = [np.moveaxis(ordered[..., i], -1, 0) for i in map(np.atleast_1d, (low, high))]
            share = np.atleast_1d(at - low).reshape(-1, *[1] * (lines.ndim - 1))
            value = parts[0] + share * (parts[1] - parts[0])
            value = np.stack([np.asarray(expand(v)) for v in value]).reshape(
                np.shape(q) + np.shape(expand(value[0]))
            )[()]
    return _to(out, wrapped(value))


def _where(condition: Any, *choices: Any) -> Any:
    from gradcheck.replay import numpy_ops

    if type(condition) in KINDS:
        condition = np.not_equal(condition, 0)
    return numpy_ops.passed(_tape(), "where", np.where, (condition, *choices), {})


def _piecewise(x: Any, conditions: Any, functions: Any, *args: Any, **kwargs: Any) -> Any:
    data = bare(x)
    single = not isinstance(conditions[0], (list, np.ndarray)) and np.ndim(data) != 0
    masks = np.asarray([conditions] if np.isscalar(conditions) or single else conditions, bool)
    if len(masks) == len(functions) - 1:
        masks = np.concatenate([masks, ~np.any(masks, axis=0, keepdims=True)])
    y = wrapped(np.zeros_like(data))
    for mask, piece in zip(masks, functions, strict=True):
        if not callable(piece):
            y[mask] = piece
        elif np.any(mask):
            y[mask] = piece(x[mask], *args, **kwargs)
    return y


def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    tape = _tape()
    at, knots, values = (np.asarray(bare(a)) for a in (x, xp, fp))
    with running(None):
        value = np.interp(at, knots, values, bare(left), bare(right), period)
        if period is not None:
            tape.escape("np.interp with a period")
            return wrapped(value)
        now = np.searchsorted(knots, at, side="right")
        place = tape.decide(
            "interp", at.shape, lambda: now, lambda _: np.count_nonzero(np.isin(at, knots))
        )
        flipped = now != place
        if np.any(flipped):
            low = np.clip(place - 1, 0, len(knots) - 2)
            slope = (values[low + 1] - values[low]) / (knots[low + 1] - knots[low])
            inside = values[low] + slope * (at - knots[low])
            first = values[0] if left is None else bare(left)
            last = values[-1] if right is None else bare(right)
            branch = np.where(place == 0, first, np.where(place == len(knots), last, inside))
            value = np.where(flipped, branch, value)[()]
    return wrapped(value)


def _unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **kwargs: Any,
) -> Any:
    tape, data = _tape(), np.asarray(bare(x))
    with running(None):
        found = copied(
            tape.decide(
                "unique",
                data.shape,
                lambda: np.unique(data, True, True, True, axis=axis, **kwargs)[1:],
                lambda rest: np.count_nonzero(rest[2] > 1),
            )
        )
        values = np.take(data.ravel() if axis is None else data, found[0], axis=axis or 0)
    wanted = [f for f, w in zip(found, (return_index, return_inverse, return_counts)) if w]  # noqa: B905
    return (wrapped(values), *wanted) if wanted else wrapped(values)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    from gradcheck.replay import numpy_ops

    vector = np.ndim(bare(x)) == 1 if axis is None else np.size(axis) == 1
    if ord is None or ord in ("fro", "nuc") or (ord == 2) or (ord == -2 and not vector):
        return numpy_ops.passed(_tape(), "norm", np.linalg.norm, (x, ord, axis, keepdims), {})
    if not vector:
        return _matrix_norm(x, ord, axis, keepdims)
    sizes = np.absolute(x)
    if ord == np.inf:
        return sizes.max(axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return sizes.min(axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.add.reduce(sizes, axis=axis, keepdims=keepdims)
    if ord == 0:
        return (x != 0).astype(bare(x).real.dtype).sum(axis=axis, keepdims=keepdims)
    return np.add.reduce(sizes**ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _matrix_norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    """Returns the largest, or smallest, sum of sizes along rows (inf) or columns (1)."""
    rows, columns = normalize_axis_tuple((0, 1) if axis is None else axis, np.ndim(bare(x)))
    summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = np.add.reduce(np.absolute(x), axis=summed, keepdims=True)
    extreme = (sums.max if ord > 0 else sums.min)(axis=kept, keepdims=True)
    return extreme if keepdims else np.squeeze(extreme, (rows, columns))[()]


def _apply_along_axis(f: Callable[..., Any], axis: int, x: Any, *args: Any, **kwargs: Any) -> Any:
    lines = np.moveaxis(x, axis, -1)
    lead = bare(lines).shape[:-1]
    results = [np.asarray(f(lines[i], *args, **kwargs)) for i in np.ndindex(*lead)]
    stacked = np.stack(results).reshape(*lead, *np.shape(bare(results[0])))
    return np.moveaxis(stacked, -1, axis) if np.ndim(bare(results[0])) == 1 else stacked


def _pad(x: Any, width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    from gradcheck.replay import numpy_ops

    if mode in ("maximum", "minimum", "median") or callable(mode):
        _tape().escape(f"np.pad with mode={mode!r}")
    return numpy_ops.passed(_tape(), "pad", np.pad, (x, width, mode), kwargs)


def _lines(x: Any, axis: Any, keepdims: Any) -> tuple[np.ndarray, Callable[[Any], Any]]:
    """Returns an array with the reduced axes last, as one, and what gives a result its shape."""
    data = np.asarray(bare(x))
    axes = tuple(range(data.ndim)) if axis is None else normalize_axis_tuple(axis, data.ndim)
    shape = [1 if i in axes else n for i, n in enumerate(data.shape)]
    keep = bool(keepdims) and keepdims is not np._NoValue
    return in_lines(data, axes), lambda v: np.reshape(v, shape) if keep else v


def _to(out: Any, value: Any) -> Any:
    if out is None:
        return value
    out[...] = value
    return out


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.max: partial(_reduce, np.maximum),
    np.min: partial(_reduce, np.minimum),
    np.amax: partial(_reduce, np.maximum),
    np.amin: partial(_reduce, np.minimum),
    np.nanmax: partial(_reduce, np.fmax),
    np.nanmin: partial(_reduce, np.fmin),
    np.ptp: _spread,
    np.clip: _clip,
    np.round: _round,
    np.around: _round,
    np.fix: lambda x, out=None: _to(out, np.trunc(x)),
    np.sort: _sort,
    np.partition: _partition,
    np.median: _median,
    np.quantile: partial(_quantile, 1.0),
    np.percentile: partial(_quantile, 100.0),
    np.where: _where,
    np.piecewise: _piecewise,
    np.interp: _interp,
    np.unique: _unique,
    np.linalg.norm: _norm,
    np.pad: _pad,
    np.apply_along_axis: _apply_along_axis,
}
"""Functions that decide, followed."""

METHODS: dict[str, Callable[..., Any]] = {
    "max": FUNCTIONS[np.max],
    "min": FUNCTIONS[np.min],
    "clip": _clip,
    "round": _round,
    "sort": partial(_in_place, _sort),
    "partition": partial(_in_place, _partition),
}
"""Methods of an array that decide, followed."""

OPAQUE: set[Callable[..., Any]] = {
    np.apply_over_axes,
    np.histogram,
    np.histogram2d,
    np.histogramdd,
    np.linalg.cond,
    np.linalg.matrix_norm,
    np.linalg.vector_norm,
    np.nanmedian,
    np.nanpercentile,
    np.nanquantile,
    np.real_if_close,
    np.sort_complex,
    np.trim_zeros,
    np.unwrap,
}
"""Functions that decide, in ways that are not followed."""
