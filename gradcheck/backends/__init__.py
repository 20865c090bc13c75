"""The few array primitives that the core needs, one short file for each array library.

A backend is asked for by the array it owns; a library is never imported here, only used where the
user has imported it already.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.backends import numpy_backend, torch_backend
from gradcheck.backends.base import Backend, Precision

BACKENDS: tuple[Backend, ...] = (
    numpy_backend.NumpyBackend(),
    torch_backend.TorchBackend(),
)

BLOCK = 2**16
"""Entries of a large array that are looked at together: half a megabyte of float64."""

__all__ = [
    "BACKENDS",
    "Backend",
    "Precision",
    "blocks",
    "coordinates",
    "is_array",
    "is_finite",
    "is_floating",
    "of",
    "size",
]


def of(array: Any) -> Backend:
    """Returns the backend that owns the array.

    Raises:
        TypeError: no backend does.
    """
    backend = _owner(array.__class__)
    if backend is None:
        raise TypeError(f"expected an array, got {type(array).__name__}")
    return backend


def is_array(value: Any) -> bool:
    """Returns whether some backend owns the value."""
    return _owner(value.__class__) is not None


def is_floating(value: Any) -> bool:
    """Returns whether a value is a floating array, real or complex."""
    backend = _owner(value.__class__)
    return backend is not None and backend.is_floating(value)


def coordinates(x: Any) -> tuple[int, ...]:
    """Returns the shape of the coordinates: that of x, with a last axis of two where it is complex.

    >>> import numpy as np
    >>> coordinates(np.zeros(3)), coordinates(np.zeros(3, complex))
    ((3,), (3, 2))
    """
    backend = of(x)
    return (*backend.shape(x), 2) if backend.is_complex(x) else backend.shape(x)


def size(x: Any) -> int:
    """Returns the number of entries of an array."""
    return math.prod(of(x).shape(x))


def blocks(*arrays: Any) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields the coordinates of arrays of one shape, block by block, without a copy of the whole.

    >>> [block.size for block, in blocks(np.zeros((2, BLOCK), np.float32))] == [BLOCK, BLOCK]
    True
    """
    owners = [(of(x), of(x).flat(x)) for x in arrays]
    size = math.prod(coordinates(arrays[0]))
    for start in range(0, size, BLOCK):
        yield tuple(owner.values(flat[start : start + BLOCK]) for owner, flat in owners)


def is_finite(x: Any) -> bool:
    """Returns whether every entry of an array is finite."""
    return all(np.isfinite(block).all() for (block,) in blocks(x))


@lru_cache
def _owner(kind: type) -> Backend | None:
    """Returns the backend of a type of arrays, None for any other type.

    Asked with `__class__`, not `type`: arrays that record what is done to them pass for arrays.
    """
    return next((backend for backend in BACKENDS if backend.owns(kind)), None)
