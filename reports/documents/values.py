"""A value with the bar that rounding leaves open: arrays of numbers, each ± a radius.

Vectors come in three kinds, as documents write them: columns (n, 1), rows (1, n), and lists (n,)
whose orientation is open. Shapes are strict; what does not conform raises `ShapeClash`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from reports.documents.indices import positions

Numbers: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

MOST_ENTRIES = 10_000
TINY = 1e-12  # relative: what float64 arithmetic itself may lose in a formula


class ShapeClash(Exception):
    """Shapes that do not conform: the message names them."""


class NotEvaluable(Exception):
    """A tree without a value: the message says what is not known."""


class Undefined(Exception):
    """A value that does not exist: a division by zero, a number beyond all bounds."""


class NoNumber(Undefined):
    """A value that no reading gives: the logarithm or the root of a negative number."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number, vector or matrix, and how far each entry may be off by rounding."""

    value: Numbers
    bar: Numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape; () for a number."""
        return self.value.shape

    @property
    def is_vector(self) -> bool:
        """Whether it is a row, a column or a list."""
        return self.value.ndim == 1 or (self.value.ndim == 2 and 1 in self.shape)


def quantity(value: object, bar: object = 0.0) -> Quantity:
    """Returns a quantity; one entry alone is a number."""
    array = np.asarray(value, dtype=np.float64)
    if array.size > MOST_ENTRIES:
        raise ShapeClash(f"more than {MOST_ENTRIES} entries")
    radius = np.abs(np.asarray(bar, dtype=np.float64))
    if radius.shape != array.shape:
        radius = np.full(array.shape, radius)
    if array.shape == (1, 1):
        array, radius = array.reshape(()), radius.reshape(())
    if not np.isfinite(array).all():
        raise Undefined("it is not a finite number")
    return Quantity(array, radius)


def size(shape: tuple[int, ...]) -> str:
    """Returns a shape in words."""
    if not shape:
        return "a number"
    return f"a list of {shape[0]}" if len(shape) == 1 else f"{shape[0]}×{shape[1]}"


def add(a: Quantity, b: Quantity, sign: int = 1, *, broadcast: str = "") -> Quantity:
    """Returns a ± b.

    Args:
        a: the left side.
        b: the right side.
        sign: 1 or −1.
        broadcast: "rows" or "columns" spreads a vector over a matrix; "" is strict, but for a
            number, and for a list, which takes the orientation of the other.

    Raises:
        ShapeClash: the shapes differ.
    """
    a, b = aligned(a, b, "plus" if sign > 0 else "minus", broadcast)
    return quantity(a.value + sign * b.value, a.bar + b.bar)


def aligned(a: Quantity, b: Quantity, word: str, broadcast: str = "") -> tuple[Quantity, Quantity]:
    """Returns both in one shape."""
    if a.shape == b.shape or not a.shape or not b.shape:
        return a, b
    if a.value.ndim == 1 and b.is_vector and a.value.size == b.value.size:
        return _reshaped(a, b.shape), b
    if b.value.ndim == 1 and a.is_vector and a.value.size == b.value.size:
        return a, _reshaped(b, a.shape)
    if broadcast:
        matrix, vector = (a, b) if a.value.size >= b.value.size else (b, a)
        if matrix.value.ndim == 2 and vector.is_vector and 1 not in matrix.shape:
            spread = _spread(vector, matrix.shape, broadcast)
            if spread is not None:
                return (a, spread) if matrix is a else (spread, b)
    raise ShapeClash(f"{size(a.shape)} {word} {size(b.shape)} is not defined")


def _reshaped(a: Quantity, shape: tuple[int, ...]) -> Quantity:
    return Quantity(a.value.reshape(shape), a.bar.reshape(shape))


def _spread(vector: Quantity, shape: tuple[int, ...], how: str) -> Quantity | None:
    """Returns a vector repeated as each row, or as each column, of a matrix."""
    rows = how == "rows"
    if vector.value.size != shape[1 if rows else 0]:
        return None
    flat = (1, -1) if rows else (-1, 1)
    value, bar = vector.value.reshape(flat), vector.bar.reshape(flat)
    return Quantity(np.broadcast_to(value, shape), np.broadcast_to(bar, shape))


def hadamard(a: Quantity, b: Quantity, *, broadcast: str = "") -> Quantity:
    """Returns the entry-by-entry product."""
    a, b = aligned(a, b, "times, entry by entry,", broadcast)
    bar = np.abs(a.value) * b.bar + np.abs(b.value) * a.bar + a.bar * b.bar
    return quantity(a.value * b.value, bar)


def divide(a: Quantity, b: Quantity) -> Quantity:
    """Returns a / b, entry by entry: how vectors stand does not matter.

    Raises:
        Undefined: an entry of b is zero.
    """
    if a.shape and b.shape and same_shape(a, b):
        b = _reshaped(b, a.shape)
    a, b = aligned(a, b, "divided by")
    if np.any(b.value == 0):
        raise Undefined("a division by zero")
    ratio = a.value / b.value
    least = np.abs(b.value) - b.bar
    bar = np.where(least > 0, (a.bar + np.abs(ratio) * b.bar) / np.where(least > 0, least, 1), 1e9)
    return quantity(ratio, bar)


def matmul(a: Quantity, b: Quantity) -> Quantity:
    """Returns the matrix product; a list takes the orientation that conforms.

    Raises:
        ShapeClash: the shapes do not conform.
    """
    if not a.shape or not b.shape:
        return hadamard(a, b)
    left, right = a.value.ndim == 1, b.value.ndim == 1
    x, y = a.value, b.value
    if left and right:
        if x.size != y.size:
            raise ShapeClash(f"{size(a.shape)} times {size(b.shape)} does not conform")
        return quantity(x @ y, np.abs(x) @ b.bar + a.bar @ np.abs(y) + a.bar @ b.bar)
    if left:
        a = _reshaped(a, (1, -1) if x.size == y.shape[0] else (-1, 1))
    if right:
        b = _reshaped(b, (-1, 1) if y.size == x.shape[1] else (1, -1))
    x, y = a.value, b.value
    if x.shape[1] != y.shape[0]:
        raise ShapeClash(f"{size(a.shape)} times {size(b.shape)} does not conform")
    result = quantity(x @ y, np.abs(x) @ b.bar + a.bar @ np.abs(y) + a.bar @ b.bar)
    if (left or right) and result.shape and 1 in result.shape:
        return _reshaped(result, (-1,))
    return result


def correlate(a: Quantity, b: Quantity, *, flipped: bool = False) -> Quantity:
    """Returns the convolution of networks, with stride 1 and no padding; flipped, the true one.

    Raises:
        ShapeClash: the smaller does not fit into the larger.
    """
    image, kernel = (a, b) if a.value.size >= b.value.size else (b, a)
    rows, columns = (i - k + 1 for i, k in zip(image.shape, kernel.shape, strict=True))
    if rows < 1 or columns < 1:
        raise ShapeClash(f"{size(kernel.shape)} does not fit into {size(image.shape)}")
    k, k_bar = kernel.value, kernel.bar
    if flipped:
        k, k_bar = k[::-1, ::-1], k_bar[::-1, ::-1]
    window = np.lib.stride_tricks.sliding_window_view
    views, bars = window(image.value, k.shape), window(image.bar, k.shape)
    bar = np.sum(np.abs(views) * k_bar + bars * (np.abs(k) + k_bar), axis=(2, 3))
    return quantity(np.sum(views * k, axis=(2, 3)), bar)


def outer(a: Quantity, b: Quantity) -> Quantity:
    """Returns a bᵀ of two vectors.

    Raises:
        ShapeClash: one of them is no vector.
    """
    if not a.shape or not b.shape:
        return hadamard(a, b)
    if not (a.is_vector and b.is_vector):
        raise ShapeClash(f"no outer product of {size(a.shape)} and {size(b.shape)}")
    return matmul(_reshaped(a, (-1, 1)), _reshaped(b, (1, -1)))


def inner(a: Quantity, b: Quantity) -> Quantity:
    """Returns aᵀ b of two vectors.

    Raises:
        ShapeClash: they are no vectors of one length.
    """
    if not (a.shape and b.shape and a.is_vector and b.is_vector):
        raise ShapeClash(f"no inner product of {size(a.shape)} and {size(b.shape)}")
    return matmul(_reshaped(a, (-1,)), _reshaped(b, (-1,)))


def listed(a: Quantity) -> Quantity:
    """Returns a vector in an open orientation."""
    return _reshaped(a, (-1,))


def transposed(a: Quantity) -> Quantity:
    """Returns aᵀ; a list becomes a row, since documents write lists for columns."""
    if a.value.ndim == 1:
        return a
    return Quantity(a.value.T, a.bar.T)


def mapped(f: Callable[[Numbers], Numbers], a: Quantity) -> Quantity:
    """Returns a function of every entry, with the bar that its values on either side leave.

    Raises:
        Undefined: the function is not defined there.
    """
    with np.errstate(all="ignore"):
        value = f(a.value)
        if not np.isfinite(value).all():
            if np.isnan(value).any():
                raise NoNumber("a function outside of its domain: it has no value here")
            raise Undefined("a number beyond all bounds")
        if not a.bar.any():
            return quantity(value)
        low, high = f(a.value - a.bar), f(a.value + a.bar)
        bar = np.maximum(np.abs(low - value), np.abs(high - value))
        return quantity(value, np.where(np.isfinite(bar), bar, 1e9))


SLOPE_STEP = 1e-3


def sloped(function: Callable[[Quantity], Quantity], at: Quantity) -> Quantity:
    """Returns the slope of a function of every entry: central differences, one Richardson step."""
    step = SLOPE_STEP * np.maximum(1.0, np.abs(at.value))

    def central(h: Numbers) -> Numbers:
        return (function(quantity(at.value + h)).value - function(quantity(at.value - h)).value) / (
            2 * h
        )

    coarse, fine = central(step), central(step / 2)
    bend = np.abs(central(step / 2 + at.bar) - fine) if np.any(at.bar) else 0.0
    value = fine + (fine - coarse) / 3
    return quantity(value, 1e-7 * np.maximum(1.0, np.abs(value)) + bend)


def stepped(a: Quantity, function: Callable[[Numbers], Numbers]) -> Quantity:
    """Returns a number rounded down or up.

    Raises:
        NotEvaluable: its own rounding leaves open to which number.
    """
    tiny = 1e-9 * np.maximum(1.0, np.abs(a.value))
    low, high = function(a.value - a.bar - tiny), function(a.value + a.bar + tiny)
    whole = np.abs(a.value - np.round(a.value)) <= tiny
    if np.any((low != high) & ~whole):
        raise NotEvaluable("a rounding that is open")
    return quantity(np.where(whole, np.round(a.value), function(a.value)))


SIDE_STEP, SIDES = 1e-6, 1e-4
"""How far beside a point both slopes are taken, and by how much they may differ."""


def sided(function: Callable[[Quantity], Quantity], at: Quantity) -> Quantity:
    """Returns the slope of a function that is defined by cases.

    Raises:
        NotEvaluable: the slopes on both sides differ.
    """
    step = SIDE_STEP * np.maximum(1.0, np.abs(at.value))
    below, here, above = (function(quantity(at.value + h)).value for h in (-step, 0 * step, step))
    left, right = (here - below) / step, (above - here) / step
    scale = SIDES * np.maximum(1.0, np.abs(left))
    if np.any(np.abs(left - right) > scale):
        raise NotEvaluable("a slope where two cases meet")
    return quantity((left + right) / 2, scale)


def power(a: Quantity, b: Quantity) -> Quantity:
    """Returns a to the power of the number b, entry by entry.

    Raises:
        ShapeClash: b is no number.
        Undefined: the power does not exist.
    """
    if b.shape:
        raise ShapeClash("a power with more than one exponent")
    exponent = float(b.value)
    if abs(exponent) > 1000:
        raise Undefined("an exponent beyond 1000")
    if np.any(b.bar):
        exponents = (exponent, exponent - float(b.bar), exponent + float(b.bar))
        with np.errstate(all="ignore"):
            values = [a.value**e for e in exponents]
        spread = np.max([np.abs(v - values[0]) for v in values], axis=0)
        return quantity(values[0], spread + mapped(lambda x: x**exponent, a).bar)
    return mapped(lambda x: x**exponent, a)


def inverse(a: Quantity) -> Quantity:
    """Returns the inverse of a matrix.

    Raises:
        ShapeClash: it is not square.
        Undefined: it has none.
    """
    _square(a)
    try:
        value = np.linalg.inv(a.value)
    except np.linalg.LinAlgError as error:
        raise Undefined("the inverse of a singular matrix") from error
    size_ = np.abs(value)
    return quantity(value, size_ @ a.bar @ size_)


def determinant(a: Quantity) -> Quantity:
    """Returns the determinant of a matrix.

    Raises:
        ShapeClash: it is not square.
    """
    _square(a)
    value = float(np.linalg.det(a.value))
    cofactors = np.abs(inverse(a).value.T * value) if np.any(a.bar) else 0.0
    return quantity(value, float(np.sum(cofactors * a.bar)))


def trace(a: Quantity) -> Quantity:
    """Returns the trace of a matrix; of a number the number.

    Raises:
        ShapeClash: it is not square.
    """
    if not a.shape:
        return a
    _square(a)
    return quantity(np.trace(a.value), np.trace(a.bar))


def _square(a: Quantity) -> None:
    if a.value.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ShapeClash(f"{size(a.shape)} is not square")


def stack(rows: list[list[Quantity]], *, flat: bool) -> Quantity:
    """Returns numbers as an array; entries that are arrays are joined as blocks.

    Raises:
        ShapeClash: the entries do not fit together.
    """
    if len({len(row) for row in rows}) > 1:
        raise ShapeClash("the rows of an array differ in length")
    if all(not q.shape for row in rows for q in row):
        value = np.array([[float(q.value) for q in row] for row in rows])
        bar = np.array([[float(q.bar) for q in row] for row in rows])
        return Quantity(value[0], bar[0]) if flat else quantity(value, bar)
    try:
        value = np.block([[np.atleast_2d(q.value) for q in row] for row in rows])
        bar = np.block([[np.atleast_2d(q.bar) for q in row] for row in rows])
    except ValueError as error:
        raise ShapeClash("the blocks of an array do not fit together") from error
    return quantity(value, bar)


def same_shape(a: Quantity, b: Quantity) -> bool:
    """Whether two values can be compared entry by entry; the orientation of vectors is open."""
    if a.shape == b.shape:
        return True
    vectors = a.shape and b.shape and a.is_vector and b.is_vector
    if vectors and a.value.size == b.value.size:
        return True
    return a.value.size == b.value.size == 1


def flat(a: Quantity) -> Numbers:
    """Returns the entries in a row."""
    return a.value.reshape(-1)


def entry(array: Quantity, script: str) -> Quantity | None:
    """Returns the entry of a vector, or of a matrix, that a script names; None where it has none.

    >>> float(entry(quantity([4.0, 5.0]), "2").value)
    5.0
    """
    place = _place(array, script)
    if place is None:
        return None
    extents = _extents(array)
    return quantity(array.value.reshape(extents)[place], array.bar.reshape(extents)[place])


def with_entry(array: Quantity, script: str, value: Quantity) -> Quantity:
    """Returns an array with another value for the entry that a script names; itself without one.

    >>> with_entry(quantity([4.0, 5.0]), "2", quantity(6.0)).value.tolist()
    [4.0, 6.0]
    """
    place = _place(array, script)
    if place is None or value.shape:
        return array
    entries = array.value.reshape(_extents(array)).copy()
    entries[place] = value.value
    return Quantity(entries.reshape(array.shape), array.bar)


def _extents(array: Quantity) -> tuple[int, ...]:
    return (array.value.size,) if array.is_vector else array.shape


def _place(array: Quantity, script: str) -> tuple[int, ...] | None:
    at, extents = positions(script, 1 if array.is_vector else 2), _extents(array)
    if not array.shape or len(at) != len(extents):
        return None
    if not all(1 <= i <= n for i, n in zip(at, extents, strict=True)):
        return None
    return tuple(i - 1 for i in at)


def norm(a: Quantity, order: float, named: str = "") -> Quantity:
    """Returns a norm; of order 0 the absolute value of a number, the determinant of a matrix.

    Args:
        a: a number, vector or matrix.
        order: 1, 2, or 0 for bars.
        named: what stands below the bars; of a matrix, 1 and 2 are norms of what it does.

    Raises:
        NotEvaluable: bars around a vector.
    """
    if order == 0:
        if a.is_vector:
            raise NotEvaluable("bars around a vector")
        return determinant(a) if a.shape else mapped(np.abs, a)
    if named in {"1", "2"} and a.shape and not a.is_vector:
        raise NotEvaluable("a norm of a matrix that may be one of several")
    entries, bars = np.abs(flat(a)), a.bar.reshape(-1)
    if order == 1:
        return quantity(entries.sum(), bars.sum())
    length = float(np.sqrt(np.sum(entries**2)))
    return quantity(length, float(np.sqrt(np.sum((entries + bars) ** 2))) - length)


def softmax(a: Quantity) -> Quantity:
    """Returns the softmax of a vector, or of each row of a matrix.

    Raises:
        NotEvaluable: a is one number.
    """
    if not a.shape:
        raise NotEvaluable("softmax of one number")
    axis = None if a.is_vector else 1
    shifted = np.exp(a.value - np.max(a.value, axis=axis, keepdims=True))
    p = shifted / np.sum(shifted, axis=axis, keepdims=True)
    bar = p * (a.bar + np.sum(p * a.bar, axis=axis, keepdims=True)) * (1 + 2 * np.max(a.bar))
    return quantity(p, bar)
