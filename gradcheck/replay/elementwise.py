"""The ufuncs that decide: which branch each entry takes, and what the branches compute.

A frozen result is the plain one wherever the decision would be the same, bit for bit: only the
entries that would decide otherwise are computed anew, by their recorded branch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from gradcheck.replay.tape import Tape


@dataclass(frozen=True)
class Piecewise:
    """An elementwise operation that takes one of several branches in each entry.

    Attributes:
        choose: operands -> the number of the branch that each entry takes.
        branches: operands -> the values of a branch, one function each.
        on_kink: operands -> the entries that lie between two branches.
    """

    choose: Callable[..., Any]
    branches: tuple[Callable[..., Any], ...]
    on_kink: Callable[..., Any]


def _equal(a: Any, b: Any) -> Any:
    return (a == b) & np.isfinite(a)


def _larger(beats: Callable[[Any, Any], Any], skips_nan: bool) -> Piecewise:
    """Returns the larger, or smaller, of two operands: the first unless the second beats it."""

    def second(a: Any, b: Any) -> Any:
        missing, present = (a, b) if skips_nan else (b, a)
        return beats(b, a) | ((missing != missing) & (present == present))

    return Piecewise(second, (lambda a, b: a, lambda a, b: b), _equal)


_ABSOLUTE = Piecewise(lambda x: x < 0, (lambda x: x, np.negative), lambda x: x == 0)

PIECEWISE: dict[str, Piecewise] = {
    "absolute": _ABSOLUTE,
    "fabs": _ABSOLUTE,
    "maximum": _larger(np.greater, skips_nan=False),
    "minimum": _larger(np.less, skips_nan=False),
    "fmax": _larger(np.greater, skips_nan=True),
    "fmin": _larger(np.less, skips_nan=True),
    "clip": Piecewise(
        lambda x, low, high: np.where(np.maximum(x, low) > high, 2, x < low).astype(np.int8),
        (lambda x, low, high: x, lambda x, low, high: low, lambda x, low, high: high),
        lambda x, low, high: _equal(x, low) | _equal(x, high),
    ),
    "copysign": Piecewise(
        lambda a, b: np.signbit(a) ^ np.signbit(b),
        (lambda a, b: a, lambda a, b: np.negative(a)),
        lambda a, b: (a == 0) | (b == 0),
    ),
    "heaviside": Piecewise(
        lambda x, h: (np.sign(x) + 1).astype(np.int8),
        (lambda x, h: 0 * h, lambda x, h: h, lambda x, h: 0 * h + 1),
        lambda x, h: x == 0,
    ),
}

CONSTANT: dict[str, Callable[..., Any]] = {
    "sign": lambda x: x == 0,
    "floor": lambda x: x == np.floor(x),
    "ceil": lambda x: x == np.ceil(x),
    "trunc": lambda x: (x == np.trunc(x)) & (x != 0),
    "rint": lambda x: np.abs(x - np.trunc(x)) == 0.5,
    "floor_divide": lambda a, b: a == b * np.floor_divide(a, b),
    "greater": _equal,
    "greater_equal": _equal,
    "less": _equal,
    "less_equal": _equal,
    "equal": _equal,
    "not_equal": _equal,
    "logical_not": lambda x: x == 0,
}
"""Ufuncs whose result is constant on a branch; next to each, the entries that are on a kink."""

QUOTIENT = {"remainder", "fmod"}
"""Ufuncs a − q b, with q constant on a branch."""

SELECTING: dict[str, Callable[..., Any]] = {
    "maximum": np.argmax,
    "minimum": np.argmin,
    "fmax": lambda x, axis: np.argmax(np.where(np.isnan(x), -np.inf, x), axis),
    "fmin": lambda x, axis: np.argmin(np.where(np.isnan(x), np.inf, x), axis),
}
"""Ufuncs whose reduction selects an entry, and how."""

COMPOSED: dict[tuple[str, str], Callable[..., Any]] = {
    ("divmod", "__call__"): lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    ("modf", "__call__"): lambda x: (x - np.trunc(x), np.trunc(x)),
}
"""Ufuncs made of others that decide."""

DECIDING = {*PIECEWISE, *QUOTIENT, "divmod", "modf", "frexp", "huber", "nextafter", "spacing"}
"""Ufuncs of floating results whose decisions are lost where `follow` does not follow."""


def follows(u: np.ufunc, method: str, operands: Sequence[Any]) -> bool:
    """Whether a ufunc, or one of its methods, takes decisions that are known."""
    name = u.__name__
    if method in ("reduce", "accumulate"):
        return name in SELECTING
    known = name in CONSTANT or (
        (name in PIECEWISE or name in QUOTIENT) and not any(map(np.iscomplexobj, operands))
    )
    return known and method in ("__call__", "outer")


def follow(
    tape: Tape, u: np.ufunc, method: str, operands: Sequence[Any], named: dict[str, Any]
) -> Any:
    """Returns the frozen result of a ufunc that `follows`.

    Args:
        tape: the run's.
        u: the ufunc.
        method: which of its methods, `__call__` or the name of another.
        operands: plain arrays.
        named: the keyword arguments, plain, without `out`.
    """
    if method == "reduce":
        return _reduced(tape, u, operands[0], *operands[1:], **named)
    if method == "accumulate":
        return _accumulated(tape, u, operands[0], *operands[1:], **named)
    if method == "outer":
        a, b = map(np.asarray, operands)
        return _elementwise(tape, u, (a.reshape(a.shape + (1,) * b.ndim), b), named)
    options = {key: value for key, value in named.items() if key != "where"}
    return _elementwise(tape, u, operands, options)


def _elementwise(tape: Tape, u: np.ufunc, operands: Sequence[Any], named: dict[str, Any]) -> Any:
    name = u.__name__
    shape = np.broadcast_shapes(*map(np.shape, operands))
    if name in CONSTANT:
        on_kink = CONSTANT[name]
        return copied(
            tape.decide(
                name,
                shape,
                lambda: copied(u(*operands, **named)),
                lambda _: np.count_nonzero(on_kink(*operands)),
            )
        )
    if name in PIECEWISE:
        return _branches(tape, name, PIECEWISE[name], u(*operands, **named), operands, shape)
    return _remains(tape, name, u(*operands, **named), operands, shape)


def _branches(
    tape: Tape, op: str, rule: Piecewise, value: Any, operands: Sequence[Any], shape: Any
) -> Any:
    """Returns the plain value, with what would branch otherwise computed by its own branch."""
    recorded = tape.decide(
        op,
        shape,
        lambda: rule.choose(*operands),
        lambda _: np.count_nonzero(rule.on_kink(*operands)),
    )
    if tape.recording:
        return value
    flipped = rule.choose(*operands) != recorded
    if not np.any(flipped):
        return value
    fixed = np.array(value)
    for number, branch in enumerate(rule.branches):
        np.copyto(fixed, branch(*operands), "same_kind", where=flipped & (recorded == number))
    return fixed if isinstance(value, np.ndarray) else fixed[()]


def _remains(tape: Tape, op: str, value: Any, operands: Sequence[Any], shape: Any) -> Any:
    """Returns a − q b with the recorded q."""
    a, b = operands
    quotient = np.rint((a - value) / b)
    recorded = tape.decide(
        op, shape, lambda: quotient, lambda _: np.count_nonzero((value == 0) & (a != 0))
    )
    change = quotient - recorded
    return value + change * b if np.any(change) else value


def _reduced(
    tape: Tape,
    u: np.ufunc,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Returns the entry that is largest along some axes, selected as recorded."""
    x = np.asarray(x, dtype)
    if where is not True:
        x = np.where(where, x, initial)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    lines = in_lines(x, axes)
    index = tape.decide(
        f"{u.__name__}.reduce",
        x.shape,
        lambda: SELECTING[u.__name__](lines, -1),
        lambda best: tied(lines, best),
    )
    value = np.take_along_axis(lines, index[..., None], -1)[..., 0]
    if keepdims:
        value = value.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])
    if initial is not None and initial is not np._NoValue:
        return _elementwise(tape, u, (value, initial), {})
    return value if value.ndim or keepdims else value[()]


def _accumulated(tape: Tape, u: np.ufunc, x: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Returns the running maximum, each entry selected as recorded."""
    x = np.asarray(x, dtype)
    axis = normalize_axis_index(axis, x.ndim)

    def last() -> Any:
        places = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        reached = u.accumulate(x, axis=axis) == x
        return np.maximum.accumulate(np.where(reached, places, 0), axis=axis)

    def ties(_: Any) -> int:
        before, here = (np.moveaxis(a, axis, 0) for a in (u.accumulate(x, axis=axis), x))
        return int(np.count_nonzero(before[:-1] == here[1:]))

    index = tape.decide(f"{u.__name__}.accumulate", x.shape, last, ties)
    return np.take_along_axis(x, index, axis)


def in_lines(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Returns an array whose last axis runs over all of some axes."""
    kept = [i for i in range(x.ndim) if i not in axes]
    return x.transpose(*kept, *sorted(axes)).reshape(*(x.shape[i] for i in kept), -1)


def tied(lines: np.ndarray, best: np.ndarray) -> int:
    """Returns how many lines have a second entry that equals the selected one."""
    values = np.take_along_axis(lines, best[..., None], -1)
    return int(np.count_nonzero(np.sum(_equal(lines, values), axis=-1) > 1))


def adjacent(ordered: np.ndarray, axis: int = -1) -> int:
    """Returns how many neighbours in an ordered array are equal."""
    return int(np.count_nonzero(np.diff(ordered, axis=axis) == 0))


def _tied_extremum(select: Callable[..., Any]) -> Callable[..., int]:
    def ties(x: Any, axis: int | None = None, *_: Any, **__: Any) -> int:
        x = np.asarray(x)
        axes = range(x.ndim) if axis is None else [normalize_axis_index(axis, x.ndim)]
        lines = in_lines(x, axes)
        return tied(lines, select(lines, -1))

    return ties


def _tied_order(x: Any, axis: int | None = -1, *_: Any, **__: Any) -> int:
    x = np.ravel(x) if axis is None else np.asarray(x)
    return adjacent(np.sort(x, axis=-1 if axis is None else axis), -1 if axis is None else axis)


TIES: dict[str, Callable[..., int]] = {
    "argmax": _tied_extremum(np.argmax),
    "argmin": _tied_extremum(np.argmin),
    "argsort": _tied_order,
    "nonzero": lambda x: int(np.count_nonzero(x == 0)),
    "searchsorted": lambda a, v, *_, **__: int(np.count_nonzero(np.isin(v, a))),
    "digitize": lambda x, bins, *_, **__: int(np.count_nonzero(np.isin(x, bins))),
}
"""Functions and methods of integer results: the number of entries that are on a kink."""


def is_discrete(result: Any) -> bool:
    """Returns whether a result, or all of a tuple of results, are booleans or integers."""
    if isinstance(result, (tuple, list)):
        return bool(result) and all(map(is_discrete, result))
    if isinstance(result, (np.ndarray, np.generic)):
        return result.dtype.kind in "biu"
    return isinstance(result, bool)


def is_unseen(u: np.ufunc, result: Any, operands: Sequence[Any]) -> bool:
    """Returns whether a ufunc that is not followed decides, or is a Python function inside."""
    if isinstance(result, np.ndarray) and result.dtype.kind == "O":
        return True
    return u.__name__ in DECIDING and not any(map(np.iscomplexobj, operands))


def copied(tree: Any) -> Any:
    """Returns a copy of a constant: the function may write to what it gets."""
    if isinstance(tree, (tuple, list)):
        return type(tree)(map(copied, tree))
    return tree.copy() if isinstance(tree, np.ndarray) else tree
