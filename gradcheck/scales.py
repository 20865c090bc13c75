"""How large the entries of an array are: the unit in which primals are moved and errors judged."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck import backends

WIDE = 2.0**20
"""An array whose magnitudes spread further is also probed at the scale of each entry."""

SQUARES = (2.0**-900, 2.0**900)
"""Sums of squares between these are neither underflown nor overflown."""


def scale(x: Any) -> float:
    """Returns the root mean square of an array, rounded down to a power of two; 1 for zeros.

    >>> scale(np.array([3.0, 4.0])), scale(np.zeros(3))
    (2.0, 1.0)
    """
    rms = length(x) / max(math.prod(backends.coordinates(x)), 1) ** 0.5
    return float(2.0 ** np.floor(np.log2(rms))) if 0.0 < rms < np.inf else 1.0


def length(x: Any) -> float:
    """Returns the root sum of squares, also of numbers whose squares are out of range.

    >>> length(np.array([3e-200, 4e-200])), length(np.zeros(0)), length(np.array([np.inf]))
    (5e-200, 0.0, inf)
    """
    squares = sum(float(np.vdot(block, block)) for (block,) in backends.blocks(x))
    if SQUARES[0] < squares < SQUARES[1]:
        return squares**0.5
    most = largest(x)
    if not 0.0 < most < np.inf:
        return most
    return most * math.hypot(*(np.linalg.norm(block / most) for (block,) in backends.blocks(x)))


def largest(x: Any) -> float:
    """Returns the largest magnitude of an array, 0 where it has no entries."""
    return max((float(np.max(np.abs(block))) for (block,) in backends.blocks(x)), default=0.0)


def seen_through(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns ‖w·v‖₂ for each row w of weights.

    >>> seen_through(np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([3e200, 4e200]))
    array([5.e+200, 6.e+200])
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = np.square(weights) @ np.square(values)
    if np.all((squares > SQUARES[0]) & (squares < SQUARES[1])):
        return np.sqrt(squares)
    return np.array([length(row * values) for row in weights])


def rms(rows: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Returns the root mean square over rows.

    >>> rms([np.array([3e200, 0.0]), np.array([4e200, 0.0])]) * 2**0.5
    array([5.e+200, 0.e+000])
    """
    return np.array([length(column) for column in np.transpose(rows)]) / len(rows) ** 0.5


def spread(x: Any) -> float:
    """Returns the ratio of the largest to the smallest magnitude, zeros apart; 1 for zeros."""
    least, most = np.inf, 0.0
    for (block,) in backends.blocks(x):
        values = np.abs(block)
        solid = values if values.all() else values[values > 0]
        if solid.size:
            least, most = min(least, float(solid.min())), max(most, float(solid.max()))
    return most / least if most else 1.0


def sizes(x: Any) -> np.ndarray:
    """Returns each entry's magnitude rounded down to a power of two; the scale where it is zero."""
    values = backends.of(x).values(x)
    _, exponents = np.frexp(values)
    return np.where(values, np.ldexp(0.5, exponents), scale(x))


def reach(x: Any) -> float | np.ndarray:
    """Returns how far entries are moved: the array's scale, or each its own where they spread."""
    return sizes(x) if spread(x) > WIDE else scale(x)


def lengths(x: Any) -> np.ndarray:
    """Returns the reach entry by entry."""
    return np.broadcast_to(reach(x), backends.coordinates(x))
